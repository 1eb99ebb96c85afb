"""What a generated revision would take from the rows that are there, and where these will make it fail.

A table or column that is dropped is gone. A changed type is no better: SQLite's batch mode casts what is there, and a
cast to a type that cannot hold a value makes 0 of it, or what is before its first stroke, without a word. PostgreSQL
shifts times that get or lose their zone. The downgrade brings nothing back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from alembic.operations import ops
from alembic.util import CommandError
from sqlalchemy import Connection, Numeric, String, column, func, select, table
from sqlalchemy.types import TypeEngine

from flasky.migrations.safety import count


class Names:
    """How tables and columns are called today, by what they are called when the renames of a revision are done."""

    def __init__(self, renamed: Iterable[ops.MigrateOperation]) -> None:
        self._tables: dict[str, str] = {}
        self._columns: dict[tuple[str, str], str] = {}
        for item in renamed:
            if isinstance(item, ops.RenameTableOp):
                self._tables[str(item.new_table_name)] = str(item.table_name)
            elif isinstance(item, ops.AlterColumnOp):
                self._columns[item.table_name, str(item.modify_name)] = item.column_name

    def table(self, name: str) -> str:
        """The table's name today."""
        return self._tables.get(name, name)

    def column(self, table_name: str, name: str) -> str:
        """The column's name today; `table_name` is the new one."""
        return self._columns.get((table_name, name), name)


class Losses(NamedTuple):
    """What a revision would take, a line each."""

    dropped: list[str]
    changed: list[str]


def rows(number: int, thing: str = "row") -> str:
    """A number and what it counts: “1 row”, “2 rows”."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def refuse_losses(connection: Connection, upgrade: ops.UpgradeOps, names: Names, *, drops: bool, types: bool) -> None:
    """Raise CommandError that lists what `upgrade` would lose, except for what was asked for by `drops` and `types`."""
    losses = _losses(connection, upgrade, names)
    told, switches = [], []
    if losses.dropped and not drops:
        told += ["The new revision would delete for good:", *losses.dropped]
        switches.append("-x drops=yes")
    if losses.changed and not types:
        told += [
            "The new revision would change values for good:",
            *losses.changed,
            "SQLite makes 0, or a part, of what the new type cannot hold; PostgreSQL rounds or wants postgresql_using.",
            "Times that get or lose their zone on PostgreSQL are taken for UTC.",
            "To keep the values: a new column beside the old one, filled in the revision. Drop the old one later.",
        ]
        switches.append("-x types=yes")
    if told:
        said = " ".join(switches)
        raise CommandError(
            "\n".join(told) + f"\nNothing was written. If that is meant, run the command again with {said} "
            f"(before the command: alembic -c … {said} revision --autogenerate …)."
        )


def _losses(connection: Connection, upgrade: ops.UpgradeOps, names: Names) -> Losses:
    found = Losses([], [])
    for item in upgrade.ops:
        if isinstance(item, ops.DropTableOp):
            found.dropped.append(f"  the table {item.table_name} with {rows(count(connection, item.table_name))}")
        elif isinstance(item, ops.ModifyTableOps):
            today = names.table(item.table_name)
            for one in item.ops:
                if isinstance(one, ops.DropColumnOp):
                    values = rows(count(connection, today, one.column_name), "value")
                    found.dropped.append(f"  the column {today}.{one.column_name} with {values}")
                elif isinstance(one, ops.AlterColumnOp):
                    name = names.column(item.table_name, one.column_name)
                    found.changed.extend(_changed(connection, today, name, one))
    return found


def _changed(connection: Connection, table_name: str, name: str, item: ops.AlterColumnOp) -> list[str]:
    old, new = item.existing_type, item.modify_type
    if old is None or new is None:
        return []
    told = _told(connection, table_name, name, old, new)
    dialect = connection.dialect
    kinds = f"from {old.compile(dialect)} to {new.compile(dialect)}"
    return [f"  the column {table_name}.{name}, {kinds}, with {told}"] if told else []


def _told(connection: Connection, table_name: str, name: str, old: TypeEngine[object], new: TypeEngine[object]) -> str:
    """How many values the change endangers; empty for one that only widens."""
    # SQLAlchemy has no public name for the family of a type, by which Alembic decides whether to cast.
    differs = old._type_affinity is not new._type_affinity  # noqa: SLF001
    if differs or _rounds(old, new) or _changes_zone(connection, old, new):
        return rows(count(connection, table_name, name), "value")
    length = new.length if isinstance(new, String) else None
    if length is None:
        return ""
    query = select(func.count()).select_from(table(table_name)).where(func.length(column(name)) > length)
    longer = connection.execute(query).scalar_one()
    return f"{rows(longer, 'value')} longer than that" if longer else ""


def _rounds(old: TypeEngine[object], new: TypeEngine[object]) -> bool:
    """Whether the new type has fewer digits behind the point."""
    if not isinstance(old, Numeric) or not isinstance(new, Numeric) or new.scale is None:
        return False
    return old.scale is None or new.scale < old.scale


def _changes_zone(connection: Connection, old: TypeEngine[object], new: TypeEngine[object]) -> bool:
    """Whether times get or lose their zone. SQLite knows none, whatever the types say."""
    # Not by class: a TypeDecorator (UTCDateTime) passes the attribute on.
    zones = (bool(getattr(item, "timezone", False)) for item in (old, new))
    return connection.dialect.name != "sqlite" and len(set(zones)) > 1


def foreseen_failures(connection: Connection, upgrade: ops.UpgradeOps, names: Names) -> list[str]:
    """What of `upgrade` the rows of this database will refuse, each with what to do."""
    found = []
    for item in upgrade.ops:
        if not isinstance(item, ops.ModifyTableOps):
            continue
        today = names.table(item.table_name)
        for one in item.ops:
            if isinstance(one, ops.AddColumnOp):
                lacking = 0 if one.column.nullable or one.column.server_default else count(connection, today)
                name = one.column.name
            elif isinstance(one, ops.AlterColumnOp) and one.modify_nullable is False:
                name = names.column(item.table_name, one.column_name)
                lacking = count(connection, today) - count(connection, today, name)
            else:
                continue
            if lacking:
                found.append(
                    f"The column {item.table_name}.{name} is NOT NULL, and {rows(lacking)} of this database would have "
                    "no value: the upgrade will fail here, and wherever there are such rows. Before you run it, give "
                    "a new column a server_default=… in the model, or let the revision add it with NULL allowed, fill "
                    "it, and forbid NULL then"
                )
    return found
