"""Blog: notices of what moderators decide, and what is hidden found by an index

Revision 0006, after 0005, written on 2026-11-22.
"""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
#: Going back: the notices of kinds that were not known then.
deletes_from = ("notices",)

HIDDEN = sa.text("hidden_at IS NOT NULL")
BEFORE = "kind IN ('comment', 'mention', 'follow')"
AFTER = "kind IN ('comment', 'mention', 'follow', 'hidden', 'shown')"


def upgrade() -> None:
    allow(AFTER)
    for table in ("posts", "comments"):
        op.create_index(
            f"ix_{table}_hidden_at_id", table, ["hidden_at", "id"], sqlite_where=HIDDEN, postgresql_where=HIDDEN
        )


def downgrade() -> None:
    for table in ("comments", "posts"):
        op.drop_index(f"ix_{table}_hidden_at_id", table_name=table)
    op.execute("DELETE FROM notices WHERE kind NOT IN ('comment', 'mention', 'follow')")
    allow(BEFORE)


def allow(kinds: str) -> None:
    """Let a notice be of these kinds and no others."""
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_notices_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_notices_kind"), kinds)
