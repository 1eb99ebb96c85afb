"""Renaming constraints, so that a table or a column that is renamed leaves nothing of its old name behind.

Names of constraints are made of those of tables and columns (`flasky.database.base`), and neither database changes
them with these. On PostgreSQL a primary key's name belongs to the whole schema: a new table could not be called as the
old one was. On SQLite nobody would be in the way, but the next revision that is generated there would name a constraint
that PostgreSQL calls otherwise; so both rename.

A revision says it as an operation of Alembic's::

    op.rename_constraints("followings", {"pk_follows": "pk_followings"})
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations
from alembic.util import CommandError
from sqlalchemy import (
    CheckConstraint,
    Connection,
    Constraint,
    Dialect,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.sql.elements import conv

from flasky.migrations.renames import ColumnRename, TableRename


@Operations.register_operation("rename_constraints")
class RenameConstraintsOp(MigrateOperation):
    """`op.rename_constraints(table, {old name: new name})`: the table has its new name already."""

    def __init__(self, table_name: str, names: Mapping[str, str]) -> None:
        self.table_name = table_name
        self.names = dict(names)

    @classmethod
    def rename_constraints(cls, operations: Operations, table_name: str, names: Mapping[str, str]) -> None:
        """Rename constraints of a table. Raises CommandError on SQLite for one that the table does not have."""
        operations.invoke(cls(table_name, names))

    def reverse(self) -> RenameConstraintsOp:
        """What undoes it."""
        return RenameConstraintsOp(self.table_name, {new: old for old, new in self.names.items()})


@Operations.implementation_for(RenameConstraintsOp)
def _rename(operations: Operations, item: RenameConstraintsOp) -> None:
    context = operations.migration_context
    if context.dialect.name == "postgresql":
        quote = context.dialect.identifier_preparer.quote
        for old, new in item.names.items():
            names = f"{quote(_fitting(context.dialect, old))} TO {quote(_fitting(context.dialect, new))}"
            operations.execute(text(f"ALTER TABLE {quote(item.table_name)} RENAME CONSTRAINT {names}"))
    elif context.as_sql:
        raise CommandError(
            "The names of constraints stand in the text of SQLite's tables: without them, as with --sql, "
            "they cannot be changed."
        )
    else:
        _rewrite(operations.get_bind(), item)


def _rewrite(connection: Connection, item: RenameConstraintsOp) -> None:
    """SQLite: change the names in the text that its table was made with, as sqlite.org/lang_altertable.html says.

    A copy of the table, Alembic's way, would lose its triggers.
    """
    where = {"name": item.table_name}
    written = connection.execute(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), where
    ).scalar_one()
    for old, new in item.names.items():
        written, count = re.subn(
            rf'(\bCONSTRAINT\s+)(["`]?){re.escape(old)}\2(?!\w)', rf"\g<1>\g<2>{new}\g<2>", written
        )
        if count != 1:
            raise CommandError(f"The table {item.table_name} has no constraint {old} that could be renamed to {new}.")
    version = connection.execute(text("PRAGMA schema_version")).scalar_one()
    connection.execute(text("PRAGMA writable_schema = ON"))
    connection.execute(
        text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name"), {**where, "sql": written}
    )
    # So that every connection reads the tables anew, this one too.
    connection.execute(text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(text("PRAGMA writable_schema = RESET"))


@renderers.dispatch_for(RenameConstraintsOp)
def _render(_autogen: Any, item: RenameConstraintsOp) -> list[str]:
    names = [f"    {old!r}: {new!r}," for old, new in item.names.items()]
    return [f"op.rename_constraints({str(item.table_name)!r}, {{", *names, "})"]


def names_to_change(
    connection: Connection, model: Table, renames: list[TableRename | ColumnRename]
) -> RenameConstraintsOp | None:
    """What gives the constraints of `model`'s table, in which the renames are done, the names that the model has.

    A constraint is the model's of the same kind and the same columns; a CHECK, whose condition databases write in their
    own way, the one that is called like it but for what was renamed. None when every name is right.
    """
    wanted = {key: name for one in model.constraints if (key := _key(one)) and (name := _name(connection, one))}
    checks = {_name(connection, one) for one in model.constraints if isinstance(one, CheckConstraint)}
    inspector = inspect(connection)
    there: dict[Any, str | None] = {("pk",): inspector.get_pk_constraint(model.name)["name"]}
    for unique in inspector.get_unique_constraints(model.name):
        there["uq", tuple(unique["column_names"])] = unique["name"]
    for foreign in inspector.get_foreign_keys(model.name):
        there["fk", tuple(foreign["constrained_columns"]), foreign["referred_table"]] = foreign["name"]
    found = {old: wanted[key] for key, old in there.items() if old and key in wanted and old != wanted[key]}
    present = {str(one["name"]) for one in inspector.get_check_constraints(model.name) if one["name"]}
    for old in sorted(present - checks):
        candidates = {new for new in _renamed(old, model.name, renames) if new in checks - present}
        if len(candidates) == 1:
            found[old] = candidates.pop()
    return RenameConstraintsOp(model.name, dict(sorted(found.items()))) if found else None


def _key(constraint: Constraint) -> tuple[Any, ...]:
    """What is the same in the model and in the database; empty for a CHECK."""
    if isinstance(constraint, PrimaryKeyConstraint):
        return ("pk",)
    if isinstance(constraint, ForeignKeyConstraint):
        return "fk", tuple(constraint.column_keys), constraint.referred_table.name
    if isinstance(constraint, UniqueConstraint):
        return "uq", tuple(column.name for column in constraint.columns)
    return ()


def _renamed(name: str, table: str, renames: list[TableRename | ColumnRename]) -> set[str]:
    """What the CHECK `name` of `table` may be called after the renames."""
    found = {name}
    for one in renames:
        if isinstance(one, TableRename) and one.new == table:
            found |= {
                f"ck_{table}_{old.removeprefix(f'ck_{one.old}_')}" for old in found if old.startswith(f"ck_{one.old}_")
            }
        elif isinstance(one, ColumnRename) and one.table == table:
            pattern = rf"(?<![^_]){re.escape(one.old)}(?![^_])"
            found |= {f"ck_{table}_{re.sub(pattern, one.new, old.removeprefix(f'ck_{table}_'))}" for old in found}
    return found


def _name(connection: Connection, constraint: Constraint) -> str:
    """The name as the database has it."""
    return _fitting(connection.dialect, str(constraint.name)) if constraint.name else ""


def _fitting(dialect: Dialect, name: str) -> str:
    """A name as SQLAlchemy writes it, which shortens what is too long for the database."""
    fitting: str = dialect.identifier_preparer.truncate_and_render_constraint_name(conv(name), _alembic_quote=False)
    return fitting
