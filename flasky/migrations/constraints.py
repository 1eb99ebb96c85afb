"""Renaming constraints, so that a table or a column that is renamed leaves nothing of its old name behind.

Names of constraints are made of those of tables and columns (`flasky.database.base`), and neither database changes
them with these. On PostgreSQL a primary key's name belongs to the whole schema: a new table could not be called as the
old one was. On SQLite nobody would be in the way, but the next revision that is generated there would name a constraint
that PostgreSQL calls otherwise; so both rename.

A revision says it as an operation of Alembic's::

    op.rename_constraints("followings", {"pk_follows": "pk_followings"})

with the whole names, also where it was generated on PostgreSQL, which shortens those of more than 63 characters: so it
runs on both.
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
from sqlalchemy.sql.schema import ColumnCollectionConstraint

from flasky.database.base import NAMING_CONVENTION
from flasky.migrations.renames import ColumnRename, TableRename

# How PostgreSQL calls a constraint that was made without a name.
_MADE_UP = re.compile(r"_(?:pkey|key|fkey)\d*$")
# SQLAlchemy shortens names to this length for PostgreSQL (63, less what it keeps back for its four digits of a hash);
# PostgreSQL itself cuts to 63. What stood behind it is not to be had.
_SHORTENED = 60


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
        written, count = _with_name(written, old, new)
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


def _with_name(written: str, old: str, new: str) -> tuple[str, int]:
    """The text of a table in which the constraint `old` is called `new`, and how often it was there."""
    count = 0

    def named(found: re.Match[str]) -> str:
        nonlocal count
        if found["before"] is None:
            return found[0]
        count += 1
        quote = found["quote"] or ("" if re.fullmatch(r"\w+", new) else '"')
        return f"{found['before']}{quote}{new}{quote}"

    constraint = rf"""\b(?P<before>(?i:CONSTRAINT)\s+)(?P<quote>["`]?){re.escape(old)}(?P=quote)(?!\w)"""
    # What only looks like it is passed over: texts, comments and other names.
    return re.sub(rf"""{constraint}|'[^']*'|"[^"]*"|`[^`]*`|\[[^]]*]|--[^\n]*|(?s:/\*.*?\*/)""", named, written), count


@renderers.dispatch_for(RenameConstraintsOp)
def _render(_autogen: Any, item: RenameConstraintsOp) -> list[str]:
    names = [f"    {old!r}: {new!r}," for old, new in item.names.items()]
    return [f"op.rename_constraints({str(item.table_name)!r}, {{", *names, "})"]


def names_to_change(
    connection: Connection, model: Table, renames: list[TableRename | ColumnRename]
) -> RenameConstraintsOp | None:
    """What gives the constraints of `model`'s table, in which the renames are done, the names that the model has.

    A constraint is the model's of the same kind and the same columns; a CHECK, whose condition databases write in their
    own way, the one that is called like it but for what was renamed. None when every name is right, or PostgreSQL made
    it up, for a constraint that has none on SQLite.
    """
    before = _Before(connection.dialect, renames)
    inspector = inspect(connection)
    there: dict[Any, str | None] = {("pk",): inspector.get_pk_constraint(model.name)["name"]}
    for unique in inspector.get_unique_constraints(model.name):
        there["uq", tuple(unique["column_names"])] = unique["name"]
    for foreign in inspector.get_foreign_keys(model.name):
        there["fk", tuple(foreign["constrained_columns"]), foreign["referred_table"]] = foreign["name"]
    found = {
        old: str(one.name)
        for one in model.constraints
        if one.name and (name := there.get(_key(one))) and name != before.fitting(str(one.name))
        if (old := before.whole(name, one))
    }
    checks = {str(one.name) for one in model.constraints if isinstance(one, CheckConstraint) and one.name}
    present = {str(one["name"]) for one in inspector.get_check_constraints(model.name) if one["name"]}
    gone = present - {before.fitting(name) for name in checks}
    for new in sorted(checks):
        candidates = {name for name in before.check(new, model.name) if before.fitting(name) in gone}
        if before.fitting(new) not in present and len(candidates) == 1:
            found[candidates.pop()] = new
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


class _Before:
    """What constraints were called before the renames."""

    def __init__(self, dialect: Dialect, renames: list[TableRename | ColumnRename]) -> None:
        self._dialect = dialect
        self._tables = {one.new: one.old for one in renames if isinstance(one, TableRename)}
        self._columns = {(one.table, one.new): one.old for one in renames if isinstance(one, ColumnRename)}

    def fitting(self, name: str) -> str:
        """A name as this database has it."""
        return _fitting(self._dialect, name)

    def whole(self, name: str, constraint: Constraint) -> str:
        """The whole name of `constraint`, which is called `name` in the database; empty where there is none to know."""
        former = self._by_convention(constraint)
        if self.fitting(former) == name:
            return former
        if self._dialect.name == "postgresql" and (_MADE_UP.search(name) or len(name) >= _SHORTENED):
            return ""
        return name

    def _by_convention(self, constraint: Constraint) -> str:
        kind = _key(constraint)[0]
        table: str = constraint.table.name
        names = {"table_name": self._tables.get(table, table)}
        if isinstance(constraint, ColumnCollectionConstraint):
            columns = [self._columns.get((table, column.name), column.name) for column in constraint.columns]
            names["column_0_N_name"] = "_".join(columns)
        if isinstance(constraint, ForeignKeyConstraint):
            referred = constraint.referred_table.name
            names["referred_table_name"] = self._tables.get(referred, referred)
        return NAMING_CONVENTION[kind] % names

    def check(self, name: str, table: str) -> set[str]:
        """What the CHECK that is called `name` now may have been called."""
        start = f"ck_{table}_"
        if not name.startswith(start):
            return set()
        rests = {name.removeprefix(start)}
        for (owner, new), old in self._columns.items():
            if owner == table:
                rests |= {re.sub(rf"(?<![^_]){re.escape(new)}(?![^_])", old, rest) for rest in rests}
        return {f"ck_{owner}_{rest}" for owner in (table, self._tables.get(table, table)) for rest in rests}


def _fitting(dialect: Dialect, name: str) -> str:
    """A name as SQLAlchemy writes it, which shortens what is too long for the database."""
    fitting: str = dialect.identifier_preparer.truncate_and_render_constraint_name(conv(name), _alembic_quote=False)
    return fitting
