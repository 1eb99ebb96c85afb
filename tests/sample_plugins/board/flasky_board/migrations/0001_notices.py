"""Notices"""

import sqlalchemy as sa

from alembic import op

revision = "board0001"
down_revision = None
branch_labels = ("board",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "board_notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=100), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_board_notices_author_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_notices")),
    )
    op.create_index(op.f("ix_board_notices_author_id"), "board_notices", ["author_id"])


def downgrade() -> None:
    op.drop_table("board_notices")
