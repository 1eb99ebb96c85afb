"""What a database error means to somebody at a terminal, and what to do about it."""

from __future__ import annotations

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
_UNDEFINED_TABLE = "42P01"


def advice(error: BaseException, ini_file: str) -> str:
    """Say what `error`, which the database driver raised, means, and which command helps if one does."""
    name = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""
    if name in {_UNDEFINED_TABLE, "SQLITE_CANTOPEN"} or "no such table" in str(error):
        return f"The schema is not there. Make it: alembic -c {ini_file} upgrade head."
    meaning = f"{_MEANINGS[name]}. " if name in _MEANINGS else ""
    return f"{meaning}Nothing since the last commit is stored."
