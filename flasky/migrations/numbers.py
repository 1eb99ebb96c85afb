"""On SQLite, too, the number of a row is never given again: what a migration calls to have that of a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from alembic import op

_INDEXES = sa.text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL ORDER BY rowid"
)


def never_again(table: str, *, value: bool = True) -> None:
    """Make `table` anew with AUTOINCREMENT on SQLite, or without (`value=False`, for the downgrade).

    PostgreSQL has sequences, which never go back. Has to run in a migration.
    """
    if op.get_context().dialect.name != "sqlite":
        return
    anew = op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": value})
    with _indexes_in_their_order(table), anew:
        pass


@contextmanager
def _indexes_in_their_order(table: str) -> Iterator[None]:
    """Of two indexes that are as good SQLite takes the later one, and a batch makes them in any order."""
    indexes = op.get_bind().execute(_INDEXES, {"table": table}).all()
    for name, _statement in indexes:
        op.drop_index(name, table_name=table)
    yield
    for _name, statement in indexes:
        op.execute(statement)
