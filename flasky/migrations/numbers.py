"""On SQLite, too, the number of a row is never given again: what a migration calls to have that of a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from alembic import op

_OF_TABLE = sa.text(
    "SELECT name, sql FROM sqlite_master WHERE type = :type AND tbl_name = :table AND sql IS NOT NULL ORDER BY rowid"
)
#: While the table has another name, views and triggers of others may name it all the same.
_OLD_WAY = "PRAGMA legacy_alter_table={}"


def never_again(table: str, *, value: bool = True) -> None:
    """Make `table` anew with AUTOINCREMENT on SQLite, or without (`value=False`, for the downgrade).

    Its indexes and triggers are made again, also those of plug-ins. PostgreSQL has sequences, which never go back. Has
    to run in a migration.
    """
    if op.get_context().dialect.name != "sqlite":
        return
    anew = op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": value})
    with _kept(table), anew:
        pass


@contextmanager
def _kept(table: str) -> Iterator[None]:
    """Make again what goes with the old table.

    Of two indexes that are as good SQLite takes the later one, and a batch makes them in any order; triggers it
    forgets.
    """
    connection = op.get_bind()
    indexes, triggers = (
        connection.execute(_OF_TABLE, {"type": kind, "table": table}).all() for kind in ("index", "trigger")
    )
    for name, _statement in indexes:
        op.drop_index(name, table_name=table)
    connection.exec_driver_sql(_OLD_WAY.format("ON"))
    yield
    connection.exec_driver_sql(_OLD_WAY.format("OFF"))
    for _name, statement in (*indexes, *triggers):
        connection.exec_driver_sql(statement)
