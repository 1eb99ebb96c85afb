"""Blog: when each member last published

Revision 0013, after 0012, written on 2026-11-23.
"""

import sqlalchemy as sa

from alembic import op
from flasky.database import UTCDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blog_authors",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("published_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_blog_authors_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_blog_authors"), postgresql_include=["published_at"]),
    )
    op.execute(
        "INSERT INTO blog_authors (user_id, published_at) SELECT author_id, max(published_at) FROM posts"
        " WHERE author_id IS NOT NULL AND published_at IS NOT NULL GROUP BY author_id"
    )


def downgrade() -> None:
    op.drop_table("blog_authors")
