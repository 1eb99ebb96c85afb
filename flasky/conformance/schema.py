"""Rules about the tables of a plug-in: its migrations make what its models say, and go back and forth with rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool

from flasky.conformance import rows
from flasky.conformance.rule import Finding, NotApplicable, Rule
from flasky.conformance.subject import Subject
from flasky.conformance.workbench import own_database
from flasky.database.base import Base
from flasky.database.engine import make_engine
from flasky.migrations.autogenerate import Autogenerate
from flasky.migrations.locations import chain_of, chain_of_script, locations
from flasky.migrations.records import BOOKKEEPING, owners_of_tables
from flasky.migrations.rows import plain_tables
from flasky.site import get_site


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    """A connection to the database of that URL, which keeps foreign keys; what is not committed is rolled back."""
    engine = make_engine(database, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _models(subject: Subject) -> Iterable[Finding]:
    get_site(subject.registry)
    if not (subject.item.plugin.models or subject.item.plugin.migrations):
        raise NotApplicable("it has no tables")
    folder = subject.bench.place("models")
    database = subject.bench.database(folder)
    ini = subject.bench.write_site(folder, "site", subject.plugins, database)
    try:
        chain_of(subject.site, subject.name)
        subject.bench.migrated(subject.others, database)
        subject.bench.upgrade(ini)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's migration raises is the finding
        return [
            Finding(str(subject.item.plugin.migrations or subject.package), f"alembic upgrade heads: {_said(error)}")
        ]
    with own_database():
        script = ScriptDirectory.from_config(config := subject.bench.alembic(ini))
    autogenerate = Autogenerate(subject.site, script, config)
    with connected(database) as connection:
        include = autogenerate.include_object(connection)

        def own(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
            taken = include(item, name, kind, reflected, compare_to)
            return taken and (kind != "table" or autogenerate.owner(str(name)) == subject.name)

        context = MigrationContext.configure(connection, opts={"include_object": own})
        found = _flat(compare_metadata(context, Base.metadata))
    return [Finding(_place(subject, table), problem) for change in found for table, problem in [_described(change)]]


def _flat(changes: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Alembic puts the changes of one column into a list of their own."""
    for change in changes:
        if isinstance(change, list):
            yield from change
        else:
            yield change


def _described(change: tuple[Any, ...]) -> tuple[str, str]:
    """The table that a difference is about, and the difference in words."""
    kind, *rest = change
    verb, _, thing = str(kind).partition("_")
    if verb == "modify":
        table, column = rest[1], rest[2]
        return table, f"the column {table}.{column} differs in {thing}: {rest[-2]!r} in the database, {rest[-1]!r} here"
    if thing == "column":
        table, name = rest[1], f"{rest[1]}.{rest[2].name}"
    else:
        table = rest[0].name if thing == "table" else rest[0].table.name
        name = str(rest[0].name)
    where = "of the model is made by no migration" if verb == "add" else "is made by a migration and is in no model"
    return table, f"the {_THINGS.get(thing, thing)} {name} {where}"


_THINGS = {"fk": "foreign key"}


def _place(subject: Subject, table: str) -> str:
    model = Base.metadata.tables.get(table)
    return subject.place_of(model) if model is not None else str(subject.item.plugin.migrations or subject.package)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, CommandError) else f"{type(error).__name__}: {error}"


def _migrations(subject: Subject) -> Iterable[Finding]:
    if not (subject.item.plugin.models or subject.item.plugin.migrations):
        raise NotApplicable("it has no tables")
    try:
        chain = chain_of(subject.site, subject.name)
    except CommandError as error:
        return [Finding(str(subject.package / "__init__.py"), str(error))]
    found: list[Finding] = subject.bench.once(("journey", chain), lambda: list(Journey(subject, chain).findings()))
    return found


class Journey:
    """A chain of migrations, up a step at a time with rows in every table, down again, and up once more."""

    def __init__(self, subject: Subject, chain: str) -> None:
        self._subject, self._chain = subject, chain
        folder = subject.bench.place("journey")
        self._database = subject.bench.database(folder)
        self._ini = subject.bench.write_site(folder, "site", subject.plugins, self._database)
        self._begin = {} if subject.ships else self._others_filled()

    def _others_filled(self) -> dict[str, Any]:
        """The database before the plug-in, with rows of all others."""
        self._subject.bench.migrated(self._subject.others, self._database)
        with connected(self._database) as connection:
            rows.fill(connection, set(plain_tables(connection)) - BOOKKEEPING)
            return rows.content(connection)

    def findings(self) -> Iterator[Finding]:
        """What goes wrong on the way."""
        with own_database():
            steps = self._steps()
        if not steps:
            yield Finding(str(self._subject.item.plugin.migrations), "there is no revision")
            return
        # As far as it gets: what comes after a step that failed would only repeat it.
        for way in (self._up(steps), self._down(steps), self._up(steps)):
            found = list(way)
            yield from found
            if found:
                return

    def _steps(self) -> list[Script]:
        script = ScriptDirectory.from_config(self._subject.bench.alembic(self._ini))
        found = locations(self._subject.site, script)
        return [step for step in reversed(list(script.walk_revisions())) if chain_of_script(found, step) == self._chain]

    def _up(self, steps: list[Script]) -> Iterator[Finding]:
        for step in steps:
            try:
                self._subject.bench.upgrade(self._ini, step.revision)
            except Exception as error:  # noqa: BLE001 - whatever a stranger's migration raises is the finding
                yield Finding(step.path, f"upgrading with rows in its tables fails: {_said(error)}")
                return
            with connected(self._database) as connection:
                problems = rows.fill(connection, self._own_tables(connection))
            for table, problem in problems.items():
                yield Finding(
                    step.path,
                    f"no row could be made up for {table} ({problem}): name a value in the model, "
                    f"mapped_column(…, info={{{rows.SAMPLE!r}: …}})",
                )
        yield from self._compared(steps[-1], "after upgrading")

    def _down(self, steps: list[Script]) -> Iterator[Finding]:
        for step in reversed(steps):
            lower = step.down_revision
            try:
                self._subject.bench.downgrade(self._ini, lower if isinstance(lower, str) else f"{self._chain}@base")
            except Exception as error:  # noqa: BLE001 - whatever a stranger's migration raises is the finding
                yield Finding(step.path, f"downgrading with rows in its tables fails: {_said(error)}")
                return
        yield from self._compared(steps[0], "after downgrading to nothing", whole=True)

    def _own_tables(self, connection: Connection) -> set[str]:
        if self._subject.ships:
            return set(plain_tables(connection)) - BOOKKEEPING
        return {name for name, owner in owners_of_tables(connection).items() if owner == self._chain}

    def _compared(self, step: Script, when: str, *, whole: bool = False) -> Iterator[Finding]:
        """What is not as it was: of what belongs to others, or of the whole database."""
        with connected(self._database) as connection:
            now = rows.content(connection)
        before = self._begin
        if not before:
            # The chain of what ships began with an empty file, in which only the bookkeeping may be left.
            now = {key: value for key, value in now.items() if not any(name in key for name in BOOKKEEPING)}
        for said in rows.differences(before, now):
            if whole or (before and "still there" not in said and not any(name in said for name in BOOKKEEPING)):
                yield Finding(step.path, f"{when} {said}")


MODELS = Rule(
    "models",
    "The migrations make exactly the tables that the models describe.",
    'Write the missing revision: alembic -c site.ini revision --autogenerate -m "What changes".',
    _models,
)
MIGRATIONS = Rule(
    "migrations",
    "Every migration works with rows in the tables, up and down and up again, and leaves the rows of others alone.",
    "Give a new NOT NULL column a server_default, and let downgrade() undo exactly what upgrade() does.",
    _migrations,
)
