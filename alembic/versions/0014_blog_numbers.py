"""Blog: on SQLite, too, the number of a post or comment is never given again

Revision 0014, after 0013, written on 2026-11-23.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INDEXES = sa.text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL ORDER BY rowid"
)


def upgrade() -> None:
    number(never_again=True)


def downgrade() -> None:
    number(never_again=False)


def number(*, never_again: bool) -> None:
    """Make the tables anew on SQLite; PostgreSQL has sequences, which never go back."""
    if op.get_context().dialect.name != "sqlite":
        return
    for table in ("posts", "comments"):
        anew = op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": never_again})
        with indexes_in_their_order(table), anew:
            pass


@contextmanager
def indexes_in_their_order(table: str) -> Iterator[None]:
    """Of two indexes that are as good SQLite takes the later one, and a batch makes them in any order."""
    connection = op.get_bind()
    indexes = connection.execute(INDEXES, {"table": table}).all()
    for name, _statement in indexes:
        op.drop_index(name, table_name=table)
    yield
    for _name, statement in indexes:
        op.execute(statement)
