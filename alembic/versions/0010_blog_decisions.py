"""Blog: what moderators decided

Revision 0010, after 0009, written on 2026-11-23.
"""

import sqlalchemy as sa

from alembic import op
from flasky.database import UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: What a decision is by and about; it stays when that is gone.
REFERENCES = (("moderator_id", "users"), ("author_id", "users"), ("post_id", "posts"), ("comment_id", "comments"))


def upgrade() -> None:
    op.create_table(
        "blog_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("about", sa.String(length=10), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name, _table in REFERENCES),
        sa.Column("reason", sa.String(length=500), server_default="", nullable=False),
        sa.Column("reports", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('hidden', 'shown', 'left')", name=op.f("ck_blog_decisions_kind")),
        sa.CheckConstraint("about IN ('post', 'comment', 'all')", name=op.f("ck_blog_decisions_about")),
        *(
            sa.ForeignKeyConstraint(
                [name], [f"{table}.id"], name=op.f(f"fk_blog_decisions_{name}_{table}"), ondelete="SET NULL"
            )
            for name, table in REFERENCES
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blog_decisions")),
    )
    for name, _table in REFERENCES:
        op.create_index(op.f(f"ix_blog_decisions_{name}"), "blog_decisions", [name])


def downgrade() -> None:
    op.drop_table("blog_decisions")
