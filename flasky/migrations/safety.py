"""What must be true of an SQLite database before a migration is committed.

Batch mode copies a table, drops it and renames the copy. Foreign keys are off meanwhile (P3), so nothing keeps a
migration from leaving rows that refer to nothing, and a mistake there is found here, before COMMIT.
"""

from __future__ import annotations

from collections.abc import Iterable

from alembic.util import CommandError
from sqlalchemy import Connection, column, func, inspect, select, table, text

from flasky.migrations.records import BOOKKEEPING

#: The attribute by which a revision says that it deletes rows on purpose: the tables' names.
DELETES_FROM = "deletes_from"

_SHOWN = 10


def count_rows(connection: Connection) -> dict[str, int]:
    """The number of rows of each table."""
    names = set(inspect(connection).get_table_names()) - BOOKKEEPING
    return {name: count(connection, name) for name in sorted(names)}


def count(connection: Connection, name: str, filled: str = "") -> int:
    """The number of rows of one table, or of those where the column `filled` holds something."""
    counted = func.count(column(filled)) if filled else func.count()
    return int(connection.execute(select(counted).select_from(table(name))).scalar_one())


def check_nothing_was_lost(connection: Connection, before: dict[str, int], deletes_from: Iterable[str]) -> None:
    """Raise CommandError when a table that is still there has fewer rows than `before`, unless announced."""
    after = count_rows(connection)
    announced = set(deletes_from)
    lost = [
        f"  {name}: {rows} rows before, {after[name]} after"
        for name, rows in before.items()
        if name in after and after[name] < rows and name not in announced
    ]
    if lost:
        raise CommandError(
            "The migration would lose rows, so nothing was changed:\n"
            + "\n".join(lost)
            + f'\nIf it deletes them on purpose, let the revision say so: {DELETES_FROM} = ("table",).'
        )


def check_foreign_keys(connection: Connection) -> None:
    """Raise CommandError when a row refers to one that is not there."""
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        listed = [f"  {row[0]}, row {row[1]}, refers to {row[2]}" for row in broken[:_SHOWN]]
        more = [f"  … and {len(broken) - _SHOWN} more"] if len(broken) > _SHOWN else []
        raise CommandError(
            "The migration would leave rows that refer to nothing, so nothing was changed:\n"
            + "\n".join([*listed, *more])
        )
