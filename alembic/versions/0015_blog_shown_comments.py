"""Blog: the comments that everybody sees are found without those that are hidden

Revision 0015, after 0014, written on 2026-11-23.
"""

import sqlalchemy as sa

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SHOWN, HIDDEN = sa.text("hidden_at IS NULL"), sa.text("hidden_at IS NOT NULL")


def upgrade() -> None:
    make("ix_comments_shown_post_id_id", ["post_id", "id", "hidden_at"], SHOWN)
    make("ix_comments_shown_author_id_id", ["author_id", "id"], SHOWN)
    make("ix_comments_hidden_author_id_post_id_id", ["author_id", "post_id", "id", "hidden_at"], HIDDEN)
    op.drop_index("ix_comments_author_id_id", table_name="comments")


def downgrade() -> None:
    op.create_index("ix_comments_author_id_id", "comments", ["author_id", "id"])
    op.drop_index("ix_comments_hidden_author_id_post_id_id", table_name="comments")
    op.drop_index("ix_comments_shown_author_id_id", table_name="comments")
    op.drop_index("ix_comments_shown_post_id_id", table_name="comments")


def make(name: str, columns: list[str], which: sa.TextClause) -> None:
    op.create_index(name, "comments", columns, sqlite_where=which, postgresql_where=which)
