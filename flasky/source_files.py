"""Python's index of which module a file is, told beforehand of the files of Flasky and of its plug-ins.

Each `view_config` asks `inspect` twice where it stands. For a file that is not in its index, `inspect` looks up the
true path of the file of every imported module, although whoever imported this one knew.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from traceback import walk_stack

_INITIAL, _MAIN, _SUFFIX = "__init__.py", "__main__.py", ".py"


def know_files(package: str) -> None:
    """Enter the Python files of a package, whether or not they are imported. The package itself is imported."""
    # A plug-in may be a single module.
    for folder in getattr(import_module(package), "__path__", ()):
        _enter(_modules_in(folder, package))


def know_callers() -> None:
    """Enter the files of the functions that are at work: pyramid_jinja2 asks for each of them when it is included."""
    frame = sys._getframe()  # noqa: SLF001 - `inspect.currentframe` is the same, or None
    _enter((each.f_code.co_filename, each.f_globals.get("__name__", "")) for each, _line in walk_stack(frame))


def _enter(modules: Iterable[tuple[str, str]]) -> None:
    """Enter files, each with the name of its module; what is in the index stays as it is.

    The index is not a documented part of `inspect`: on a Python without it nothing happens, and each file is looked
    for as before.
    """
    index = getattr(inspect, "modulesbyfile", None)
    if isinstance(index, dict):
        for file, module in modules:
            index.setdefault(file, module)


def _modules_in(root: str, package: str) -> Iterator[tuple[str, str]]:
    """Each file, as the code in it names it, with the name of its module."""
    for folder, inner, names in os.walk(root):
        if _INITIAL not in names:
            inner.clear()
            continue
        name = package + folder[len(root) :].replace(os.sep, ".")
        for file in names:
            # A `__main__.py` is mostly a program, whose module is called `__main__`.
            if file.endswith(_SUFFIX) and file != _MAIN:
                module = name if file == _INITIAL else f"{name}.{file.removesuffix(_SUFFIX)}"
                yield f"{folder}{os.sep}{file}", module
