"""Blog: notices of answers, who wants none, and what is unread found by an index

Revision 0009, after 0008, written on 2026-11-23.
"""

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
#: Going back: the notices of a kind that was not known then.
deletes_from = ("notices",)

BEFORE = "kind IN ('comment', 'mention', 'follow', 'hidden', 'shown')"
AFTER = "kind IN ('comment', 'answer', 'mention', 'follow', 'hidden', 'shown')"
UNREAD = sa.text("read_at IS NULL")
UNREAD_ANSWER = sa.text("kind = 'answer' AND read_at IS NULL")
INDEXES = (
    ("ix_notices_unread_user_id_id", ["user_id", "id"], UNREAD),
    ("ix_notices_unread_answer_post_id_user_id", ["post_id", "user_id"], UNREAD_ANSWER),
)


def upgrade() -> None:
    allow(AFTER)
    for name, columns, condition in INDEXES:
        op.create_index(name, "notices", columns, sqlite_where=condition, postgresql_where=condition)
    with op.batch_alter_table("blog_members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("answers", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("blog_members", schema=None) as batch_op:
        batch_op.drop_column("answers")
    for name, *_rest in reversed(INDEXES):
        op.drop_index(name, table_name="notices")
    op.execute("DELETE FROM notices WHERE kind = 'answer'")
    allow(BEFORE)


def allow(kinds: str) -> None:
    """Let a notice be of these kinds and no others."""
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_notices_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_notices_kind"), kinds)
