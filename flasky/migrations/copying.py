"""Copying a site's rows into another, new database: from SQLite to PostgreSQL, and from any database to any other.

The new database gets its tables from the migrations, as every database does, and its rows from the old one, in one
transaction: all of them or none. Everything goes: what waits to be mailed and done, and the tables of plug-ins that are
switched off. The old one is only read, as it is at one moment.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    NullPool,
    Numeric,
    Table,
    Uuid,
    delete,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from alembic import command
from flasky.database.engine import make_read_engine, migration_transaction, sqlite_file
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
    last_numbers,
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
#: Characters of a UUID that is written with hyphens.
_UUID_LENGTH = 36
#: How long others may keep the new database's tables.
_LOCK_SECONDS = 10
#: PostgreSQL: a lock was not to be had in time.
_LOCK_NOT_AVAILABLE = "55P03"
_REFERS_TO_NOTHING = "Nothing was copied: in the old database a row refers to one that is not there"

#: Called with the name of each table that was copied and the number of its rows.
Tell = Callable[[str, int], None]
#: Rows as one database has them, by table.
Rows = Mapping[str, list[dict[str, Any]]]


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
    with _reading(site) as old:
        every = _with_all_plugins(site, old)
        target = _at(every, url)
        is_new = _make_tables(target)
        try:
            _check_is_another(old, target)
            made = _all_rows(target) if is_new else None
            with migration_transaction(target.settings["sqlalchemy.url"]) as new:
                return _copied(old, new, target, made, tell)
        except DBAPIError as error:
            raise CannotStart(f"{_unavailable(error, target)}\nNothing was copied.") from error


def _is_same(url: str, other: str) -> bool:
    files = sqlite_file(url), sqlite_file(other)
    return make_url(url) == make_url(other) if None in files else len({one and one.resolve() for one in files}) == 1


def _check_is_another(old: Connection, target: Site) -> None:
    """Raise CannotStart when both are the same schema of one database on a server, by whatever address."""
    url = make_url(target.settings["sqlalchemy.url"])
    if old.dialect.name != "postgresql" or url.get_backend_name() != "postgresql":
        return
    # A lock that nobody else has, and that only connections to the same database see. What the server says of itself
    # (system_identifier) is the same in a clone of it.
    number = secrets.randbits(31)
    old.execute(text("SELECT pg_advisory_xact_lock(0, :number)"), {"number": number})
    schema = old.execute(text("SELECT current_schema()")).scalar()
    seen = text(
        "SELECT current_schema() = :schema AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' "
        "AND classid = 0 AND objid = :number AND objsubid = 2 "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    with _reading(target) as new:
        if new.execute(seen, {"schema": schema, "number": number}).scalar():
            raise CannotStart(
                f"{shown_database(target)} is the database of this site already, under another address. Name another "
                "one with --to. Nothing was copied."
            )


def _at(site: Site, url: str) -> Site:
    """The site with its database at `url`."""
    values = dict(site.settings.values_by_name)
    values["sqlalchemy.url"] = values["sqlalchemy.url"]._replace(value=url)
    return replace(site, settings=replace(site.settings, values_by_name=values))


@contextmanager
def _reading(site: Site) -> Iterator[Connection]:
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


def _make_tables(target: Site) -> bool:
    """Migrate a database without any table; leave every other as it is. Returns which it was. Raises CannotStart."""
    file = sqlite_file(target.settings["sqlalchemy.url"])
    try:
        if (file is None or file.exists()) and _has_tables(target):
            return False
        command.upgrade(_config(target), "heads")
    except DBAPIError as error:
        raise CannotStart(_unavailable(error, target)) from error
    except CommandError as error:
        cause = error.__cause__
        told = _unavailable(cause, target) if isinstance(cause, DBAPIError) and is_missing(cause) else str(error)
        raise CannotStart(told) from error
    return True


def _unavailable(error: DBAPIError, target: Site) -> str:
    if is_missing(error):
        return f"There is no database {shown_database(target)} on the server. Make it with createdb, and try again."
    return in_english(why_unavailable(error, target))


def _has_tables(site: Site) -> bool:
    with _reading(site) as connection:
        return bool(plain_tables(connection))


def _config(site: Site) -> Config:
    config = config_of(site)
    if config is None:
        raise CannotStart("The site was made without an INI file, which says where the migrations are.")
    return config


def _made_by_migrations(target: Site) -> Rows:
    """The rows that the migrations themselves make, as roles: what an unused database has. Raises CannotStart."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = _at(target, f"sqlite:///{folder}/scratch.sqlite")
        try:
            command.upgrade(_config(scratch), "heads")
        except (CommandError, NotImplementedError) as error:
            # The second is Alembic's, for what SQLite has no statement for.
            raise CannotStart(
                f"{shown_database(target)} has tables already, and whether it was used cannot be told: the migrations "
                f"do not run on SQLite. {error}\nName a database without any table. Nothing was copied."
            ) from error
        return _all_rows(scratch)


def _all_rows(site: Site) -> Rows:
    with _reading(site) as connection:
        tables = reflected(connection, [name for name in plain_tables(connection) if name not in BOOKKEEPING])
        return {one.name: [row for part in _read(connection, one, one) for row in part] for one in tables}


def _copied(old: Connection, new: Connection, target: Site, made: Rows | None, tell: Tell) -> Copied:
    where = shown_database(target)
    if sorted(applied_revisions(old)) != sorted(applied_revisions(new)):
        raise CannotStart(
            f"{where} is not at the revisions that the database of this site is at. Name one without any table: it "
            "is migrated then. Nothing was copied."
        )
    names = [name for name in plain_tables(new) if name not in BOOKKEEPING]
    there = set(plain_tables(old))
    shared = [name for name in names if name in there]
    if old.dialect.name == "sqlite":
        check_references(old, shared, _REFERS_TO_NOTHING)
    _lock(new, names, where)
    made = _made_by_migrations(target) if made is None else made
    tables = reflected(new, names)
    if used := [one.name for one in tables if _is_used(new, one, made.get(one.name, []))]:
        more = f" and {len(used) - _SHOWN} others" if len(used) > _SHOWN else ""
        raise CannotStart(
            f"There are rows in {where} already, in {', '.join(used[:_SHOWN])}{more}. Rows are only copied into a "
            "new database. Nothing was copied."
        )
    rows = {}
    with given_numbers(new, shared), references_last(new, names, _REFERS_TO_NOTHING):
        for one in tables:
            new.execute(delete(one))
        for origin, one in zip(reflected(old, shared), (one for one in tables if one.name in there), strict=True):
            rows[one.name] = _copy_table(old, origin, new, one)
            tell(one.name, rows[one.name])
    if new.dialect.name == "postgresql" and shared:
        # It plans by what it knows of the tables, which is nothing yet.
        new.execute(text(f"ANALYZE {_quoted(new, shared)}"))
    return Copied(rows, {name: count(old, name) for name in sorted(there - set(names) - BOOKKEEPING)})


def _quoted(connection: Connection, names: Iterable[str]) -> str:
    return ", ".join(map(connection.dialect.identifier_preparer.quote_identifier, names))


def _lock(new: Connection, names: list[str], where: str) -> None:
    """Keep everybody else out of the tables until the end, as SQLite does by itself. Raises CannotStart."""
    if new.dialect.name != "postgresql" or not names:
        return
    new.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
    try:
        # The strongest lock, as altering the foreign keys takes it anyway: what is in the way is in the way here.
        new.execute(text(f"LOCK TABLE {_quoted(new, names)} IN ACCESS EXCLUSIVE MODE"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise CannotStart(f"Somebody else is using {where}. Stop that, and try again. Nothing was copied.") from error


def _is_used(new: Connection, one: Table, made: list[dict[str, Any]]) -> bool:
    """Whether the table has other rows than those that the migrations made."""
    fitting = [_fitted(row, one) for row in made]
    return any(row not in fitting for part in _read(new, one, one) for row in part)


def _copy_table(old: Connection, origin: Table, new: Connection, one: Table) -> int:
    """Copy the rows of `origin` into the empty table `one`; returns how many. Raises CannotStart."""
    if missing := [item.name for item in stored(one) if item.name not in origin.columns]:
        raise CannotStart(f"The old database has no column {one.name}.{missing[0]}. Nothing was copied.")
    if more := [item.name for item in stored(origin) if item.name not in one.columns]:
        raise CannotStart(
            f"No migration makes the column {one.name}.{more[0]}, which the old database has. Nothing was copied: drop "
            "it there, or write a migration that makes it."
        )
    for part in _read(old, origin, one):
        _put(new, one, part)
    count_on(new, one, last_numbers(old, origin))
    before, after = count(old, one.name), count(new, one.name)
    if before != after:
        raise CannotStart(
            f"{one.name} has {before} rows in the old database and {after} in the new one. Nothing was copied."
        )
    return after


def _read(old: Connection, origin: Table, one: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of `origin`, a batch at a time, as the table `one` takes them. Raises CannotStart."""
    columns = [origin.columns[item.name] for item in stored(one)]
    for column in columns:
        if old.dialect.name == "sqlite" and isinstance(column.type, Numeric):
            # SQLite has it as a floating-point number, and Decimal would cut off what is behind the tenth place.
            column.type.asdecimal = False
        elif isinstance(column.type, DatabaseText) and isinstance(one.columns[column.name].type, DateTime):
            # No other type of PostgreSQL's is a moment in SQLite.
            column.type = INTERVAL()
    try:
        for part in old.execute(select(*columns).execution_options(yield_per=_BATCH)).partitions():
            yield [_fitted(row._mapping, one) for row in part]  # noqa: SLF001 - its public name
    except (DBAPIError, ValueError, TypeError, OverflowError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise CannotStart(
            f"The rows of {one.name} cannot be read: {str(reason).strip()}. Nothing was copied."
        ) from error


def _fitted(row: Mapping[Any, Any], one: Table) -> dict[str, Any]:
    return {key: _fitting(value, one.columns[key]) for key, value in row.items()}


def _fitting(value: Any, column: Column[Any]) -> Any:
    """A value of the old database as this column of the new one takes it; ValueError when it cannot."""
    if not isinstance(value, str | float | UUID | datetime | timedelta | time):
        return value
    kind: Any = column.type
    if isinstance(value, float):
        # The driver would cut it to 15 digits for PostgreSQL.
        return Decimal(repr(value)) if isinstance(kind, Numeric) and not isinstance(kind, Float) else value
    if isinstance(value, UUID | str):
        return _fitting_name(value, kind)
    if isinstance(value, time):
        if value.tzinfo is not None and not getattr(kind, "timezone", False):
            raise ValueError(f"{column.name} holds a time of day with its zone, which SQLite would lose")
        return value
    return _fitting_moment(value, kind)


def _fitting_name(value: UUID | str, kind: Any) -> Any:
    if isinstance(kind, Uuid):
        return UUID(value) if isinstance(value, str) else value
    if isinstance(value, str):
        return value
    # 32 digits where Uuid has made the column, which knows no other form; the usual one where there is room.
    return str(value) if (getattr(kind, "length", None) or _UUID_LENGTH) >= _UUID_LENGTH else value.hex


def _fitting_moment(value: datetime | timedelta, kind: Any) -> Any:
    if isinstance(value, timedelta):
        return _EPOCH + value
    if isinstance(kind, DatabaseText):
        return f"{(value - _EPOCH).total_seconds():f} seconds"
    if isinstance(kind, DateTime):
        # SQLite knows no zones: its moments are in UTC (UTCDateTime).
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment if kind.timezone else moment.astimezone(UTC).replace(tzinfo=None)
    return value


def _put(new: Connection, one: Table, rows: list[dict[str, Any]]) -> None:
    if new.dialect.name == "sqlite" and (name := next(_too_long(rows), "")):
        raise CannotStart(
            f"{one.name}.{name} holds a decimal number of more digits than SQLite keeps, which are 15. Nothing was "
            "copied."
        )
    try:
        _insert(new, one, rows)
    except StatementError as error:
        if _is_trouble(error):
            raise
        raise CannotStart(_refused(new, one, rows) or _told(f"the rows of {one.name}", error)) from error


def _insert(new: Connection, one: Table, rows: list[dict[str, Any]]) -> None:
    savepoint = new.begin_nested()
    try:
        new.execute(insert(one), rows)
    except StatementError as error:
        # After a full disk, or without a connection, there is no savepoint any more, and saying so would hide why.
        if not _is_trouble(error):
            savepoint.rollback()
        raise
    savepoint.commit()


def _too_long(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The columns with a decimal that is another one as the floating-point number that SQLite makes of it."""
    for row in rows:
        for name, value in row.items():
            if isinstance(value, Decimal) and Decimal(repr(float(value))) != value:
                yield name


def _is_trouble(error: StatementError) -> bool:
    """Whether no row is to blame but the database: a full disk, a connection that is lost."""
    if not isinstance(error, DBAPIError):
        # A value that the driver was not even given.
        return False
    return error.connection_invalidated or not isinstance(error, IntegrityError | DataError)


def _refused(new: Connection, one: Table, rows: list[dict[str, Any]]) -> str:
    """Which of the rows the database does not take, and why."""
    keys = [item.name for item in one.primary_key.columns]
    for row in rows:
        try:
            _insert(new, one, [row])
        except StatementError as error:
            if _is_trouble(error):
                raise
            # A key that is a text may be an address, or what somebody signs in with.
            shown = [f"{key} {row[key]}" for key in keys if isinstance(row[key], int)]
            return _told(f"the row of {one.name} with {', '.join(shown)}" if shown else f"a row of {one.name}", error)
    return ""


def _told(which: str, error: StatementError) -> str:
    return (
        f"The new database does not take {which}: {_words(error)}. Nothing was copied. Change the row in the old "
        "database, or the column by a migration, and try again."
    )


def _words(error: StatementError) -> str:
    return str(error.orig).strip()
