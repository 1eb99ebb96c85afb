"""Blog: who wrote a post stands in the index of the list

Revision 0005, after 0004, written on 2026-11-22.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_posts_listed_at_id_author_id", "posts", ["listed_at", "id", "author_id"], unique=False)
    op.drop_index("ix_posts_listed_at_id", table_name="posts")


def downgrade() -> None:
    op.create_index("ix_posts_listed_at_id", "posts", ["listed_at", "id"], unique=False)
    op.drop_index("ix_posts_listed_at_id_author_id", table_name="posts")
