"""Which HTTP status an error of the database comes to, by the code that the database gave it.

Codes rather than classes: SQLAlchemy's OperationalError holds a locked file as well as a missing table, and a
corrupt file is no OperationalError at all (F25). SQLite's names are its result codes (sqlite.org/rescode.html), the
five characters are SQLSTATE (PostgreSQL, appendix A).
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from transaction.interfaces import TransientError

from flasky.database.session import SAFE_METHODS

#: Result codes, with all codes that extend them, that say: not now.
_SQLITE_UNAVAILABLE = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
    "SQLITE_IOERR",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_NOMEM",
    "SQLITE_PERM",
    "SQLITE_AUTH",
    "SQLITE_PROTOCOL",
)
#: Connection lost, out of resources, an administrator's doing, system error, transaction lost against another one,
#: lock not available, corrupt.
_SQLSTATE_UNAVAILABLE = ("08", "53", "57", "58", "40", "55P03", "25006", "XX001", "XX002", "28", "3D000")
#: Written to on a connection that only reads.
_READ_ONLY = frozenset({"SQLITE_READONLY", "25006"})


def database_status(error: BaseException, method: str) -> int | None:
    """503, 409 or 400 when the database, and not the code, explains `error`; else None.

    `method` is the request's: a write refused on a connection that only reads is, for a method that may not write,
    a mistake in the view.
    """
    if isinstance(error, PoolTimeout | TransientError):
        return 503
    if isinstance(error, IntegrityError | StaleDataError):
        return 409
    if isinstance(error, DataError) or _refused_value(error):
        return 400
    if isinstance(error, DBAPIError):
        return 503 if _is_unavailable(error, method) else None
    return None


def _is_unavailable(error: DBAPIError, method: str) -> bool:
    code = code_of(error)
    if code in _READ_ONLY and method in SAFE_METHODS:
        return False
    if code.startswith("SQLITE_"):
        return code.startswith(_SQLITE_UNAVAILABLE)
    if code:
        return code.startswith(_SQLSTATE_UNAVAILABLE)
    # The driver could not ask the server at all.
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def code_of(error: DBAPIError) -> str:
    """SQLite's result code or the SQLSTATE; empty for an error of the driver itself."""
    original: Any = error.orig
    return getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or ""


def _refused_value(error: BaseException) -> bool:
    """Whether the driver found that a value fits no column: a number too large, half of a surrogate pair."""
    if isinstance(error, OverflowError | UnicodeEncodeError):
        return _raised_below(error.__traceback__, ("sqlalchemy.", "psycopg"))
    return isinstance(error, ValueError) and _raised_below(error.__traceback__, ("psycopg",))


def _raised_below(traceback: TracebackType | None, packages: tuple[str, ...]) -> bool:
    module = ""
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    return module.startswith(packages)
