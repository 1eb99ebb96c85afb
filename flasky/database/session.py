"""`request.db` and `request.read`: the two ways to the database, opened on first use and always given back.

On methods that may change something (POST, PUT, PATCH, DELETE) `request.db` is an ORM session that belongs to
the request's transaction: pyramid_tm commits it when the view returns and rolls it back when the view raises.
On the others it reads only, without any transaction manager: it is bound to connections that the database keeps
from writing, and a flush says so before it is tried. `request.read` is the cheaper path for a page that only
reads: a Core connection, without ORM.
"""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from sqlalchemy import Connection, Engine, Select, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, raiseload, sessionmaker
from zope.sqlalchemy.datamanager import STATUS_CHANGED, ZopeTransactionEvents, join_transaction

from flasky.courtesy import give_way
from flasky.database.engine import make_engine, make_read_engine
from flasky.logs import shown_path

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_REGISTRY_KEY = "flasky.database"


#: What SQLite and PostgreSQL call a write on a connection that only reads.
_READ_ONLY = ("SQLITE_READONLY", "25006")


class WriteInReadOnlyRequest(Exception):
    """A view that answers a safe method tried to change the database."""

    def __init__(self, request: Request | None) -> None:
        what = f"{request.method} {shown_path(request.environ)}" if request is not None else "Something that only reads"
        super().__init__(
            f"{what} tried to change the database: only POST, PUT, PATCH and DELETE may. "
            "Move the change to a view with request_method='POST'."
        )


class Database:
    """The engines and session factories of one application; nothing is opened until it is used."""

    def __init__(self, url: str, *, strict: bool) -> None:
        """`strict` makes lazy loading raise instead of sending a query per row (development and tests)."""
        self.engine: Engine = make_engine(url)
        self.read_engine: Engine = make_read_engine(url)
        self.writer = sessionmaker(self.engine)
        self.reader = sessionmaker(self.read_engine, autoflush=False)
        #: The sessions of requests. What listens to them is set here once: to set it for each session takes longer
        #: than a statement.
        self.request_writer = sessionmaker(self.engine)
        self.request_reader = sessionmaker(self.read_engine, autoflush=False)
        _join_transactions(self.request_writer)
        _refuse_writes(self.request_reader)
        if strict:
            _refuse_lazy_loading(self.request_writer)
            _refuse_lazy_loading(self.request_reader)
        self.strict = strict
        #: The text of statements that `flasky.database.values` has sent.
        self.texts: dict[Select[Any], str] = {}
        _explain_refused_writes(self.read_engine)

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        self.read_engine.dispose()


def get_database(registry: Any) -> Database:
    """The database of an application, from its registry."""
    database: Database = registry[_REGISTRY_KEY]
    return database


def set_database(registry: Any, database: Database) -> None:
    """Keep the database where every request finds it."""
    registry[_REGISTRY_KEY] = database


def changes_are_possible(request: Request) -> bool:
    """Whether the request's method may change something; decides whether pyramid_tm acts (`tm.activate_hook`)."""
    return request.method not in SAFE_METHODS


def open_session(request: Request) -> Session:
    """`request.db`: the ORM session of this request."""
    database = get_database(request.registry)
    maker = database.request_writer if changes_are_possible(request) else database.request_reader
    session = maker(info={"request": request})
    # pyramid_tm does not close a session whose commit failed (P8, F33).
    request.add_finished_callback(lambda _: session.close())
    return session


def open_read_connection(request: Request) -> Connection:
    """`request.read`: a Core connection that only reads."""
    connection = get_database(request.registry).read_engine.connect()
    request.add_finished_callback(lambda _: connection.close())
    return connection


def _join_transactions(maker: sessionmaker[Session]) -> None:
    """Commit what its sessions do with the transaction of their request, and not otherwise."""

    def join(session: Session, *_what: object) -> None:
        # Whatever was sent is committed: statements that the unit of work did not see would be rolled back in
        # silence otherwise (P6). So there is no need to notice what changes something.
        join_transaction(session, STATUS_CHANGED, session.info["request"].tm)

    def before_commit(session: Session) -> None:
        give_way()
        ZopeTransactionEvents(transaction_manager=session.info["request"].tm).before_commit(session)

    event.listen(maker, "after_begin", join)
    event.listen(maker, "after_attach", join)
    event.listen(maker, "before_commit", before_commit)


def _refuse_writes(maker: sessionmaker[Session]) -> None:
    def before_flush(session: Session, _context: UOWTransaction, _instances: object) -> None:
        raise WriteInReadOnlyRequest(session.info["request"])

    event.listen(maker, "before_flush", before_flush)


def _explain_refused_writes(engine: Engine) -> None:
    """Turn the database's own refusal of a write, whatever way it was sent, into one that says what to do."""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> Exception | None:
        original = context.original_exception
        # SQLITE_READONLY_DIRECTORY and the like are about the file, and come from reading too.
        if (getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)) in _READ_ONLY:
            return WriteInReadOnlyRequest(get_current_request())
        return None


def _refuse_lazy_loading(maker: sessionmaker[Session]) -> None:
    def do_orm_execute(state: ORMExecuteState) -> None:
        if state.is_select and not state.is_column_load and not state.is_relationship_load:
            state.statement = state.statement.options(raiseload("*", sql_only=True))

    event.listen(maker, "do_orm_execute", do_orm_execute)


__all__ = [
    "Database",
    "WriteInReadOnlyRequest",
    "changes_are_possible",
    "get_database",
    "open_read_connection",
    "open_session",
    "set_database",
]
