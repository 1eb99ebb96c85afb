"""Finding posts by their words: FTS5 on SQLite, `tsvector` on PostgreSQL, behind `index` and `find`.

Both hold the words that `words` makes and nothing of their own opinion, so both find the same. Results come in the
order of their ids, the last begun first, and go on by the id of the last one: both indexes stop behind a page then, but
in the order of publishing every post with a common word would be read for each page. Nothing of the database's own
query language can be asked for (INJ-01): each word is made of ASCII letters and digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import Connection, Select, cast, column, delete, insert, select, table
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from flasky.plugins.accounts.models import User
from flasky.plugins.blog.markdown import text_of
from flasky.plugins.blog.models import Post, PostWords
from flasky.plugins.blog.reading import FOR_PROGRAMS, Bounds, Part, part
from flasky.plugins.blog.titles import OPENING, name_of
from flasky.plugins.blog.words import Query, folded, pattern_of, query, span, words_of

#: Characters of an excerpt, and how many of them stand before the first word that was found.
_SHOWN = 240
_BEFORE = 60
#: How far into a text the word is looked for: each character is folded, and a page shows twenty texts.
_READ = 3000

_MARK = "<mark>"
_BEGINNING = Bounds()
_FTS5 = table("post_words_fts", column("rowid"))


@dataclass(frozen=True)
class Found:
    """A post that was found, with the words marked in what it is called, in a piece of its text, and in names and tags.

    `name` is what its author calls themselves beside the user name, where the words are found in that, else empty.
    """

    id: int
    title: Markup
    excerpt: Markup
    username: str | None
    author: Markup
    name: Markup
    tags: tuple[tuple[str, Markup], ...]
    has_profile: bool
    listed_at: datetime
    comment_count: int


def index(db: Session, post: Any, *author: str) -> None:
    """Remember the words of a stored post, or a row of it: of title, text, tags and the names of its author."""
    store(db, post.id, words_of_post(post, *author))


def store(db: Session, post_id: int, words: str) -> None:
    """Remember the words of a post that somebody made before: no text is read here, while others wait to write."""
    db.execute(delete(PostWords).where(PostWords.post_id == post_id))
    db.execute(insert(PostWords).values(post_id=post_id, words=words))


def is_stored(connection: Connection, post_id: int, words: str) -> bool:
    """Whether these words of a post are remembered already. One statement, which only reads."""
    same = PostWords.words == cast(words, PostWords.words.type)
    return connection.scalar(select(PostWords.post_id).where(PostWords.post_id == post_id, same)) is not None


def words_of_post(post: Any, *author: str) -> str:
    """The words by which a post (anything with `title`, `html` and `tag_names`) is found."""
    return words_of(" ".join((post.title, text_of(post.html), post.tag_names, *author)))


def find(connection: Connection, text: str, bounds: Bounds = _BEGINNING, limit: int = 20) -> Part:
    """The listed posts with every word of `text`, the last begun first, as Found; none for a text without words."""
    found = _part(connection, _posts(), text, bounds, limit)
    return replace(found, rows=[_shown(row, text) for row in found.rows])


def find_for_programs(connection: Connection, text: str, bounds: Bounds = _BEGINNING, limit: int = 20) -> Part:
    """The same posts in the columns that programs are told of (`reading.FOR_PROGRAMS`)."""
    return _part(connection, select(*FOR_PROGRAMS), text, bounds, limit)


def _part(connection: Connection, posts: Select[*tuple[Any, ...]], text: str, bounds: Bounds, limit: int) -> Part:
    words = query(text)
    if not (words.whole or words.begun):
        return Part([], None, None)
    # Among the words of those of a negative pipeline is a name that is to be found no more (`Post.pipeline`).
    posts = posts.where(Post.listed_at.is_not(None), Post.pipeline >= 0)
    on_dialect = _on_postgresql if connection.dialect.name == "postgresql" else _on_sqlite
    return part(connection, *on_dialect(posts, words), bounds, limit)


def _shown(row: Any, text: str) -> Found:
    name = mark(row.name or "", text) if row.has_profile else Markup()
    return Found(
        row.id,
        mark(name_of(row.id, row.title, row.opening), text),
        excerpt(row.html, text),
        row.username,
        mark(row.username or "", text),
        # Otherwise lists have the user name alone.
        name if _MARK in name else Markup(),
        tuple((tag, mark(tag, text)) for tag in row.tag_names.split()),
        row.has_profile,
        row.listed_at,
        row.comment_count,
    )


def mark(text: str, asked: str) -> Markup:
    """`text` as HTML, with what was found for `asked` in <mark>: beginnings of words, also of those with accents."""
    pattern = pattern_of(asked)
    parts, position = [], 0
    shown, places = folded(text)
    for match in pattern.finditer(shown) if pattern else ():
        found = span(text, places, match.start(), match.end())
        # Of one character may have come two that are found.
        if found.start >= position:
            parts += [escape(text[position : found.start]), Markup("<mark>{}</mark>").format(text[found])]
            position = found.stop
    return Markup("").join([*parts, escape(text[position:])])


def excerpt(html: str, asked: str) -> Markup:
    """A piece of the text of a post around the first word that was asked for, marked.

    Where that does not stand in the first 3,000 characters, it is the beginning.
    """
    text = " ".join(text_of(html).split())
    pattern = pattern_of(asked)
    shown, places = folded(text[:_READ])
    match = pattern.search(shown) if pattern else None
    start = max(0, places[match.start()] - _BEFORE) if match else 0
    if start:
        # Not within a word: its end would look like a word.
        start = text.find(" ", start, start + _BEFORE // 2) + 1 or start
    piece = mark(text[start : start + _SHOWN], asked)
    return Markup("{}{}{}").format("… " if start else "", piece, " …" if start + _SHOWN < len(text) else "")


def _posts() -> Select[*tuple[Any, ...]]:
    return select(
        Post.id,
        Post.title,
        OPENING,
        Post.html,
        Post.tag_names,
        Post.listed_at,
        Post.comment_count,
        User.username,
        User.name,
        User.has_profile,
    ).outerjoin(User, User.id == Post.author_id)


def _on_postgresql(posts: Select[*tuple[Any, ...]], words: Query) -> tuple[Select[*tuple[Any, ...]], Any]:
    asked = cast(" & ".join([*words.whole, *(f"{word}:*" for word in words.begun)]), TSQUERY)
    found = PostWords.words.op("@@")(asked)
    return posts.join(PostWords, PostWords.post_id == Post.id).where(found), Post.id


def _on_sqlite(posts: Select[*tuple[Any, ...]], words: Query) -> tuple[Select[*tuple[Any, ...]], Any]:
    asked = " ".join([*(f'"{word}"' for word in words.whole), *(f'"{word}"*' for word in words.begun)])
    match = column("post_words_fts").op("MATCH")(asked)
    # In the index's own order: it stops after the first page instead of collecting every post with the word.
    return posts.join(_FTS5, _FTS5.c.rowid == Post.id).where(match), _FTS5.c.rowid
