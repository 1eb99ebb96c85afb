"""What people are told about a database that does not fit the code: what is wrong, and which command mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from translationstring import TranslationString

from flasky.database.engine import sqlite_file
from flasky.languages import _
from flasky.settings import redact_url
from flasky.site import Site

#: SQLite's names for a file that is no database, or no longer a whole one (F25).
_DAMAGED = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
#: PostgreSQL: there is no database of that name.
_INVALID_CATALOG_NAME = "3D000"


def upgrade_command(site: Site) -> str:
    """The command that brings the database to the newest schema, for this site's INI file."""
    return f"alembic -c {_shown(site)} upgrade heads"


def revision_command(site: Site, message: str) -> str:
    """The command that writes a revision for changed models."""
    return f'alembic -c {_shown(site)} revision --autogenerate -m "{message}"'


def _shown(site: Site) -> str:
    file = Path(site.ini_file)
    if not site.ini_file:
        return "development.ini"
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def shown_database(site: Site) -> str:
    """The database's file, or its URL without the password."""
    url = site.settings["sqlalchemy.url"]
    return str(sqlite_file(url) or redact_url(url))


def ahead_of_the_code(revisions: Iterable[tuple[str, str]]) -> TranslationString:
    """Say that the database was migrated by newer code; `revisions` are ids, each with its chain."""
    named = listed([revision_of(revision, chain) for revision, chain in revisions])
    return _(
        "The database is ahead of the code: it is at revision ${named}, which this installation does not have. "
        "Install the version that made it, or go back to the backup from before. Nothing was changed: migrations "
        "are never undone by themselves.",
        mapping={"named": named},
    )


def revision_of(revision: str, chain: str) -> TranslationString | str:
    """A revision and whose it is; nobody's when `chain` is empty."""
    return _("${revision} of ${chain}", mapping={"revision": revision, "chain": chain}) if chain else revision


def listed(texts: Sequence[TranslationString | str]) -> TranslationString | str:
    """Texts, of which there is at least one, in a row, each of them translated with it."""
    first, *others = texts
    return _("${first}; ${others}", mapping={"first": first, "others": listed(others)}) if others else first


def is_damaged(error: BaseException) -> bool:
    """Whether the SQLite file is not a database, or is damaged."""
    return isinstance(error, DBAPIError) and _sqlite_name(error) in _DAMAGED


def _sqlite_name(error: DBAPIError) -> str:
    # SQLITE_CORRUPT_VTAB and the like are kinds of SQLITE_CORRUPT.
    name: str = getattr(error.orig, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])


def is_missing(error: BaseException) -> bool:
    """Whether the PostgreSQL server says that there is no such database."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    # While connecting, the driver has no state yet, only the server's words.
    return state == _INVALID_CATALOG_NAME or (
        state is None and 'database "' in str(error.orig) and "does not exist" in str(error.orig)
    )


def why_unavailable(error: DBAPIError | PoolTimeout, site: Site) -> TranslationString:
    """Say in words why the database could not be used."""
    place = {"place": shown_database(site)}
    if isinstance(error, PoolTimeout):
        return _("Every connection to ${place} is in use.", mapping=place)
    detail = {**place, "detail": str(error.orig).strip()}
    if is_damaged(error):
        return _(
            "${place} is not an SQLite database or is damaged: ${detail}. "
            "Put a backup in its place (docs/operations/database.md).",
            mapping=detail,
        )
    if is_missing(error):
        return _(
            "There is no database ${place} on the server. Make it with createdb, then: ${command}",
            mapping={**place, "command": upgrade_command(site)},
        )
    if isinstance(error.orig, sqlite3.Error):
        kind = _sqlite_name(error)
        if kind == "SQLITE_BUSY":
            return _("${place} is locked: another process has been writing to it for too long.", mapping=place)
        if kind == "SQLITE_CANTOPEN":
            return _("${place} cannot be opened. Check that its folder exists and may be written to.", mapping=place)
        if kind == "SQLITE_READONLY":
            return _("${place} or its folder may not be written to by this user.", mapping=place)
        if kind == "SQLITE_FULL":
            return _("The disk of ${place} is full. Make room there.", mapping=place)
    return _("The database ${place} cannot be used: ${detail}", mapping=detail)
