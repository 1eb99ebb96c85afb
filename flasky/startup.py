"""What keeps Flasky from starting is told in words, not with a traceback.

`pserve`, `pshell` and `alembic` print a traceback for whatever their application raises, and `pserve` turns even
SystemExit into exit status 0. So the reasons for not starting are ordinary exceptions, which a program can catch,
and the hook that Python calls for an uncaught one prints them as lines; the exit status is 1 either way
(docs/decisions/0030-refusing-to-start.md).
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from flasky.ini import CannotStart, explain

__all__ = ["CannotStart", "show_plainly"]


class _PlainHook:
    """An excepthook that passes on what it does not know."""

    def __init__(self, former: Callable[..., Any]) -> None:
        self._former = former

    def __call__(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, CannotStart):
            sys.stderr.write(f"{error}\n")
        elif isinstance(error, configparser.Error):
            sys.stderr.write(f"{explain(error)}\n")
        else:
            self._former(kind, error, traceback)


def show_plainly() -> None:
    """From now on print an uncaught `CannotStart`, or a fault of the INI file itself, without a traceback.

    Everything else is printed as before. Called where something can refuse to start, as often as one likes.
    """
    if not isinstance(sys.excepthook, _PlainHook):
        sys.excepthook = _PlainHook(sys.excepthook)
