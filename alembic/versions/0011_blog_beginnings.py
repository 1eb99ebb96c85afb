"""Blog: beginnings of words in SQLite's index

Revision 0011, after 0010, written on 2026-11-23.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
#: Where the index keeps its data: it is made anew from the words, which stay.
deletes_from = ("post_words_fts_data", "post_words_fts_idx")

#: Places of words within a text are left out: no search asks for them, and with them it would be three times as large.
OPTIONS = ", detail='none', prefix='2 3 4 5 6 7 8'"


def upgrade() -> None:
    index(OPTIONS)


def downgrade() -> None:
    index("")


def index(options: str) -> None:
    """Make the index of words anew; the triggers of the table `post_words` find it by its name."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("DROP TABLE post_words_fts")
    op.execute(
        "CREATE VIRTUAL TABLE post_words_fts USING fts5(words, content='post_words', content_rowid='post_id', "
        f"tokenize='ascii'{options})"
    )
    op.execute("INSERT INTO post_words_fts(post_words_fts) VALUES ('rebuild')")
