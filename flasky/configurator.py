"""Pyramid's configurator, which notes where a directive was called without reading the file that it was called in.

A conflict is told with both places. Pyramid takes each from a traceback of four lines with their source: it reads the
files of all four, and asks each time whether they have changed meanwhile. Flasky tells file and line alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from pyramid.config import Configurator as PyramidConfigurator

#: What Pyramid gives to methods and directives that note where they were called, and only to those.
_MARK = "__docobj__"


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, told where it is called (by the option that `view_config` uses, too)."""

    @wraps(method)
    def noted(*arguments: Any, **options: Any) -> Any:
        if "_info" not in options:
            frame = sys._getframe(1)  # noqa: SLF001 - `inspect.currentframe` is the same, or None
            options["_info"] = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, "")
        return method(*arguments, **options)

    return noted


class Configurator(PyramidConfigurator):  # type: ignore[misc] # Pyramid has no types
    """The configurator of an application; `includeme` functions are given one of this class, too."""

    def __getattr__(self, name: str) -> Any:
        """A directive. Raises AttributeError."""
        directive = super().__getattr__(name)
        return _noting(directive) if hasattr(directive, _MARK) else directive


for _name in dir(PyramidConfigurator):
    _method = getattr(PyramidConfigurator, _name)
    if hasattr(_method, _MARK):
        setattr(Configurator, _name, _noting(_method))
