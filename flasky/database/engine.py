"""Engines: one that writes and one that only reads, set up the same way on SQLite and PostgreSQL.

SQLite (PITFALLS P1-P6): the driver's own transaction handling is switched off and BEGIN is sent here, because in
its legacy mode a SELECT opens no transaction and concurrent updates are lost in silence. A transaction that
writes begins with BEGIN IMMEDIATE, so that waiting for the lock happens once, at the start, within the busy
timeout; a deferred transaction that read first and then wants to write fails at once whatever the timeout.
"""

from __future__ import annotations

import os
import select
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, ExceptionContext, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError

from flasky.courtesy import give_way
from flasky.database.turns import Turns
from flasky.settings import is_secret_parameter
from flasky.startup import CannotStart

BUSY_TIMEOUT_MS = 5000
POOL_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 2
#: How long an upgrade waits for another one, or for a transaction of the site, to end.
MIGRATION_WAIT_SECONDS = 600

_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    # NORMAL may lose the last commits when the power fails.
    "synchronous=FULL",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "journal_size_limit=67108864",
)
_READER_PRAGMAS = ("foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON")
#: With foreign keys on, batch mode's DROP TABLE of a parent deletes the children in silence (P3). Inside a
#: transaction the pragma does nothing, so it has to be off from the moment that the connection is made.
_MIGRATION_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=OFF",
    "synchronous=FULL",
    f"busy_timeout={MIGRATION_WAIT_SECONDS * 1000}",
)
#: Where a pooled connection keeps which file it has open.
_FILE = "flasky.file"
#: Where the pool's record of a connection says that it has the turn to write.
_TURN = "flasky.turn"
#: Where it says that the connection has less patience than others, having waited for its turn.
_WAITED = "flasky.waited"
#: Where a pooled connection of PostgreSQL keeps when it was last used.
_USED = "flasky.used"
#: Classes of SQLSTATE whose details name tables, types and places in the statement, which a developer needs.
_ABOUT_THE_SCHEMA = ("2B", "42")
#: Who has rested so long is asked whether it still works: a firewall may have forgotten it and told nobody.
_RESTED_SECONDS = 30
#: Milliseconds of waiting that are too few to count.
_UNNOTICED_MS = 10


def make_engine(url: str | URL, **options: Any) -> Engine:
    """An engine whose transactions may write. A missing SQLite file is an error, never silently a new one (F26)."""
    engine = _create(make_url(url), **options)
    event.listen(engine, "before_cursor_execute", give_way)
    if engine.dialect.name == "sqlite":
        # In this order: the turn is waited for before BEGIN is sent.
        _take_turns(engine)
        _prepare_sqlite(engine, _WRITER_PRAGMAS, "BEGIN IMMEDIATE")
        event.listen(engine, "handle_error", _give_up_read_only)
    return engine


def make_read_engine(url: str | URL, **options: Any) -> Engine:
    """An engine whose connections the database itself keeps from writing."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        # Without transactions each statement saves two round trips; the server refuses writes all the same.
        options.setdefault("isolation_level", "AUTOCOMMIT")
        return _create(address, server_options="-c default_transaction_read_only=on", **options)
    engine = _create(address, **options)
    if engine.dialect.name == "sqlite":
        # No BEGIN: each statement sees what is committed when it begins, as on PostgreSQL above. A listener to BEGIN
        # alone makes SQLAlchemy prepare all its events for each connection anew: half the time of a small statement.
        _prepare_sqlite(engine, _READER_PRAGMAS)
    return engine


def make_migration_engine(url: str | URL) -> Engine:
    """An engine for one migration: it waits long for its turn, and makes an SQLite file that is not there yet."""
    address = make_url(url)
    # PostgreSQL takes a time that gets or loses its zone for one of the session's zone; ours are UTC (UTCDateTime).
    options = f"-c lock_timeout={MIGRATION_WAIT_SECONDS}s -c TimeZone=UTC"
    engine = _create(address, server_options=options, create_file=True, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, _MIGRATION_PRAGMAS, "BEGIN IMMEDIATE")
    return engine


@contextmanager
def migration_transaction(url: str | URL) -> Iterator[Connection]:
    """A connection that waits as long, in a transaction; it is committed at the end unless something was raised."""
    engine = make_migration_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def sqlite_file(url: str | URL) -> Path | None:
    """The file of an SQLite database; None for one in memory and for every other database."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or address.database in {None, "", ":memory:"}:
        return None
    return Path(str(address.database))


def _create(url: URL, *, server_options: str = "", create_file: bool = False, **options: Any) -> Engine:
    arguments: dict[str, Any] = dict(options.pop("connect_args", {}))
    if url.get_backend_name() == "postgresql":
        # psycopg 3 is the only driver that is tested, so a bare postgresql:// means it.
        url = url.set(drivername="postgresql+psycopg")
        url, secrets = _without_secrets(url)
        arguments = {**secrets, **arguments}
        arguments.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
        if server_options:
            # An argument replaces what the address says: without this, its search_path would hold for writers only.
            given = url.normalized_query.get("options", ())
            arguments["options"] = " ".join([*given, *filter(None, [arguments.get("options")]), server_options])
    file = sqlite_file(url)
    if (file is not None or url.get_backend_name() != "sqlite") and options.get("poolclass") is not NullPool:
        options.setdefault("pool_timeout", POOL_TIMEOUT_SECONDS)
        # The one that was used last: SQLite forgets what it has read of the file when another connection has written,
        # so each visitor in turn would have to read it anew; and on PostgreSQL it knows the statements already.
        options.setdefault("pool_use_lifo", True)
    try:
        # Values of statements (password hashes, fingerprints of tokens) stay out of error messages and logs (LOG-01).
        options.setdefault("hide_parameters", True)
        engine = create_engine(url, connect_args=arguments, **options)
    except ModuleNotFoundError as error:
        raise CannotStart(_missing_driver(url, error)) from error
    if file is not None:
        _bind_to_file(engine, file.absolute(), create=create_file)
    elif url.get_backend_name() == "postgresql":
        event.listen(engine, "handle_error", _leave_out_rows)
        if options.get("poolclass") is not NullPool:
            _replace_dropped(engine)
    return engine


def _without_secrets(url: URL) -> tuple[URL, dict[str, str]]:
    """The URL without the passwords of its query, and these: a URL, and an engine's repr, hides only the other one."""
    secrets = {
        name: value if isinstance(value, str) else value[-1]
        for name, value in url.query.items()
        if is_secret_parameter(name)
    }
    return url.difference_update_query(secrets), secrets


def _give_up_read_only(context: ExceptionContext) -> None:
    """A file without leave to write is opened to be read, and stays so open when the leave is given: close it (F23)."""
    if getattr(context.original_exception, "sqlite_errorname", "").startswith("SQLITE_READONLY"):
        context.is_disconnect = True


def _leave_out_rows(context: ExceptionContext) -> None:
    """Take the server's details from the error: they repeat what was refused, or the row that it stood in (LOG-01)."""
    error: Any = context.original_exception
    diagnosis = getattr(error, "diag", None)
    # Without a diagnosis the server was not reached, and the words are the driver's.
    if diagnosis is None or not diagnosis.message_primary:
        return
    if (diagnosis.sqlstate or "").startswith(_ABOUT_THE_SCHEMA):
        return
    hint = diagnosis.message_hint
    said = diagnosis.message_primary + (f"\nHINT:  {hint}" if hint else "")
    whole = str(error)
    # Both stand in a traceback.
    for raised in filter(None, (error, context.sqlalchemy_exception)):
        raised.args = tuple(str(part).replace(whole, said) for part in raised.args)


def _missing_driver(url: URL, error: ModuleNotFoundError) -> str:
    if url.get_backend_name() == "postgresql":
        remedy = 'Install it with: pip install "flasky[postgresql]"'
    else:
        remedy = "Flasky runs on sqlite:// and postgresql:// databases."
    return f"The database of sqlalchemy.url needs the driver {error.name}, which is not installed. {remedy}"


def _bind_to_file(engine: Engine, file: Path, *, create: bool) -> None:
    """Keep the engine to one existing SQLite file.

    SQLite makes a missing file silently, and goes on writing into one that somebody deleted or replaced under the
    process: those writes are gone at the next start (F24). So the file is opened without leave to make it, and each
    connection is given up when the path no longer leads to the file that it has open.
    """
    uri = f"file:{quote(str(file))}?mode={'rwc' if create else 'rw'}"

    @event.listens_for(engine, "do_connect")
    def do_connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[0] = uri
        options["uri"] = True

    @event.listens_for(engine, "connect")
    def remember(_connection: object, record: Any) -> None:
        record.info[_FILE] = _identity(file)

    @event.listens_for(engine, "checkout")
    def verify(_connection: object, record: Any, _proxy: object) -> None:
        if record.info.get(_FILE) != _identity(file):
            raise DisconnectionError(f"{file} is no longer the file that was opened")


def _replace_dropped(engine: Engine) -> None:
    """Replace a connection that the server dropped (a restart) before it is used, and all that are as old (F28).

    `pool_pre_ping` asks the server whenever a connection is taken from the pool: on a page of one statement that is
    every second round trip. What the server said in between, or that it has gone, can be read from the connection,
    which costs a system call; only then, or after a long rest, is it asked.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: object, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def verify(connection: Any, record: Any, _proxy: object) -> None:
        used = record.info.get(_USED)
        if used is None or (time.monotonic() - used < _RESTED_SECONDS and _is_silent(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError("The database server has closed the connection") from error


def _is_silent(connection: Any) -> bool:
    """Whether there is nothing to read from a connection of psycopg."""
    if connection.closed:
        return False
    # Not select.select: it knows no descriptors beyond 1,023.
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 - half the time of Path.stat, and it runs with each checkout
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _take_turns(engine: Engine) -> None:
    """Let a transaction begin when those that were asked for before it, in this process, are over."""
    turns = Turns()

    @event.listens_for(engine, "begin")
    def take(connection: Connection) -> None:
        # Kept with the pool's record, which outlives a connection that is given up.
        record = connection.connection.record_info
        if record is None or _TURN in record:
            return
        begun = time.monotonic()
        record[_TURN] = turns.take(BUSY_TIMEOUT_MS / 1000)
        waited = int((time.monotonic() - begun) * 1000)
        if waited > _UNNOTICED_MS:
            # Other processes may have the lock: what is left of the patience is for them. Who had to wait for all of
            # it asks SQLite once and at once, as what there is to say is SQLite's to say.
            record[_WAITED] = True
            _set_patience(connection.connection.dbapi_connection, max(0, BUSY_TIMEOUT_MS - waited))

    @event.listens_for(engine, "checkin")
    def give(connection: sqlite3.Connection | None, record: Any) -> None:
        if record.record_info.pop(_WAITED, False) and connection is not None:
            _set_patience(connection, BUSY_TIMEOUT_MS)
        if record.record_info.pop(_TURN, False):
            turns.give()


def _set_patience(connection: Any, milliseconds: int) -> None:
    # Not through SQLAlchemy: it is no statement of the request.
    connection.execute(f"PRAGMA busy_timeout={milliseconds}")


def _prepare_sqlite(engine: Engine, pragmas: tuple[str, ...], begin: str = "") -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if begin:

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

    @event.listens_for(engine, "checkin")
    def on_checkin(connection: sqlite3.Connection | None, _record: object) -> None:
        # After a COMMIT that SQLite refused (a deferred foreign key) SQLAlchemy takes the transaction for ended and
        # does not reset the connection, but SQLite has it open still, with the lock that every writer waits for.
        if connection is not None and connection.in_transaction:
            connection.rollback()
