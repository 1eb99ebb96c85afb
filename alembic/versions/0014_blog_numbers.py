"""Blog: on SQLite, too, the number of a post or comment is never given again

Revision 0014, after 0013, written on 2026-11-23.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number(never_again=True)


def downgrade() -> None:
    number(never_again=False)


def number(*, never_again: bool) -> None:
    """Make the tables anew on SQLite; PostgreSQL has sequences, which never go back."""
    if op.get_context().dialect.name != "sqlite":
        return
    for table in ("posts", "comments"):
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": never_again}):
            pass
