"""Rows asked of the database at each visit: with as little as possible between the request and the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyramid.request import Request
from sqlalchemy import Engine, Select

from flasky.database.session import get_database


def read_value(request: Request, statement: Select[Any]) -> Any:
    """The first column of the first row that `read_rows` finds; None when there is none."""
    rows = read_rows(request, statement)
    return rows[0][0] if rows else None


def read_rows(request: Request, statement: Select[Any]) -> Sequence[Sequence[Any]]:
    """The rows of `statement`, whose parameters (if any) have their values already (`statement.params(limit=20)`).

    The values become a part of its text: a setting may be one, never what a visitor sent. It says what
    `request.read.execute(statement).all()` says, but for types and names: columns are found by their place only, and
    values are as the driver gives them. A `Connection` of SQLAlchemy takes more CPU time than a small statement, so it
    goes to the driver of a pooled connection. In development and tests, where statements are counted, and after an
    error, which the ordinary way explains and a dropped connection does not survive, it is sent the ordinary way. Keep
    the statement in a constant or a cache: its text is made once.
    Raises sqlalchemy.exc.InvalidRequestError for a parameter without a value.
    """
    database = get_database(request.registry)
    if database.strict or "read" in vars(request):
        return _ordinary(request, statement)
    engine = database.read_engine
    text = database.texts.get(statement)
    if text is None:
        text = database.texts[statement] = _text(engine, statement)
    try:
        return _rows(engine, text)
    except engine.dialect.loaded_dbapi.Error:
        return _ordinary(request, statement)


def _ordinary(request: Request, statement: Select[Any]) -> Sequence[Sequence[Any]]:
    rows: Sequence[Sequence[Any]] = request.read.execute(statement).all()
    return rows


def _text(engine: Engine, statement: Select[Any]) -> str:
    # It says what has no value: below, that would be NULL, and "LIMIT NULL" is all rows on PostgreSQL.
    statement.compile(engine).construct_params()
    return str(statement.compile(engine, compile_kwargs={"literal_binds": True}))


def _rows(engine: Engine, text: str) -> Sequence[Sequence[Any]]:
    pooled = engine.raw_connection()
    try:
        cursor = pooled.cursor()
        # With no parameters instead of none: psycopg takes "%%", which SQLAlchemy writes for "%", for one only then.
        cursor.execute(text, ())
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
        cursor.close()
    finally:
        pooled.close()
    return rows
