"""Engines: one that writes and one that only reads, set up the same way on SQLite and PostgreSQL.

SQLite (PITFALLS P1-P6): the driver's own transaction handling is switched off and BEGIN is sent here, because in
its legacy mode a SELECT opens no transaction and concurrent updates are lost in silence. A transaction that
writes begins with BEGIN IMMEDIATE, so that waiting for the lock happens once, at the start, within the busy
timeout; a deferred transaction that read first and then wants to write fails at once whatever the timeout.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

BUSY_TIMEOUT_MS = 5000
POOL_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 2

_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "foreign_keys=ON",
    # NORMAL may lose the last commits when the power fails.
    "synchronous=FULL",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "journal_size_limit=67108864",
)
_READER_PRAGMAS = ("foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON")


def make_engine(url: str | URL, **options: Any) -> Engine:
    """An engine whose transactions may write."""
    engine = _create(make_url(url), **options)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, _WRITER_PRAGMAS, "BEGIN IMMEDIATE")
    return engine


def make_read_engine(url: str | URL, **options: Any) -> Engine:
    """An engine whose connections the database itself keeps from writing."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        # Without transactions each statement saves two round trips; the server refuses writes all the same.
        options.setdefault("isolation_level", "AUTOCOMMIT")
        return _create(address, connect_options="-c default_transaction_read_only=on", **options)
    engine = _create(address, **options)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, _READER_PRAGMAS, "BEGIN")
    return engine


def _create(url: URL, connect_options: str = "", **options: Any) -> Engine:
    arguments: dict[str, Any] = dict(options.pop("connect_args", {}))
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        arguments.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
        if connect_options:
            arguments["options"] = connect_options
        # A connection that the server dropped (a restart) is replaced before it is used (F28).
        options.setdefault("pool_pre_ping", True)
    if url.database != ":memory:" and url.database:
        options.setdefault("pool_timeout", POOL_TIMEOUT_SECONDS)
    return create_engine(url, connect_args=arguments, **options)


def _prepare_sqlite(engine: Engine, pragmas: tuple[str, ...], begin: str) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def sqlite_file(url: str | URL) -> Path | None:
    """The file of an SQLite database; None for one in memory and for every other database."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or address.database in {None, "", ":memory:"}:
        return None
    return Path(str(address.database))
