"""Which database errors are worth another attempt by pyramid_retry.

zope.sqlalchemy already marks PostgreSQL's serialization failures and deadlocks; SQLite's "database is locked" it
does not know, and pyramid_retry does nothing about it without this mark.
"""

from __future__ import annotations

import sqlite3

from pyramid_retry import mark_error_retryable
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_BUSY = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"})


def mark_retryable(engine: Engine) -> None:
    """Let an error that says "somebody else is writing" be tried again."""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        original = context.original_exception
        if isinstance(original, sqlite3.OperationalError) and original.sqlite_errorname in _BUSY:
            mark_error_retryable(context.sqlalchemy_exception or original)
