"""What keeps Flasky from starting is told in words, not with a traceback.

`pserve`, `pshell` and `alembic` print a traceback for whatever their application raises, and `pserve` turns even
SystemExit into exit status 0. So the reasons for not starting are ordinary exceptions, which a program can catch,
and the hook that Python calls for an uncaught one prints them as lines; the exit status is 1 either way
(docs/decisions/0010-refusing-to-start.md).
"""

from __future__ import annotations

import configparser
import sys
from types import TracebackType

from flasky.ini import CannotStart, explain

__all__ = ["CannotStart", "show_plainly"]


def show_plainly() -> None:
    """From now on print an uncaught `CannotStart`, or a fault of the INI file itself, without a traceback.

    Everything else is printed as before. Called where something can refuse to start, as often as one likes.
    """
    if sys.excepthook is not _show:
        _show.previous = sys.excepthook  # type: ignore[attr-defined]
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, CannotStart):
        sys.stderr.write(f"{error}\n")
    elif isinstance(error, configparser.Error):
        sys.stderr.write(f"{explain(error)}\n")
    else:
        _show.previous(kind, error, traceback)  # type: ignore[attr-defined]
