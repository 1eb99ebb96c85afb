"""Telling authors of plug-ins what goes, one minor version before it does (docs/plugins/contract.md).

What is deprecated works as before, and says so to whoever calls it: `warn_deprecated("config.add_thing(…)",
"config.add_other(…)", gone_in="0.3")` is its first line.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from itertools import dropwhile
from types import FrameType

from flasky.loader import available

#: Who stands between a plug-in and what it calls.
_BETWEEN = ("flasky", "pyramid", "venusian", "zope")


def warn_deprecated(old: str, new: str, *, gone_in: str) -> None:
    """Warn (DeprecationWarning) that `old` goes in Flasky `gone_in`, and that `new` takes its place.

    The warning names the plug-in that calls it, and has its file and line: the innermost call of a plug-in counts, and
    without one the innermost from outside of Flasky. The plug-in that has the deprecated thing does not count, up to
    where another calls it.
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
    for frame in _outside_of_the_deprecated(plugins):
        if owner := _plugin_of(frame, plugins):
            return frame, plugins[owner]
        if outside is None and _module(frame).partition(".")[0] not in _BETWEEN:
            outside = frame
    return outside, None


def _outside_of_the_deprecated(plugins: Mapping[str, EntryPoint]) -> Iterator[FrameType]:
    """The calls from the one of what is deprecated on: without it, and what its own plug-in has around it."""
    frames = dropwhile(lambda frame: _module(frame) == __name__, _frames())
    deprecated = next(frames, None)
    if deprecated is None:
        return iter(())
    home = _plugin_of(deprecated, plugins)
    return dropwhile(lambda frame: bool(home) and _plugin_of(frame, plugins) == home, frames)


def _plugin_of(frame: FrameType, plugins: Mapping[str, EntryPoint]) -> str:
    """The package of the plug-in that the frame's code is in; empty if it is in none."""
    package = _module(frame)
    while package and package not in plugins:
        package = package.rpartition(".")[0]
    return package


def _frames() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _version(owner: EntryPoint) -> str:
    return f" {owner.dist.version}" if owner.dist else ""
