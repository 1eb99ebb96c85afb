"""Noticing that a table or a column was probably renamed, which looks like "dropped and added" to Alembic.

The rule. Two tables of one owner, one dropped and one added, are probably the same when at least `LIKENESS` of the
columns of the one with more columns have a partner in the other with the same name and the same kind of type, and
these are at least two. Two columns of one table, one dropped and one added, are probably the same when their types
are of the same kind and they stand at the same place, or their names are alike. Of several candidates the likeliest
is taken, and nothing is paired twice.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from alembic.operations import ops
from sqlalchemy import Column, Connection, Table, inspect

from flasky.database.base import Base

T = TypeVar("T")

LIKENESS = 0.6
_LEAST_COLUMNS = 2


class TableRename(NamedTuple):
    """The table `old` is probably called `new` now."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"the table {self.old} → {self.new}"


class ColumnRename(NamedTuple):
    """The column `old` of `table` is probably called `new` now."""

    table: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"the column {self.table}.{self.old} → {self.table}.{self.new}"


def table_renames(upgrade: ops.UpgradeOps, owner: Callable[[str], str]) -> list[TableRename]:
    """The probable renames of tables in `upgrade`; `owner` tells whose a table is, by its name."""
    added = [item.to_table() for item in upgrade.ops if isinstance(item, ops.CreateTableOp)]
    dropped = [item.to_table() for item in upgrade.ops if isinstance(item, ops.DropTableOp)]
    scored = [
        (likeness, TableRename(old.name, new.name))
        for old in dropped
        for new in added
        if owner(old.name) == owner(new.name) and (likeness := table_likeness(old, new)) >= LIKENESS
    ]
    return _best(scored, lambda rename: (rename.old, rename.new))


def table_likeness(old: Table, new: Table) -> float:
    """How much of the larger table is in the other one, from 0 to 1; 0 when fewer than two columns are."""
    kinds = {column.name: _kind(column) for column in old.columns}
    same = sum(1 for column in new.columns if kinds.get(column.name) == _kind(column))
    return 0.0 if same < _LEAST_COLUMNS else same / max(len(old.columns), len(new.columns))


def column_renames(upgrade: ops.UpgradeOps, connection: Connection) -> list[ColumnRename]:
    """The probable renames of columns in `upgrade`, within tables that stay."""
    found: list[ColumnRename] = []
    for table in upgrade.ops:
        if not isinstance(table, ops.ModifyTableOps):
            continue
        added = [item.column for item in table.ops if isinstance(item, ops.AddColumnOp)]
        dropped = [item.to_column() for item in table.ops if isinstance(item, ops.DropColumnOp)]
        if not added or not dropped:
            continue
        before = [column["name"] for column in inspect(connection).get_columns(table.table_name)]
        after = [column.name for column in Base.metadata.tables[table.table_name].columns]
        scored = [
            (likeness, ColumnRename(table.table_name, old.name, new.name))
            for old in dropped
            for new in added
            if _kind(old) == _kind(new)
            and (likeness := _column_likeness(before.index(old.name), after.index(new.name), old, new)) >= LIKENESS
        ]
        found.extend(_best(scored, lambda rename: (rename.old, rename.new)))
    return found


def _column_likeness(place_before: int, place_after: int, old: Column[Any], new: Column[Any]) -> float:
    if place_before == place_after:
        return 1.0
    return difflib.SequenceMatcher(None, old.name, new.name).ratio()


def _best(scored: Iterable[tuple[float, T]], pair: Callable[[T], tuple[str, str]]) -> list[T]:
    taken_old: set[str] = set()
    taken_new: set[str] = set()
    found = []
    for _, candidate in sorted(scored, key=lambda item: (-item[0], pair(item[1]))):
        old, new = pair(candidate)
        if old not in taken_old and new not in taken_new:
            taken_old.add(old)
            taken_new.add(new)
            found.append(candidate)
    return found


def _kind(column: Column[Any]) -> Any:
    # Integer for BIGINT and INTEGER, String for TEXT and VARCHAR(64): what a rename leaves alike on every database.
    return column.type._type_affinity  # noqa: SLF001 - SQLAlchemy has no public name for the family of a type
