"""Rows read from, and put into, tables as they stand in the database, without a model: removing, restoring, copying."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    Uuid,
    cast,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import UserDefinedType

from flasky.ini import CannotStart

#: Columns whose values both databases give, and take, as the same values of Python.
_PLAIN = (Boolean, Date, DateTime, Integer, LargeBinary, Numeric, String, Time, Uuid)
_REFERENCES_OF_TABLES = """
    SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, condeferrable, condeferred
    FROM pg_constraint
    JOIN pg_class ON pg_class.oid = conrelid
    WHERE contype = 'f' AND relnamespace = current_schema()::regnamespace AND relname = ANY(:names)
"""


class DatabaseText(UserDefinedType[Any]):
    """A column as the database's own text, which it takes back as it gave it: JSON, arrays, addresses, ranges, …

    SQL's NULL and JSON's null are then two things. In SQLite it is text already, or a number that CAST would shorten.
    """

    cache_ok = True


class _CastText(DatabaseText):
    """The same in PostgreSQL, whose driver would make other things of it."""

    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """How it is read."""
        return cast(column, Text)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """What SQLite had as a number is text here."""
        return lambda value: json.dumps(value) if isinstance(value, int | float) else value


def plain_tables(connection: Connection) -> list[str]:
    """The names of the tables of a database, on SQLite without virtual ones and what those keep their data in."""
    if connection.dialect.name == "postgresql":
        return sorted(inspect(connection).get_table_names())
    listed = connection.execute(text("SELECT name FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"))
    return sorted(name for name in listed.scalars() if not name.startswith("sqlite_"))


def virtual_tables(connection: Connection) -> frozenset[str]:
    """The names of SQLite's virtual tables and of those that they keep their data in; none on PostgreSQL.

    No model describes them: a revision made them, as an index for searching.
    """
    if connection.dialect.name != "sqlite":
        return frozenset()
    listed = connection.execute(text("SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow')"))
    return frozenset(listed.scalars())


def reflected(connection: Connection, names: Sequence[str]) -> list[Table]:
    """The tables as the database has them; what is of no type that every database has is `DatabaseText`."""
    metadata = MetaData()
    on_server = connection.dialect.name == "postgresql"

    @event.listens_for(metadata, "column_reflect")
    def as_text(_inspector: Any, _table: Table, found: Any) -> None:
        if isinstance(found["type"], JSON) or (on_server and not isinstance(found["type"], _PLAIN)):
            found["type"] = _CastText() if on_server else DatabaseText()

    metadata.reflect(connection, only=names, resolve_fks=True)
    return [metadata.tables[name] for name in names]


def stored(one: Table) -> list[Column[Any]]:
    """The columns that hold something, and take it: not those that the database computes."""
    return [item for item in one.columns if item.computed is None]


@contextmanager
def references_last(connection: Connection, names: list[str], problem: str) -> Iterator[None]:
    """Look at the foreign keys of these tables at the end: a row may refer to itself, to a later one, or in a circle.

    Raises CannotStart when one then refers to nothing, which begins with `problem`.
    """
    if connection.dialect.name != "postgresql":
        yield
        check_references(connection, names, problem)
        return
    found = connection.execute(text(_REFERENCES_OF_TABLES), {"names": names}).all()
    for one in found:
        connection.execute(text(f"ALTER TABLE {one.table} ALTER CONSTRAINT {one.name} DEFERRABLE INITIALLY DEFERRED"))
    yield
    try:
        # A table with checks that are still to come cannot be altered.
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except IntegrityError as error:
        raise CannotStart(f"{problem}: {str(error.orig).strip()}") from error
    for one in found:
        after = f"{'' if one.condeferrable else 'NOT '}DEFERRABLE"
        when = f" INITIALLY {'DEFERRED' if one.condeferred else 'IMMEDIATE'}" if one.condeferrable else ""
        connection.execute(text(f"ALTER TABLE {one.table} ALTER CONSTRAINT {one.name} {after}{when}"))


def check_references(connection: Connection, names: list[str], problem: str) -> None:
    """SQLite's own look at the foreign keys, which the connection of a migration does without.

    Raises CannotStart, which begins with `problem`, for a row that refers to nothing.
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    for name in names:
        if (found := connection.execute(text(f"PRAGMA foreign_key_check({quote(name)})")).first()) is not None:
            # A table WITHOUT ROWID has none.
            which = "" if found[1] is None else f" (rowid {found[1]})"
            raise CannotStart(f"{problem}: one of {name}{which} to {found[2]}")


@contextmanager
def given_numbers(connection: Connection, names: Sequence[str]) -> Iterator[None]:
    """Let rows bring the numbers that otherwise PostgreSQL alone gives (GENERATED ALWAYS AS IDENTITY)."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    columns = [
        f"ALTER TABLE {quote(one.name)} ALTER COLUMN {quote(item.name)} SET GENERATED"
        for one in reflected(connection, [name for name in names if inspect(connection).has_table(name)])
        for item in one.columns
        if item.identity is not None and item.identity.always
    ]
    for alter in columns:
        connection.execute(text(f"{alter} BY DEFAULT"))
    yield
    for alter in columns:
        connection.execute(text(f"{alter} ALWAYS"))


def count_on(connection: Connection, one: Table, last: Mapping[str, int] | None = None) -> None:
    """Let PostgreSQL's counters go on behind the rows that were put into the table with their numbers.

    `last` has the number, by column, that another database has given last: that row may be deleted there, but who kept
    its number shall not meet another one under it.
    """
    for column, counter in _counters(connection, one).items():
        highest = connection.execute(select(func.max(one.columns[column]))).scalar()
        number = max(highest or 0, (last or {}).get(column, 0))
        # A counter begins with 1.
        if number > 0:
            connection.execute(select(func.setval(counter, number)))


def last_numbers(connection: Connection, one: Table) -> dict[str, int]:
    """The number that each of PostgreSQL's counters of a table has given last, by column; none on SQLite."""
    asked = text("SELECT pg_sequence_last_value(CAST(:counter AS regclass))")
    found = {
        column: connection.execute(asked, {"counter": counter}).scalar()
        for column, counter in _counters(connection, one).items()
    }
    return {column: number for column, number in found.items() if number is not None}


def _counters(connection: Connection, one: Table) -> dict[str, str]:
    if connection.dialect.name != "postgresql":
        return {}
    asked = text("SELECT pg_get_serial_sequence(:table, :column)")
    found = {
        key.name: connection.execute(asked, {"table": f'"{one.name}"', "column": key.name}).scalar()
        for key in stored(one)
    }
    return {column: counter for column, counter in found.items() if counter}
