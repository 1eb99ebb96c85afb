"""Telling authors of plug-ins what goes, one minor version before it does (docs/plugins/contract.md).

What is deprecated works as before, and says so to whoever calls it: `warn_deprecated("config.add_thing(…)",
"config.add_other(…)", gone_in="0.3")` is its first line.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import FrameType

from flasky.loader import available

#: Who stands between a plug-in and what it calls.
_BETWEEN = ("flasky", "pyramid", "venusian", "zope")


def warn_deprecated(old: str, new: str, *, gone_in: str) -> None:
    """Warn (DeprecationWarning) that `old` goes in Flasky `gone_in`, and that `new` takes its place.

    The warning names the plug-in that calls it, and has its file and line: the innermost call of a plug-in counts, and
    without one the innermost from outside of Flasky.
    """
    frame, owner = _caller()
    if frame is None:
        return
    who = f"the plug-in {owner.name!r}{_version(owner)}" if owner else "the site's own code"
    file, line = frame.f_code.co_filename, frame.f_lineno
    warnings.warn_explicit(
        f"{file}, line {line}: {who} uses {old}, which goes in Flasky {gone_in}: write {new}",
        DeprecationWarning,
        file,
        line,
        module=_module(frame),
        # Once for each place, as Python's own `warnings.warn` has it.
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _caller() -> tuple[FrameType | None, EntryPoint | None]:
    plugins = {entry.module: entry for entry in available().values()}
    outside: FrameType | None = None
    for frame in _frames():
        package = _module(frame)
        while package:
            if package in plugins:
                return frame, plugins[package]
            package = package.rpartition(".")[0]
        if outside is None and _module(frame).partition(".")[0] not in _BETWEEN:
            outside = frame
    return outside, None


def _frames() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _version(owner: EntryPoint) -> str:
    return f" {owner.dist.version}" if owner.dist else ""
