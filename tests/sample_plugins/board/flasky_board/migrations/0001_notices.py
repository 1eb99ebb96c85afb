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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_notices")),
    )


def downgrade() -> None:
    op.drop_table("board_notices")
