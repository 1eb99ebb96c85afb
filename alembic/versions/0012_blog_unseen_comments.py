"""Blog: a member's hidden comments, and those below a post, are found by indexes

Revision 0012, after 0011, written on 2026-11-23.
"""

import sqlalchemy as sa

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

HIDDEN = sa.text("hidden_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_comments_hidden_author_id_id",
        "comments",
        ["author_id", "id"],
        sqlite_where=HIDDEN,
        postgresql_where=HIDDEN,
    )
    op.create_index("ix_comments_author_id_post_id", "comments", ["author_id", "post_id"])


def downgrade() -> None:
    op.drop_index("ix_comments_author_id_post_id", table_name="comments")
    op.drop_index("ix_comments_hidden_author_id_id", table_name="comments")
