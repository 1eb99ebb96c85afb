"""Copying a site's rows into another, new database: from SQLite to PostgreSQL, and from any database to any other.

The new database gets its tables from the migrations, as every database does, and its rows from the old one, in one
transaction: all of them or none. Everything goes: what waits to be mailed and done, and the tables of plug-ins that are
switched off. The old one is only read, as it is at one moment.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, DateTime, NullPool, Numeric, Table, Uuid, delete, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from alembic import command
from flasky.database.engine import make_migration_engine, make_read_engine, sqlite_file
from flasky.errors.exceptions import in_english
from flasky.ini import CannotStart
from flasky.loader import available, resolve_plugins
from flasky.migrations.explanations import is_missing, shown_database, why_unavailable
from flasky.migrations.locations import SHIPPED, config_of, has_own_chain
from flasky.migrations.records import BOOKKEEPING, applied_revisions, owners_of_revisions
from flasky.migrations.rows import (
    DatabaseText,
    check_references,
    count_on,
    given_numbers,
    plain_tables,
    references_last,
    reflected,
    stored,
)
from flasky.migrations.safety import count
from flasky.migrations.state import schema_state
from flasky.site import Site

#: Rows that are held at once.
_BATCH = 500
#: SQLite has a length of time as a moment that is so long after this one (SQLAlchemy's `Interval`).
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as SQLite has it
_SHOWN = 5
_REFERS_TO_NOTHING = "Nothing was copied: in the old database a row refers to one that is not there"

#: Called with the name of each table that was copied and the number of its rows.
Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class Copied:
    """The rows of each table that was copied, and of each that was not: no migration makes it in the new database."""

    rows: Mapping[str, int]
    left: Mapping[str, int]


def copy(site: Site, url: str, tell: Tell) -> Copied:
    """Copy every row of the database of `site` into the one at `url`, which is new or migrated and not used yet.

    Raises CannotStart, which says what is wrong and what to do, when that cannot be; no row is there then.
    """
    if _is_same(str(site.settings["sqlalchemy.url"]), url):
        raise CannotStart(f"{shown_database(site)} is the database of this site already. Name another one with --to.")
    state = schema_state(site)
    if not state.is_current:
        raise CannotStart("\n".join(filter(None, [state.message, state.command])))
    with _old(site) as old:
        every = _with_all_plugins(site, old)
        if old.dialect.name == "sqlite":
            check_references(old, plain_tables(old), _REFERS_TO_NOTHING)
        target = _at(every, url)
        _make_tables(target)
        made = _made_by_migrations(every)
        with _new(target) as new:
            return _copied(old, new, target, made, tell)


def _is_same(url: str, other: str) -> bool:
    files = sqlite_file(url), sqlite_file(other)
    return make_url(url) == make_url(other) if None in files else len({one and one.resolve() for one in files}) == 1


def _at(site: Site, url: str) -> Site:
    """The site with its database at `url`."""
    values = dict(site.settings.values_by_name)
    values["sqlalchemy.url"] = values["sqlalchemy.url"]._replace(value=url)
    return replace(site, settings=replace(site.settings, values_by_name=values))


@contextmanager
def _old(site: Site) -> Iterator[Connection]:
    """A connection that cannot write and sees the database as it is at one moment."""
    url = make_url(site.settings["sqlalchemy.url"])
    on_server = url.get_backend_name() == "postgresql"
    engine = make_read_engine(url, poolclass=NullPool, **({"isolation_level": "REPEATABLE READ"} if on_server else {}))
    try:
        with engine.connect() as connection:
            if not on_server:
                # The reading engine sends none: each statement of a page sees what is committed when it begins.
                connection.exec_driver_sql("BEGIN")
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _new(site: Site) -> Iterator[Connection]:
    """A connection in a transaction, which is committed at the end unless something was raised."""
    engine = make_migration_engine(site.settings["sqlalchemy.url"])
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _with_all_plugins(site: Site, old: Connection) -> Site:
    """The site with the plug-ins, too, that are switched off and have migrated the database.

    Raises CannotStart for one that is not installed any more, or whose tables are not at its newest revision: nobody
    could make them.
    """
    chains = sorted(set(owners_of_revisions(old).values()) - {SHIPPED, ""})
    off = [name for name in chains if not has_own_chain(site, name)]
    if missing := [name for name in off if name not in available()]:
        raise CannotStart(
            f"There are tables of {_listed(missing)}, not installed any more, so nobody can make them in the new "
            f"database. Install it again, or take them away: flasky plugin remove {missing[0]} (their rows are kept in "
            "a file). Nothing was copied."
        )
    plugins, faults = resolve_plugins([*(item.name for item in site.plugins), *off], "the database")
    if faults:
        raise CannotStart("\n".join(["Plug-ins that are off have tables here, too:", *map(str, faults)]))
    every = replace(site, plugins=tuple(plugins))
    state = schema_state(every)
    if not state.is_current:
        raise CannotStart(
            f"The tables of {_listed(off)}, switched off, are not as its newest revision makes them: {state.message}\n"
            "Enable it, migrate, and disable it again; or take its tables away: flasky plugin remove "
            f"{off[0] if off else ''}. Nothing was copied."
        )
    return every


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"the plug-in {name!r}" for name in names)


def _make_tables(target: Site) -> None:
    """Migrate a database without any table; leave every other as it is. Raises CannotStart."""
    url = target.settings["sqlalchemy.url"]
    file = sqlite_file(url)
    try:
        if (file is not None and not file.exists()) or not _has_tables(url):
            command.upgrade(_config(target), "heads")
    except DBAPIError as error:
        raise CannotStart(_unavailable(error, target)) from error
    except CommandError as error:
        cause = error.__cause__
        told = _unavailable(cause, target) if isinstance(cause, DBAPIError) and is_missing(cause) else str(error)
        raise CannotStart(told) from error


def _unavailable(error: DBAPIError, target: Site) -> str:
    if is_missing(error):
        return f"There is no database {shown_database(target)} on the server. Make it with createdb, and try again."
    return in_english(why_unavailable(error, target))


def _has_tables(url: str) -> bool:
    engine = make_read_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return bool(plain_tables(connection))
    finally:
        engine.dispose()


def _config(site: Site) -> Config:
    config = config_of(site)
    if config is None:
        raise CannotStart("The site was made without an INI file, which says where the migrations are.")
    return config


def _made_by_migrations(site: Site) -> dict[str, int]:
    """How many rows the migrations themselves put into each table, as roles: what an unused database has."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = _at(site, f"sqlite:///{folder}/scratch.sqlite")
        command.upgrade(_config(scratch), "heads")
        with _new(scratch) as connection:
            return {name: count(connection, name) for name in plain_tables(connection)}


def _copied(old: Connection, new: Connection, target: Site, made: Mapping[str, int], tell: Tell) -> Copied:
    where = shown_database(target)
    if sorted(applied_revisions(old)) != sorted(applied_revisions(new)):
        raise CannotStart(
            f"{where} is not at the revisions that the database of this site is at. Name one without any table: it "
            "is migrated then. Nothing was copied."
        )
    names = [name for name in plain_tables(new) if name not in BOOKKEEPING]
    there = set(plain_tables(old))
    shared = [name for name in names if name in there]
    rows = {}
    with given_numbers(new, shared), references_last(new, names, _REFERS_TO_NOTHING):
        # From here on PostgreSQL lets nobody else write into these tables, and SQLite into any.
        if used := [name for name in names if count(new, name) > made.get(name, 0)]:
            more = f" and {len(used) - _SHOWN} others" if len(used) > _SHOWN else ""
            raise CannotStart(
                f"There are rows in {where} already, in {', '.join(used[:_SHOWN])}{more}. Rows are only copied into a "
                "new database. Nothing was copied."
            )
        tables = reflected(new, names)
        for one in tables:
            new.execute(delete(one))
        for origin, one in zip(reflected(old, shared), (one for one in tables if one.name in there), strict=True):
            rows[one.name] = _copy_table(old, origin, new, one)
            tell(one.name, rows[one.name])
    if new.dialect.name == "postgresql" and shared:
        # It plans by what it knows of the tables, which is nothing yet.
        quote = new.dialect.identifier_preparer.quote_identifier
        new.execute(text(f"ANALYZE {', '.join(map(quote, shared))}"))
    return Copied(rows, {name: count(old, name) for name in sorted(there - set(names) - BOOKKEEPING)})


def _copy_table(old: Connection, origin: Table, new: Connection, one: Table) -> int:
    """Copy the rows of `origin` into the empty table `one`; returns how many. Raises CannotStart."""
    for column in origin.columns:
        if old.dialect.name == "sqlite" and isinstance(column.type, Numeric):
            # SQLite has it as a floating-point number, and Decimal would cut off what is behind the tenth place.
            column.type.asdecimal = False
    columns = [item.name for item in stored(one)]
    if missing := [name for name in columns if name not in origin.columns]:
        raise CannotStart(f"The old database has no column {one.name}.{missing[0]}. Nothing was copied.")
    if more := [item.name for item in stored(origin) if item.name not in one.columns]:
        raise CannotStart(
            f"No migration makes the column {one.name}.{more[0]}, which the old database has. Nothing was copied: drop "
            "it there, or write a migration that makes it."
        )
    types = {name: one.columns[name].type for name in columns}
    statement = select(*(origin.columns[name] for name in columns)).execution_options(yield_per=_BATCH)
    try:
        for part in old.execute(statement).partitions():
            _put(new, one, [{key: _fitting(value, types[key]) for key, value in row._mapping.items()} for row in part])  # noqa: SLF001 - its public name
    except (DBAPIError, ValueError, TypeError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise CannotStart(
            f"The rows of {one.name} cannot be read: {str(reason).strip()}. Nothing was copied."
        ) from error
    count_on(new, one)
    before, after = count(old, one.name), count(new, one.name)
    if before != after:
        raise CannotStart(
            f"{one.name} has {before} rows in the old database and {after} in the new one. Nothing was copied."
        )
    return after


def _fitting(value: Any, kind: Any) -> Any:
    """A value of the old database as a column of this type of the new one takes it."""
    if isinstance(value, UUID) and not isinstance(kind, Uuid):
        return value.hex
    if isinstance(value, str) and isinstance(kind, Uuid):
        return UUID(value)
    if isinstance(value, datetime) and isinstance(kind, DatabaseText):
        return f"{(value - _EPOCH).total_seconds():f} seconds"
    if isinstance(value, datetime) and isinstance(kind, DateTime):
        # SQLite knows no zones: its moments are in UTC (UTCDateTime).
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment if kind.timezone else moment.astimezone(UTC).replace(tzinfo=None)
    return value


def _put(new: Connection, one: Table, rows: list[dict[str, Any]]) -> None:
    try:
        with new.begin_nested():
            new.execute(insert(one), rows)
    except StatementError as error:
        raise CannotStart(_refused(new, one, rows) or _words(error)) from error


def _refused(new: Connection, one: Table, rows: list[dict[str, Any]]) -> str:
    """Which of the rows the database does not take, and why."""
    keys = [item.name for item in one.primary_key.columns]
    for row in rows:
        try:
            with new.begin_nested():
                new.execute(insert(one), row)
        except StatementError as error:
            # A key that is a text may be an address, or what somebody signs in with.
            shown = [f"{key} {row[key]}" for key in keys if isinstance(row[key], int)]
            which = f"the row of {one.name} with {', '.join(shown)}" if shown else f"a row of {one.name}"
            return (
                f"The new database does not take {which}: {_words(error)}. Nothing was copied. Change the row in the "
                "old database, or the column by a migration, and try again."
            )
    return ""


def _words(error: StatementError) -> str:
    return str(error.orig).strip()
