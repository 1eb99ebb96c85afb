"""Accounts: on SQLite, too, the number of a member is never given again

Revision 0016, after 0015, written on 2026-11-23.
"""

from flasky.migrations.numbers import never_again

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    never_again("users")


def downgrade() -> None:
    never_again("users", value=False)
