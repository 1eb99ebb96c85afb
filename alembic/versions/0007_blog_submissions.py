"""Blog: what a form sent, the reason in a notice, and notices that outlive whoever caused them

Revision 0007, after 0006, written on 2026-11-23.
"""

import sqlalchemy as sa

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
#: Going back: the notices of what members did who left since. Nobody would know who.
deletes_from = ("notices",)

ACTOR = "fk_notices_actor_id_users"
#: Until now the reason was read where it is kept: each page showed that of the last time.
KEEP_REASON = """
UPDATE notices SET reason = coalesce((SELECT hidden_reason FROM {table} WHERE {table}.id = notices.{column}), '')
WHERE kind = 'hidden' AND {which} AND NOT EXISTS (
    SELECT 1 FROM notices AS later
    WHERE later.kind = 'hidden' AND later.id > notices.id AND later.post_id = notices.post_id
    AND coalesce(later.comment_id, 0) = coalesce(notices.comment_id, 0)
)
"""


def upgrade() -> None:
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=10), server_default="", nullable=False))
        batch_op.add_column(sa.Column("digest", sa.String(length=64), server_default="", nullable=False))
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sa.String(length=500), server_default="", nullable=False))
    actor(nullable=True, ondelete="SET NULL")
    op.execute(KEEP_REASON.format(table="posts", column="post_id", which="comment_id IS NULL"))
    op.execute(KEEP_REASON.format(table="comments", column="comment_id", which="comment_id IS NOT NULL"))


def downgrade() -> None:
    op.execute("DELETE FROM notices WHERE actor_id IS NULL")
    actor(nullable=False, ondelete="CASCADE")
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_column("reason")
    with op.batch_alter_table("submissions", schema=None) as batch_op:
        batch_op.drop_column("digest")
        batch_op.drop_column("kind")


def actor(*, nullable: bool, ondelete: str) -> None:
    """Say what becomes of a notice when whoever caused it leaves."""
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.alter_column("actor_id", existing_type=sa.Integer(), nullable=nullable)
        batch_op.drop_constraint(op.f(ACTOR), type_="foreignkey")
        batch_op.create_foreign_key(op.f(ACTOR), "users", ["actor_id"], ["id"], ondelete=ondelete)
