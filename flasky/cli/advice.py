"""What a database error means to somebody at a terminal, and what to do about it."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from flasky.migrations.state import Kind, explain_missing_table, schema_state
from flasky.site import Site

#: By the names of SQLite and the codes of PostgreSQL.
_MEANINGS = {
    "SQLITE_CONSTRAINT_UNIQUE": "Another row already has this value",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "Another row already has this value",
    "23505": "Another row already has this value",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "This refers to a row that does not exist, or that another row still needs",
    "23503": "This refers to a row that does not exist, or that another row still needs",
    "SQLITE_CONSTRAINT_NOTNULL": "A value is missing",
    "23502": "A value is missing",
    "SQLITE_BUSY": "Somebody else is writing to the database; try again",
}


def advice(error: DBAPIError, site: Site) -> str:
    """Say what `error` means for `site`, and which command helps if one does."""
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    if name == "SQLITE_CANTOPEN" and (state := schema_state(site)).kind is Kind.MISSING:
        return f"{state.message} {state.command}"
    if missing := explain_missing_table(error, site):
        return missing
    meaning = f"{_MEANINGS[name]}. " if name in _MEANINGS else ""
    return f"{meaning}Nothing since the last commit is stored."
