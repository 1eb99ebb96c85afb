"""Removing a plug-in's data: a plan, a dump, then exactly its tables and its rows in Alembic's; and putting it back.

With it go the rows of others that name something of its, as a permission that a role was given: which columns hold
such names the models say (`flasky.database.names_contributions`).

Whose a table is, the database itself knows (`flasky.migrations.records`), so this works while the plug-in is disabled
and even when it is no longer installed.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    String,
    Table,
    and_,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    table,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from flasky.database.engine import migration_transaction
from flasky.database.ownership import import_models, naming_columns
from flasky.ini import CannotStart
from flasky.loader import declarations
from flasky.migrations.locations import SHIPPED
from flasky.migrations.records import OWNERS_TABLE, VERSION_TABLE, owners_of_revisions, owners_of_tables
from flasky.migrations.rows import count_on, given_numbers, plain_tables, references_last, reflected, stored
from flasky.site import Site

#: Since 2, what is not of a type that every database has is written as the database's own text.
_FORMAT = 2
#: How long the removal waits for those who use the tables: whoever comes meanwhile waits behind it.
LOCK_WAIT_SECONDS = 10
_WRITERS: dict[type, tuple[str, Any]] = {
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    memoryview: ("bytes", lambda value: base64.b64encode(bytes(value)).decode()),
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
}
_READERS: dict[str, Any] = {
    "bytes": base64.b64decode,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
}


#: PostgreSQL's codes for a lock that was waited for too long, and for two who wait for each other.
_NO_LOCK = {"55P03", "40P01"}
_VIRTUAL = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'"
#: The table whose rows an FTS5 index has: they come back with it, and its triggers fill the index again.
_CONTENT = re.compile(r"""\bcontent\s*=\s*['"]?(\w+)""", re.IGNORECASE)
_REFERS_TO_NOTHING = "A row of the dump refers to one that is not there any more, so nothing was put back"
_TYPES_OF_TABLES = """
    WITH used AS (
        SELECT pg_type.oid AS type, pg_class.relnamespace = current_schema()::regnamespace
               AND pg_class.relname = ANY(:names) AS own
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        JOIN pg_type ON atttypid IN (pg_type.oid, pg_type.typarray)
        WHERE pg_type.typtype = 'e' AND attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f')
    )
    SELECT type::regtype::text FROM used GROUP BY type HAVING bool_and(own) ORDER BY 1
"""


@dataclass(frozen=True)
class PlannedTable:
    """A table that goes: its rows, what it refers to, and who else refers to it (`table.column`)."""

    name: str
    rows: int
    refers_to: tuple[str, ...]
    referred_to_by: tuple[str, ...]


@dataclass(frozen=True)
class PlannedName:
    """A column of a table that stays, and how many of its rows go because they name something of the plug-in's."""

    table: str
    column: str
    rows: int


@dataclass(frozen=True)
class Plan:
    """What removing a plug-in takes away."""

    plugin: str
    tables: tuple[PlannedTable, ...]
    revisions: tuple[str, ...]
    names: tuple[PlannedName, ...] = ()
    #: PostgreSQL's enumerated types that no column of anybody else has.
    types: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of the plug-in's."""
        return not (self.tables or self.revisions or self.names)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    @property
    def foreign(self) -> tuple[str, ...]:
        """Tables of others that refer to one of these, as `table.column → table`."""
        own = {item.name for item in self.tables}
        return tuple(
            f"{origin} → {item.name}"
            for item in self.tables
            for origin in item.referred_to_by
            if origin.partition(".")[0] not in own
        )


def connected(site: Site) -> AbstractContextManager[Connection]:
    """A connection in a transaction of its own, which is committed at the end unless something was raised."""
    return migration_transaction(site.settings["sqlalchemy.url"])


def plan(connection: Connection, plugin: str, site: Site) -> Plan:
    """What belongs to `plugin` in the database of `site`. Raises CannotStart when models cannot be imported."""
    if plugin == SHIPPED:
        raise CannotStart("These are the tables of Flasky itself; they are not a plug-in's.")
    names = sorted(name for name, owner in owners_of_tables(connection).items() if owner == plugin)
    revisions = sorted(name for name, owner in owners_of_revisions(connection).items() if owner == plugin)
    inspector = inspect(connection)
    origins: dict[str, list[str]] = {}
    targets: dict[str, list[str]] = {}
    for name in inspector.get_table_names():
        for key in inspector.get_foreign_keys(name):
            columns = ", ".join(key["constrained_columns"])
            origins.setdefault(key["referred_table"], []).append(f"{name}.{columns}")
            targets.setdefault(name, []).append(f"{columns} → {key['referred_table']}")
    planned = [
        PlannedTable(
            name,
            connection.execute(select(func.count()).select_from(table(name))).scalar_one(),
            tuple(targets.get(name, ())),
            tuple(origins.get(name, ())),
        )
        for name in names
    ]
    others = tuple(_names(connection, plugin, site, set(names)))
    return Plan(plugin, tuple(planned), tuple(revisions), others, _types(connection, names))


def _types(connection: Connection, tables: list[str]) -> tuple[str, ...]:
    """The enumerated types of the columns of `tables`, as SQL names them, that no other table has.

    PostgreSQL keeps a type when the last table goes that has it, and the next migration that makes it would fail.
    """
    if connection.dialect.name != "postgresql" or not tables:
        return ()
    own = {"names": tables}
    return tuple(connection.execute(text(_TYPES_OF_TABLES), own).scalars())


def _names(connection: Connection, plugin: str, site: Site, own: set[str]) -> Iterator[PlannedName]:
    """Where rows of others name something of the plug-in's."""
    for one in _naming(connection, plugin, site, own):
        count = connection.execute(
            select(func.count()).select_from(table(one.table.name)).where(_is_of(plugin, one.name))
        ).scalar_one()
        if count:
            yield PlannedName(one.table.name, one.name, count)


def _naming(connection: Connection, plugin: str, site: Site, own: set[str]) -> list[Column[Any]]:
    """The columns of others that can name something of the plug-in's."""
    import_models(site)
    # A plug-in that is switched off may hold such rows, too; one that is broken has to be mended to look after them.
    holders = {owner for owner in owners_of_tables(connection).values() if owner not in {"", SHIPPED, plugin}}
    for item in declarations(sorted(holders - {item.name for item in site.plugins})):
        if item.plugin.models:
            with suppress(Exception):
                import_module(item.plugin.models)
    present = set(inspect(connection).get_table_names()) - own
    return [one for one in naming_columns() if one.table.name in present]


def _is_of(plugin: str, name: str) -> ColumnElement[bool]:
    return column(name, String).startswith(f"{plugin}.", autoescape=True)


def lock(connection: Connection, planned: Plan, site: Site) -> None:
    """Keep everybody else away until the end of the transaction: from the tables, and from writing names of others.

    Raises CannotStart when somebody uses them for longer than `LOCK_WAIT_SECONDS`. Plan anew afterwards: a site that
    still runs may have written meanwhile. On SQLite the transaction alone does it (BEGIN IMMEDIATE).
    """
    if connection.dialect.name != "postgresql":
        return
    own = [item.name for item in planned.tables]
    others = sorted({one.table.name for one in _naming(connection, planned.plugin, site, set(own))})
    # For the DROP, too, which needs the tables that these refer to.
    connection.execute(text(f"SET LOCAL lock_timeout = '{int(LOCK_WAIT_SECONDS * 1000)}ms'"))
    for names, mode in ((own, "ACCESS EXCLUSIVE"), (others, "SHARE ROW EXCLUSIVE")):
        if names:
            with _waiting(planned):
                connection.execute(text(f"LOCK TABLE {_quoted(connection, names)} IN {mode} MODE"))


@contextmanager
def _waiting(planned: Plan) -> Iterator[None]:
    """Say what to do when a lock cannot be had."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") not in _NO_LOCK:
            raise
        raise CannotStart(
            f"Somebody uses the tables of {planned.plugin!r}, or some that they refer to: {str(error.orig).strip()}. "
            "Nothing was removed. Restart the site without the plug-in, or stop it, and try again."
        ) from error


def _quoted(connection: Connection, names: list[str]) -> str:
    return ", ".join(map(connection.dialect.identifier_preparer.quote_identifier, names))


def dump(connection: Connection, planned: Plan, file: Path) -> None:
    """Write every row of the tables into a new file; it is whole and on the disk when this returns, and gone when this
    raises.

    Raises CannotStart when the file is there already, and for what cannot be written. What the database computes is
    left out, and so are SQLite's virtual tables, which triggers fill.
    """
    tables = reflected(connection, _kept(connection, planned))
    content = {
        "format": _FORMAT,
        "plugin": planned.plugin,
        "revisions": planned.revisions,
        "made_at": datetime.now(UTC).isoformat(),
        "tables": [{"name": one.name, "rows": _rows(connection, one)} for one in tables],
        "names": [
            {
                "name": item.table,
                "rows": [
                    row
                    for one in reflected(connection, [item.table])
                    for row in _rows(connection, one, _is_of(planned.plugin, item.column))
                ],
            }
            for item in planned.names
        ],
    }
    try:
        target = file.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise CannotStart(f"{file} is there already. Name another file with --dump. Nothing was removed.") from error
    try:
        with target:
            # It holds what the tables held: as private as they were.
            file.chmod(0o600)
            json.dump(content, target, ensure_ascii=False, indent=1)
            # The rows go as soon as the database has written that they do; by then they must be here.
            target.flush()
            os.fsync(target.fileno())
        _sync_folder(file.parent)
    except BaseException:
        file.unlink()
        raise


def _kept(connection: Connection, planned: Plan) -> list[str]:
    """The tables whose rows are written. Raises CannotStart for a virtual one with rows of its own."""
    if connection.dialect.name == "sqlite":
        own = {item.name for item in planned.tables}
        virtual = {row.name: _CONTENT.search(row.sql) for row in connection.execute(text(_VIRTUAL))}
        lost = {name for name, content in virtual.items() if content is None or content[1] not in own}
        if found := [item.name for item in planned.tables if item.rows and item.name in lost]:
            raise CannotStart(
                f"The rows of {', '.join(found)} cannot be kept: it is a virtual table of SQLite that has no other "
                "table for its content. Empty it first. Nothing was removed."
            )
    plain = set(plain_tables(connection))
    return [item.name for item in planned.tables if item.name in plain]


def _sync_folder(folder: Path) -> None:
    """See to it that the name of a new file is on the disk as well."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _rows(connection: Connection, one: Table, *which: ColumnElement[bool]) -> list[dict[str, Any]]:
    """The rows as they are written. Raises CannotStart for what cannot be read or written."""
    try:
        return [
            {key: _written(f"{one.name}.{key}", value) for key, value in row._mapping.items()}  # noqa: SLF001 - its public name
            for row in connection.execute(select(*stored(one)).where(*which))
        ]
    except DBAPIError as error:
        raise CannotStart(
            f"The rows of {one.name} cannot be read: {str(error.orig).strip()}. Nothing was removed."
        ) from error


def check(planned: Plan) -> None:
    """Raises CannotStart for what is not taken away: tables of Flasky's own migrations, and what others refer to."""
    if planned.tables and not planned.revisions:
        raise CannotStart(
            f"The tables of {planned.plugin!r} are made by the migrations of Flasky itself, and stay: without them "
            "`alembic upgrade heads` would not know what there is. Nothing was removed."
        )
    if planned.foreign:
        raise CannotStart(
            f"Other tables refer to those of {planned.plugin!r}: {'; '.join(planned.foreign)}. "
            "Remove the plug-in they belong to first. Nothing was removed."
        )


def remove(connection: Connection, planned: Plan) -> None:
    """Drop the tables, and forget the plug-in in the tables of the migrations. Raises CannotStart as `check` does."""
    check(planned)
    for item in planned.names:
        connection.execute(delete(table(item.table)).where(_is_of(planned.plugin, item.column)))
    with _waiting(planned):
        _drop(connection, planned)
    version = table(VERSION_TABLE, column("version_num"))
    connection.execute(delete(version).where(version.c.version_num.in_(planned.revisions)))
    owners = table(OWNERS_TABLE, column("owner"))
    connection.execute(delete(owners).where(owners.c.owner == planned.plugin))


def _drop(connection: Connection, planned: Plan) -> None:
    names = [_quoted(connection, [item.name]) for item in planned.tables]
    # All at once where the database can: one that refers to another of them is then in nobody's way. SQLite asks for
    # no order, as the connection of a migration does not look after foreign keys.
    # What a virtual table keeps its data in comes behind it, and is gone with it.
    for some in [", ".join(names)] if connection.dialect.name == "postgresql" and names else names:
        connection.execute(text(f"DROP TABLE IF EXISTS {some}"))
    for name in planned.types:
        connection.execute(text(f"DROP TYPE {name}"))


def restore(connection: Connection, file: Path, site: Site) -> dict[str, int]:
    """Put the rows of a dump back into the empty tables; returns how many by table. Raises CannotStart.

    Rows of others that named something of the plug-in's come back where they still fit.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        plugin, revisions, dumped = content["plugin"], content["revisions"], content["tables"]
        form = content["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotStart(f"{file} is not a dump of a plug-in: {type(error).__name__}: {error}") from error
    if form != _FORMAT:
        raise CannotStart(
            f"{file} is a dump of format {form}, and this Flasky reads format {_FORMAT}: restore it with the Flasky "
            "that wrote it. Nothing was put back."
        )
    now = plan(connection, plugin, site)
    if list(now.revisions) != list(revisions):
        raise CannotStart(
            f"The dump was made at {', '.join(revisions) or 'no revision'} of {plugin!r}, the database is at "
            f"{', '.join(now.revisions) or 'none'}. Enable the plug-in and migrate it to that revision first."
        )
    plain = set(plain_tables(connection))
    if full := [item.name for item in now.tables if item.rows and item.name in plain]:
        raise CannotStart(f"There are rows in {', '.join(full)} already. Rows are only put back into empty tables.")
    rows = {item["name"]: item["rows"] for item in dumped}
    if strange := sorted(set(rows) - {item.name for item in now.tables}):
        raise CannotStart(f"The plug-in {plugin!r} has no table {', '.join(strange)}.")
    others = {item["name"]: item["rows"] for item in content.get("names", ())}
    with given_numbers(connection, [*rows, *others]):
        with references_last(connection, list(rows), _REFERS_TO_NOTHING):
            for one in reflected(connection, list(rows)):
                if rows[one.name]:
                    connection.execute(insert(one), [_read_row(row) for row in rows[one.name]])
                    count_on(connection, one)
        names = {name: _put_back(connection, name, found) for name, found in others.items()}
    return {**{name: len(found) for name, found in rows.items()}, **names}


def _put_back(connection: Connection, name: str, rows: list[dict[str, Any]]) -> int:
    """Put rows back into a table that others have used meanwhile; returns how many fitted."""
    count = 0
    for one in reflected(connection, [name]) if inspect(connection).has_table(name) else ():
        for row in rows:
            read = _read_row(row)
            if _fits(connection, one, read):
                connection.execute(insert(one), read)
                count += 1
        count_on(connection, one)
    return count


def _fits(connection: Connection, one: Table, row: dict[str, Any]) -> bool:
    """Whether the row's place is free, and everything that it refers to is still there."""
    key = and_(*(own == row[own.name] for own in one.primary_key.columns))
    if connection.execute(select(one).where(key)).first() is not None:
        return False
    for reference in one.foreign_key_constraints:
        pairs = [(part.column, row[part.parent.name]) for part in reference.elements]
        if any(value is None for _, value in pairs):
            continue
        there = and_(*(target == value for target, value in pairs))
        if connection.execute(select(reference.referred_table).where(there)).first() is None:
            return False
    return True


def _written(where: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for kind, (name, write) in _WRITERS.items():
        if isinstance(value, kind):
            return {name: write(value)}
    raise CannotStart(f"{where} holds a {type(value).__name__}, which a dump cannot hold. Nothing was removed.")


def _read_row(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _read(value) for key, value in row.items()}


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    [(name, written)] = value.items()
    return _READERS[name](written)
