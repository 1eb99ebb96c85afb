"""What `alembic revision --autogenerate` writes, and where.

Only tables of the kernel and of enabled plug-ins are compared, and each change goes into a revision of the chain
that its table belongs to. A probable rename is told and written as a rename when ``-x renames=yes`` says so. A
revision that drops a table or a column is written only when ``-x drops=yes`` says so, one that changes the type of
values only when ``-x types=yes`` does.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from alembic.autogenerate import produce_migrations, renderers
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from alembic.script import ScriptDirectory
from alembic.util import CommandError, rev_id
from sqlalchemy import Connection, TypeDecorator, inspect, make_url

from alembic import context
from flasky.database.base import Base
from flasky.database.engine import make_migration_engine
from flasky.database.ownership import owner_of
from flasky.database.types import UTCDateTime
from flasky.loader import available, load
from flasky.migrations.constraints import RenameConstraintsOp, names_to_change
from flasky.migrations.locations import SHIPPED, chain_of, chain_of_script, locations
from flasky.migrations.losses import Names, foreseen_failures, refuse_losses, rows
from flasky.migrations.records import BOOKKEEPING, owners_of_tables
from flasky.migrations.renames import ColumnRename, TableRename, column_renames, table_renames
from flasky.migrations.rows import virtual_tables
from flasky.migrations.safety import count
from flasky.site import Site

logger = logging.getLogger(__name__)

_ANSWERS = {"yes": True, "no": False}


class Choice(NamedTuple):
    """What the person said with `-x`: True, False, or None where nothing was said."""

    renames: bool | None
    drops: bool | None
    types: bool | None


def choice(arguments: dict[str, str]) -> Choice:
    """Read the `-x` arguments. Raises CommandError for one that there is not."""
    known = Choice._fields
    for name, value in arguments.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise CommandError(f"There is no -x {name}=…; " + (f"did you mean {near[0]}?" if near else "see docs."))
        if value not in _ANSWERS:
            raise CommandError(f"-x {name}={value}: expected yes or no.")
    answers = {name: _ANSWERS[value] for name, value in arguments.items()}
    return Choice(*(answers.get(name) for name in known))


@renderers.dispatch_for(ops.RenameTableOp)
def render_rename_table(_autogen: Any, item: ops.RenameTableOp) -> str:
    """How the renaming of a table is written; Alembic never writes one by itself."""
    return f"op.rename_table({str(item.table_name)!r}, {str(item.new_table_name)!r})"


class Autogenerate:
    """The comparison of one site's models with its database."""

    def __init__(self, site: Site, script: ScriptDirectory, config: Config) -> None:
        self._site = site
        self._script = script
        self._config = config
        self._recorded: dict[str, str] = {}
        self._virtual: frozenset[str] = frozenset()

    def include_object(self, connection: Connection) -> Callable[..., bool]:
        """Alembic's filter: whether a table takes part in the comparison."""
        read = False

        def include(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
            nonlocal read
            if kind == "index":
                # A model may have an index that only one of the databases can: Index(…, info={"dialect": …}).
                return bool(item.info.get("dialect", connection.dialect.name) == connection.dialect.name)
            if kind != "table":
                return True
            if not reflected:
                return bool(owner_of(self._site, item))
            if not read:
                self._recorded, read = owners_of_tables(connection), True
                self._virtual = virtual_tables(connection)
            return name not in BOOKKEEPING and name not in self._virtual and self._is_ours(str(name))

        return include

    def _is_ours(self, table: str) -> bool:
        """Whether a table of the database belongs to the kernel or to an enabled plug-in."""
        model = Base.metadata.tables.get(table)
        if model is not None and owner_of(self._site, model):
            return True
        owner = self._recorded.get(table, "")
        if owner == SHIPPED:
            # Which of the plug-ins that ship made it is not known without its model: all of them must be here.
            return _shipped_with_models() <= {item.name for item in self._site.plugins}
        return any(item.name == owner for item in self._site.plugins)

    def owner(self, table: str) -> str:
        """Whose a table is: by its model, else by what the database remembers."""
        model = Base.metadata.tables.get(table)
        return (owner_of(self._site, model) if model is not None else "") or self._recorded.get(table, SHIPPED)

    def render_item(self, kind: str, item: Any, autogen: Any) -> str | Literal[False]:
        """Alembic's hook: how a column type of ours is written, and what has to be imported for it."""
        if kind == "type" and isinstance(item, UTCDateTime):
            autogen.imports.add("from flasky.database import UTCDateTime")
            return "UTCDateTime()"
        if kind == "type" and isinstance(item, TypeDecorator):
            autogen.imports.add(f"import {type(item).__module__}")
        return False

    def directives(self, migration: MigrationContext, _revision: Any, scripts: list[ops.MigrationScript]) -> None:
        """Alembic's hook: decide on renames and losses, and give each chain its own revision."""
        said = choice(dict(context.get_x_argument(as_dictionary=True)))
        template = scripts[0]
        upgrade = _upgrade_of(template)
        renamed: list[ops.MigrateOperation] = []
        undone: list[ops.MigrateOperation] = []
        if said.renames:
            with _rolled_back(self._site) as connection:
                upgrade, renamed, undone = self._with_renames(connection, migration, upgrade)
        elif migration.connection is not None:
            self._offer_renames(migration.connection, upgrade, said)
        if migration.connection is not None:
            names = Names(renamed)
            refuse_losses(migration.connection, upgrade, names, drops=bool(said.drops), types=bool(said.types))
            for failure in foreseen_failures(migration.connection, upgrade, names):
                logger.warning(failure)
        downgrade = [*upgrade.reverse().ops, *reversed(undone)]
        self._write(scripts, template, [*renamed, *upgrade.ops], downgrade)

    def _offer_renames(self, connection: Connection, upgrade: ops.UpgradeOps, said: Choice) -> None:
        found: list[TableRename | ColumnRename] = [*table_renames(upgrade, self.owner)]
        found.extend(column_renames(upgrade, connection))
        if not found or said.renames is False:
            return
        raise CommandError(
            "This looks like a rename, not like something dropped and something new:\n"
            + "\n".join(f"  {rename} ({_rows(connection, rename)})" for rename in found)
            + "\nNothing was written. Run the command again with\n"
            "  -x renames=yes   to write it as a rename, which keeps the rows, or with\n"
            "  -x renames=no    if these have nothing to do with each other.\n"
            "(-x comes before the command: alembic -c … -x renames=yes revision --autogenerate …)"
        )

    def _with_renames(
        self, connection: Connection, migration: MigrationContext, upgrade: ops.UpgradeOps
    ) -> tuple[ops.UpgradeOps, list[ops.MigrateOperation], list[ops.MigrateOperation]]:
        """Rename for trial in a transaction that is rolled back, and compare again: what is left is the rest."""
        trial = MigrationContext.configure(connection, opts=migration.opts)
        operations = Operations(trial)
        done: list[ops.MigrateOperation] = []
        undone: list[ops.MigrateOperation] = []
        tables = table_renames(upgrade, self.owner)
        for table in tables:
            logger.info("Detected rename of %s", table)
            operations.rename_table(table.old, table.new)
            self._recorded[table.new] = self.owner(table.old)
            done.append(ops.RenameTableOp(table.old, table.new))
            undone.append(ops.RenameTableOp(table.new, table.old))
        if done:
            upgrade = _compared(trial)
        columns = column_renames(upgrade, connection)
        for column in columns:
            logger.info("Detected rename of %s", column)
            trial.impl.alter_column(column.table, column.old, name=column.new)
            done.append(_rename_column(column.table, column.old, column.new))
            undone.append(_rename_column(column.table, column.new, column.old))
        for names in self._constraints(connection, [*tables, *columns]):
            operations.invoke(names)
            done.append(names)
            undone.append(names.reverse())
        return (_compared(trial) if done else upgrade), done, undone

    def _constraints(
        self, connection: Connection, renames: list[TableRename | ColumnRename]
    ) -> Iterator[RenameConstraintsOp]:
        """The constraints that are named after what is renamed: those of its tables, and what refers to them."""
        changed = {one.new if isinstance(one, TableRename) else one.table for one in renames}
        present = set(inspect(connection).get_table_names())
        chains = {chain_of(self._site, self.owner(name)) for name in changed}
        for _name, model in sorted(Base.metadata.tables.items()):
            # Tables of other chains are not this revision's to change: there it may run alone.
            named = {model.name, *(key.referred_table.name for key in model.foreign_key_constraints)} & changed
            if not named or model.name not in present or chain_of(self._site, self.owner(model.name)) not in chains:
                continue
            if (names := names_to_change(connection, model, renames)) is not None:
                yield names

    def _write(
        self,
        scripts: list[ops.MigrationScript],
        template: ops.MigrationScript,
        upgrade: list[ops.MigrateOperation],
        downgrade: list[ops.MigrateOperation],
    ) -> None:
        """Make a revision for each chain that something changes in."""
        chains = {self._chain(item) for item in (*upgrade, *downgrade)}
        if not chains:
            if getattr(self._config.cmd_opts, "autogenerate", False):
                logger.info("The models and the database agree: no revision was written")
                scripts.clear()
            return
        order = [location.owner for location in locations(self._site, self._script)]
        scripts[:] = [
            self._script_for(
                chain,
                template if number == 0 else None,
                template,
                [item for item in upgrade if self._chain(item) == chain],
                [item for item in downgrade if self._chain(item) == chain],
            )
            for number, chain in enumerate(sorted(chains, key=order.index))
        ]

    def _script_for(
        self,
        chain: str,
        reused: ops.MigrationScript | None,
        template: ops.MigrationScript,
        upgrade: list[ops.MigrateOperation],
        downgrade: list[ops.MigrateOperation],
    ) -> ops.MigrationScript:
        found = locations(self._site, self._script)
        folder = next(location.folder for location in found if location.owner == chain)
        begun = any(chain_of_script(found, item) == chain for item in self._script.walk_revisions())
        folder.mkdir(parents=True, exist_ok=True)
        return ops.MigrationScript(
            rev_id=template.rev_id if reused else rev_id(),
            message=template.message,
            imports=template.imports,
            upgrade_ops=ops.UpgradeOps(upgrade, upgrade_token=_upgrade_of(template).upgrade_token),
            downgrade_ops=ops.DowngradeOps(downgrade, downgrade_token=_downgrade_of(template).downgrade_token),
            head=f"{chain}@head" if begun else "base",
            branch_label=template.branch_label if begun else chain,
            splice=template.splice,
            version_path=str(folder),
            depends_on=template.depends_on,
        )

    def _chain(self, item: ops.MigrateOperation) -> str:
        table = item.new_table_name if isinstance(item, ops.RenameTableOp) else _table_of(item)
        return chain_of(self._site, self.owner(table))


def _shipped_with_models() -> set[str]:
    entries = [entry for entry in available().values() if entry.dist is not None and entry.dist.name == "flasky"]
    return {item.name for item in map(load, entries) if item.plugin.models}


def _table_of(item: Any) -> str:
    name: str = item.table_name
    return name


def _upgrade_of(script: ops.MigrationScript) -> ops.UpgradeOps:
    if script.upgrade_ops is None:
        raise CommandError("Alembic made a revision without operations.")
    return script.upgrade_ops


def _downgrade_of(script: ops.MigrationScript) -> ops.DowngradeOps:
    if script.downgrade_ops is None:
        raise CommandError("Alembic made a revision without operations.")
    return script.downgrade_ops


def _compared(trial: MigrationContext) -> ops.UpgradeOps:
    return _upgrade_of(produce_migrations(trial, Base.metadata))


def _rename_column(table: str, old: str, new: str) -> ops.AlterColumnOp:
    return ops.AlterColumnOp(table, old, modify_name=new)


@contextmanager
def _rolled_back(site: Site) -> Iterator[Connection]:
    """A connection whose transaction is rolled back whatever happens."""
    engine = make_migration_engine(make_url(site.settings["sqlalchemy.url"]))
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            try:
                yield connection
            finally:
                transaction.rollback()
    finally:
        engine.dispose()


def _rows(connection: Connection, rename: TableRename | ColumnRename) -> str:
    if isinstance(rename, TableRename):
        return rows(count(connection, rename.old))
    return f"{rows(count(connection, rename.table, rename.old))} with a value"
