"""One value, asked of the database at each visit: with as little as possible between the request and the driver."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from sqlalchemy import Engine, Select

from flasky.database.session import get_database


def read_value(request: Request, statement: Select[Any]) -> Any:
    """The first column of the first row that `statement`, which has no parameters, finds; None when there is none.

    It says what `request.read.scalar(statement)` says, but for types: the value is as the driver gives it. A
    `Connection` of SQLAlchemy takes more CPU time than such a statement, so it goes to the driver of a pooled
    connection. In development and tests, where statements are counted, and after an error, which the ordinary way
    explains and a dropped connection does not survive, it is sent the ordinary way. Keep the statement in a constant:
    its text is made once.
    """
    database = get_database(request.registry)
    if database.strict or "read" in vars(request):
        return request.read.scalar(statement)
    engine = database.read_engine
    text = database.texts.get(statement)
    if text is None:
        text = database.texts[statement] = str(statement.compile(engine))
    try:
        return _value(engine, text)
    except engine.dialect.loaded_dbapi.Error:
        return request.read.scalar(statement)


def _value(engine: Engine, text: str) -> Any:
    pooled = engine.raw_connection()
    try:
        cursor = pooled.cursor()
        cursor.execute(text)
        row = cursor.fetchone()
        cursor.close()
    finally:
        pooled.close()
    return row and row[0]
