"""The environment that Alembic's commands run in; ``alembic/env.py`` only calls `run`.

The database is that of the INI file (environment variables count, as everywhere). A command that changes something
runs in one transaction, waits for its turn, copies an SQLite file first, and checks before COMMIT that nothing was
lost. A command that only looks does so over a connection that cannot write.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, NullPool, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from alembic import context
from flasky.database.base import Base
from flasky.database.engine import make_migration_engine, make_read_engine, sqlite_file
from flasky.database.ownership import import_models
from flasky.migrations.attempt import Attempt
from flasky.migrations.autogenerate import Autogenerate
from flasky.migrations.explanations import upgrade_command, why_unavailable
from flasky.migrations.foreign import refuse_unknown, split
from flasky.migrations.locations import SHIPPED, chain_of_script, check_independence, locations, site_of
from flasky.migrations.records import prepare, record
from flasky.migrations.safety import DELETES_FROM, check_foreign_keys, check_nothing_was_lost, count_rows
from flasky.migrations.telling import CannotMigrate, told_plainly
from flasky.site import Site
from flasky.startup import CannotStart

logger = logging.getLogger(__name__)

#: Any number that nobody else uses: PostgreSQL's advisory locks are numbers, and belong to one database.
_LOCK = 0x666C61736B79

Work = Callable[[Any, MigrationContext], Iterable[Any]]


def run() -> None:
    """Do what the Alembic command asks for. Raises CommandError for every mistake that a person can mend."""
    with told_plainly(context.config):
        try:
            _run(context.config)
        except CannotStart as error:
            raise CommandError(str(error)) from error


def _run(config: Config) -> None:
    site = site_of(config)
    import_models(site)
    check_independence(site, context.script)
    if context.is_offline_mode():
        _write_sql(site)
        return
    work, changes = _what_is_asked()
    if config.cmd_opts is not None:
        _show_progress(config)
    command = Run(site, context.script, work)
    if changes:
        command.change()
    else:
        command.look()


def _what_is_asked() -> tuple[Work, bool]:
    """The function that the command wants to run on the database's revisions, and whether it changes something.

    Alembic passes both to its environment as options, which can be read once it is configured.
    """
    context.configure(dialect_name="sqlite")
    options = context.get_context().opts
    return options["fn"], "destination_rev" in options


def _write_sql(site: Site) -> None:
    """Offline mode (`--sql`): print the statements instead of sending them."""
    url = make_url(site.settings["sqlalchemy.url"])
    context.configure(dialect_name=url.get_backend_name(), literal_binds=True, transactional_ddl=True)
    with context.begin_transaction():
        if url.get_backend_name() == "postgresql":
            # Whoever sends them has a zone of their own; make_migration_engine says why it counts.
            context.execute("SET LOCAL TimeZone = 'UTC'")
        context.run_migrations()


def _show_progress(config: Config) -> None:
    """On a terminal say what is done. The INI file's own logging may write to files that belong to the server."""
    if config.messaging_opts.get("quiet"):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)-5.5s [%(name)s] %(message)s"))
    # How a command ended is printed by Alembic itself as well.
    handler.addFilter(lambda record: record.name not in {"alembic.util.messaging", "alembic.ddl.postgresql"})
    for name in ("alembic", "flasky.migrations"):
        named = logging.getLogger(name)
        named.setLevel(logging.INFO)
        named.addHandler(handler)


class Run:
    """One run of a command on one database."""

    def __init__(self, site: Site, script: ScriptDirectory, work: Work) -> None:
        self.site = site
        self.script = script
        self.url = make_url(site.settings["sqlalchemy.url"])
        self.file = sqlite_file(self.url)
        self._work = work
        self._attempt = Attempt(site)
        self._locations = locations(site, script)
        self._order = [location.owner for location in self._locations]
        #: What stands in the database of plug-ins that are not enabled.
        self._foreign: frozenset[str] = frozenset()
        self._rows_before: dict[str, int] = {}
        self._deletes_from: set[str] = set()

    def look(self) -> None:
        """Run a command that changes nothing."""
        if self.file is not None and not self.file.exists():
            raise CommandError(f"There is no database {self.file} yet. Make it with: {upgrade_command(self.site)}")
        with self._connected(make_read_engine(self.url, poolclass=NullPool)) as connection:
            self._configure(connection, self._look, dont_mutate=True)
            with context.begin_transaction():
                context.run_migrations()

    def change(self) -> None:
        """Run a command that changes the database: wholly or not at all."""
        if self.file is not None and not self.file.absolute().parent.is_dir():
            raise CommandError(f"The folder {self.file.absolute().parent} for the database does not exist. Make it.")
        with self._connected(make_migration_engine(self.url)) as connection:
            if connection.dialect.name == "postgresql":
                _take_turn(connection)
            self._configure(connection, self._change, on_version_apply=self._applied)
            with self._attempt.told(), context.begin_transaction():
                context.run_migrations()
                if connection.dialect.name == "sqlite" and self._rows_before:
                    check_nothing_was_lost(connection, self._rows_before, self._deletes_from)
                    check_foreign_keys(connection)

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        try:
            connection = engine.connect()
            # SQLite opens the file only now, and BEGIN IMMEDIATE waits here.
            connection.begin().rollback()
        except DBAPIError as error:
            # Not only OperationalError: a file that is no database is a plain DatabaseError (F25).
            raise CannotMigrate(why_unavailable(error, self.site)) from error
        try:
            yield connection
        except DBAPIError as error:
            # Not what a migration did: the disk is full before the first one, or a file that cannot be read.
            raise CannotMigrate(why_unavailable(error, self.site)) from error
        finally:
            connection.close()
            engine.dispose()

    def _configure(self, connection: Connection, work: Work, **options: Any) -> None:
        autogenerate = Autogenerate(self.site, self.script, context.config)
        context.configure(
            connection=connection,
            fn=work,
            target_metadata=Base.metadata,
            include_object=autogenerate.include_object(connection),
            process_revision_directives=autogenerate.directives,
            render_item=autogenerate.render_item,
            # Always, as what is generated on PostgreSQL must run on SQLite too.
            render_as_batch=True,
            # On SQLite as well: BEGIN is sent by the engine, so DDL is rolled back with the rest (P4).
            transactional_ddl=True,
            **options,
        )
        self._hide_foreign(context.get_context())

    def _hide_foreign(self, migration: MigrationContext) -> None:
        """Keep from Alembic the revisions of plug-ins that are not enabled.

        On its way down it looks every revision of the database up among the scripts, and fails on those it cannot
        find. Their rows stay: it only changes those of the revisions that it runs.
        """
        every = migration.get_current_heads

        def known() -> tuple[str, ...]:
            ours, foreign = split(every(), self.script)
            self._foreign = frozenset(foreign)
            return ours

        migration.get_current_heads = known  # type: ignore[method-assign] # the one place that Alembic asks

    def _look(self, revisions: Any, migration: MigrationContext) -> Iterable[Any]:
        refuse_unknown(self.site, migration.connection, self._foreign)
        return self._work(revisions, migration)

    def _change(self, known: Any, migration: MigrationContext) -> Iterable[Any]:
        refuse_unknown(self.site, migration.connection, self._foreign)
        steps = self._ordered(list(self._work(known, migration)))
        connection = migration.connection
        if not steps or connection is None:
            return []
        self._require_what_is_required(steps, known)
        self._attempt.begin(connection, self.file)
        if self.file is not None:
            if set(inspect(connection).get_table_names()) - {migration.version_table}:
                self._attempt.back_up(self.file, (*known, *sorted(self._foreign)))
            self._rows_before = count_rows(connection)
        for step in steps:
            module = getattr(getattr(step, "revision", None), "module", None)
            self._deletes_from.update(getattr(module, DELETES_FROM, ()))
        prepare(connection, self.site)
        return self._attempt.noted((step, self._chain(step)) for step in steps)

    def _ordered(self, steps: list[Any]) -> list[Any]:
        """Each chain after those of the plug-ins that come before it; backwards when going down.

        The chains are independent of one another (`check_independence`), so whole chains can change places.
        """
        if not all(hasattr(step, "is_upgrade") and hasattr(step, "revision") for step in steps):
            return steps  # `stamp` runs nothing.
        return sorted(steps, key=self._place)

    def _place(self, step: Any) -> int:
        place = self._order.index(self._chain(step))
        return place if step.is_upgrade else -place

    def _chain(self, step: Any) -> str:
        script = getattr(step, "revision", None)
        return chain_of_script(self._locations, script) if script is not None else ""

    def _require_what_is_required(self, steps: list[Any], known: tuple[str, ...]) -> None:
        """Refuse `upgrade polls@head` while the tables that polls builds on are not there."""
        upgrades = [step for step in steps if getattr(step, "revision", None) is not None and step.is_upgrade]
        done = {step.revision.revision for step in upgrades} | {
            item.revision for item in self.script.iterate_revisions(known, "base")
        }
        unfinished = {
            chain_of_script(self._locations, item)
            for item in map(self.script.get_revision, self.script.get_heads())
            if item.revision not in done
        }
        for chain in sorted({self._chain(step) for step in upgrades} - {SHIPPED}, key=self._order.index):
            missing = [earlier for earlier in self._required_by(chain) if earlier in unfinished]
            if missing:
                raise CommandError(
                    f"The plug-in {chain!r} builds on the tables of {' and '.join(map(repr, missing))}, which are not "
                    f"there yet. Migrate all with: {upgrade_command(self.site)}"
                )

    def _required_by(self, chain: str) -> list[str]:
        """The chains that come before `chain`, in their order."""
        required = next((item.plugin.requires for item in self.site.plugins if item.name == chain), ())
        return [name for name in self._order if name == SHIPPED or name in required]

    def _applied(self, *, ctx: MigrationContext, step: Any, heads: set[str], run_args: Any) -> None:
        chain = SHIPPED if step.is_stamp else chain_of_script(self._locations, step.up_revision)
        record(self.site, self.script, ctx, heads | self._foreign, chain)


def _take_turn(connection: Connection) -> None:
    """Wait until no other upgrade of this database runs (F07). The lock ends with the connection.

    A lock of the transaction would end too soon when a migration has to commit in between.
    """
    if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar_one():
        logger.info("Another migration of this database is running; waiting for its end")
        try:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        except OperationalError as error:
            raise CommandError("Another migration of this database has not come to its end. Try again.") from error
    connection.commit()
