"""Made-up rows: what a table of a plug-in is filled with before a migration or a removal is tried.

Tables are read from the database itself, so that they can be filled at every revision. Where the type of a column does
not tell which values are right (a check on a text, say), its model does: `mapped_column(…, info={"sample": "a1"})`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Enum, MetaData, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError

from flasky.database.base import Base
from flasky.database.ownership import naming_columns
from flasky.migrations.rows import count_on, plain_tables

#: The key in a column's `info` under which a model names a value that the column takes.
SAMPLE = "sample"

#: The number of a made-up row that meets no other.
_UNUSED = 900_000
_ONE_OF = re.compile(r"\b(?P<column>\w+)[\"`]?\s+IN\s*\(\s*'(?P<value>[^']*)'", re.IGNORECASE)
#: The same check as PostgreSQL tells it: `((kind)::text = ANY ((ARRAY['a'::character varying, …`.
_ANY_OF = re.compile(r"\b(?P<column>\w+)\"?\)?(?:::\w+)*\s*=\s*ANY\s*\(+ARRAY\['(?P<value>[^']*)'")
_MOMENT = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC).replace(tzinfo=None)
_MADE: dict[type, Any] = {
    bool: lambda number: bool(number % 2),
    int: lambda number: number,
    float: float,
    Decimal: Decimal,
    bytes: lambda number: b"%d" % number,
    datetime: lambda number: _MOMENT + timedelta(days=number),
    date: lambda number: _MOMENT.date() + timedelta(days=number),
    time: lambda number: time(number % 24),
    timedelta: lambda number: timedelta(seconds=number),
    dict: lambda number: {"made": number},
    list: lambda number: [number],
    UUID: lambda number: UUID(int=number),
}


def fill(connection: Connection, names: set[str]) -> dict[str, str]:
    """Put rows into the tables called `names`, parents before children.

    Returns, by name, why a table could not be filled; empty when all could.
    """
    metadata = MetaData()
    metadata.reflect(connection, only=sorted(names & set(plain_tables(connection))), resolve_fks=True)
    problems = {}
    for one in metadata.sorted_tables:
        if one.name in names and (problem := _fill(connection, one)):
            problems[one.name] = problem
    connection.commit()
    return problems


def name_something(connection: Connection, plugin: str, own: set[str]) -> None:
    """Put a row that names something of `plugin` into each table of others whose rows name what plug-ins bring.

    That is what is left behind when a role was given a permission of the plug-in, say.
    """
    present = set(plain_tables(connection)) - own
    metadata = MetaData()
    for named in naming_columns():
        if named.table.name in present:
            one = Table(named.table.name, metadata, autoload_with=connection, extend_existing=True)
            fixed = {named.name: f"{plugin}.made_up"}
            candidates = _candidates(connection, one, _UNUSED, {**_choices(connection, one), **fixed})
            _insert(connection, one, ({**row, **fixed} for row in candidates))
    connection.commit()


def _fill(connection: Connection, one: Table) -> str:
    if _rows(connection, one):
        return ""  # By its migrations, which know what has to be in it: one row and no other, perhaps.
    chosen = _choices(connection, one)
    # The second may be one too many.
    first, _second = (_insert(connection, one, _candidates(connection, one, number, chosen)) for number in (1, 2))
    return first


def _choices(connection: Connection, one: Table) -> dict[str, str]:
    """For each column that a check gives a list of values the first of them."""
    return {
        match["column"]: match["value"]
        for check in inspect(connection).get_check_constraints(one.name)
        for match in [*_ONE_OF.finditer(str(check["sqltext"])), *_ANY_OF.finditer(str(check["sqltext"]))]
    }


def _insert(connection: Connection, one: Table, candidates: Iterator[dict[str, Any]]) -> str:
    problem = ""
    for row in candidates:
        try:
            with connection.begin_nested():
                connection.execute(one.insert(), row)
                # Else PostgreSQL would give the next row a number that is taken.
                count_on(connection, one)
        except DBAPIError as error:
            problem = problem or str(error.orig)
        else:
            return ""
    return problem


def _candidates(connection: Connection, one: Table, number: int, chosen: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Rows to be tried: everything filled in; what may be NULL left out; each of those alone."""
    parents = _parents(connection, one)
    # What the database computes, and numbers that it alone gives, it refuses from others.
    columns = [item for item in one.columns if item.computed is None and not (item.identity and item.identity.always)]
    row = {column.name: _value(column, number, chosen, parents) for column in columns}
    yield row
    free = [column.name for column in columns if column.nullable and not column.primary_key]
    least = {**row, **dict.fromkeys(free)}
    yield least
    for name in free:
        yield {**least, name: row[name]}


def _parents(connection: Connection, one: Table) -> dict[str, Any]:
    """For each column that refers to another table a value of that table, a different one each time."""
    found: dict[str, Any] = {}
    for place, column in enumerate(column for column in one.columns if column.foreign_keys):
        target = next(iter(column.foreign_keys)).column
        values = [row[target.name] for row in _rows(connection, target.table)]
        if values:
            found[column.name] = values[-1 - place % len(values)]
    return found


def _rows(connection: Connection, one: Table) -> list[Any]:
    return list(connection.execute(select(one)).mappings())


def _value(column: Column[Any], number: int, chosen: dict[str, str], parents: dict[str, Any]) -> Any:
    if column.foreign_keys:
        # Who refers to its own table, while that is empty, refers to itself or to nobody.
        return parents.get(column.name, None if column.nullable else number)
    sample = _sample(column)
    if sample is not None:
        return sample
    if column.name in chosen:
        return chosen[column.name]
    if isinstance(column.type, Enum) and column.type.enums:
        return column.type.enums[0]
    kind = _kind(column)
    if kind not in _MADE:
        length = getattr(column.type, "length", None) or 40
        return f"{number}{column.name}"[:length]
    return _MADE[kind](number)


def _kind(column: Column[Any]) -> type:
    try:
        return column.type.python_type
    except NotImplementedError:
        return str


def _sample(column: Column[Any]) -> Any:
    model = Base.metadata.tables.get(column.table.name)
    if model is None or column.name not in model.columns:
        return None
    return model.columns[column.name].info.get(SAMPLE)


def content(connection: Connection) -> dict[str, Any]:
    """The whole database: each table's definition and rows, each index and trigger, in a form that can be compared."""
    definitions = connection.execute(text(_DEFINITIONS[connection.dialect.name]))
    found: dict[str, Any] = {row.name: row.sql for row in definitions}
    for name in plain_tables(connection):
        rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()  # noqa: S608 - the database's own name
        found[f"rows of {name}"] = sorted(map(repr, rows))
    return found


#: What there is, by kind and name, and how it is made.
_DEFINITIONS = {
    "sqlite": "SELECT type || ' ' || name AS name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": """
        SELECT 'table ' || relname AS name,
               string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' '
                          || coalesce(pg_get_expr(adbin, adrelid), ''), ', ' ORDER BY attname) AS sql
        FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm') GROUP BY relname
        UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
        UNION ALL SELECT 'constraint ' || conname || ' of ' || conrelid::regclass, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0
        UNION ALL SELECT 'sequence ' || sequencename, data_type::text FROM pg_sequences
        WHERE schemaname = current_schema()
        UNION ALL SELECT 'trigger ' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'type ' || typname, string_agg(enumlabel, ', ' ORDER BY enumsortorder)
        FROM pg_type LEFT JOIN pg_enum ON enumtypid = pg_type.oid
        WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd', 'r') GROUP BY typname
        UNION ALL SELECT 'function ' || pg_proc.oid::regprocedure, prosrc FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    """,
}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is in `after` and was not in `before`, what is missing, and what changed: a sentence each."""
    said = []
    for key in sorted({*before, *after}):
        if key not in after:
            said.append(f"the {key} is gone" if not key.startswith("rows") else f"the {key} are gone")
        elif key not in before:
            said.append(f"the {key} is still there" if not key.startswith("rows") else "")
        elif before[key] != after[key]:
            said.append(_changed(key, before[key], after[key]))
    return [one for one in said if one]


def _changed(key: str, before: Any, after: Any) -> str:
    if not isinstance(before, list):
        return f"the {key} is not what it was"
    more, less = [row for row in after if row not in before], [row for row in before if row not in after]
    said = [f"{len(more)} more, such as {more[0][:100]}"] if more else []
    if less:
        said.append(f"{len(less)} missing, such as {less[0][:100]}")
    return f"the {key} are not what they were: {'; '.join(said) or 'others'}"
