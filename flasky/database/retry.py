"""Which database errors are worth another attempt by pyramid_retry.

zope.sqlalchemy knows PostgreSQL's serialization failures and deadlocks, but is asked about them only while the view
runs: not about one in COMMIT, nor in the flush before it, where most of them happen. SQLite's "database is locked" it
does not know at all. So every such error is marked where the driver raises it.
"""

from __future__ import annotations

from pyramid_retry import mark_error_retryable
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_BUSY = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED"})
#: The class of SQLSTATE codes "transaction rollback": serialization failure, deadlock.
_ROLLED_BACK = "40"


def mark_retryable(engine: Engine) -> None:
    """Let an error that says "somebody else is writing" be tried again."""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        original = context.original_exception
        busy = getattr(original, "sqlite_errorname", None) in _BUSY
        if busy or str(getattr(original, "sqlstate", None)).startswith(_ROLLED_BACK):
            mark_error_retryable(context.sqlalchemy_exception or original)
