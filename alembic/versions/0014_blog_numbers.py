"""Blog: on SQLite, too, the number of a post or comment is never given again

Revision 0014, after 0013, written on 2026-11-23.
"""

from flasky.migrations.numbers import never_again

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    never_again("posts")
    never_again("comments")


def downgrade() -> None:
    never_again("posts", value=False)
    never_again("comments", value=False)
