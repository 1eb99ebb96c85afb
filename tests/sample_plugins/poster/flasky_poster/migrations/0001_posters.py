"""Posters"""

import sqlalchemy as sa

from alembic import op

revision = "a_poster0001"
down_revision = None
branch_labels = ("poster",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "posters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["board_notices.id"], name=op.f("fk_posters_notice_id_board_notices"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posters")),
    )


def downgrade() -> None:
    op.drop_table("posters")
