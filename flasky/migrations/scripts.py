"""Where Alembic's scripts of what ships are: in the repository at its top, in an installed Flasky inside the package.

Why there are two places: docs/decisions/0033-migrations-in-the-wheel.md.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def scripts_folder() -> Path:
    """The folder with ``env.py`` and ``versions/``, what `script_location` in an INI file names."""
    installed = _PACKAGE / "_alembic"
    return installed if installed.is_dir() else _PACKAGE.parent / "alembic"


def script_location() -> str:
    """What an INI file says to name that folder, wherever it stands."""
    folder = scripts_folder()
    return "flasky:_alembic" if folder.name == "_alembic" else str(folder)
