"""Finding posts by their words: FTS5 on SQLite, `tsvector` on PostgreSQL, behind `index` and `find`.

Both hold the words that `words` makes and nothing of their own opinion, so both find the same. Results come in the
order of their ids, the last begun first, and go on by the id of the last one: for a common word both stop behind a page
then, but in the order of publishing every post with it would be read for each page. Nothing of the database's own
query language can be asked for (INJ-01): each word is made of ASCII letters and digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    Select,
    cast,
    column,
    delete,
    insert,
    literal,
    select,
    table,
)
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
#: On PostgreSQL so many of the next posts are gone through before all that have a word are looked up: a word of every
#: fiftieth post still fills a page of twenty, and one that none has costs less than a millisecond
#: (`python -m benchmarks large`).
_WINDOW = 2000

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
    return on_dialect(connection, posts, words, bounds, limit)


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


def _on_postgresql(
    connection: Connection, posts: Select[*tuple[Any, ...]], words: Query, bounds: Bounds, limit: int
) -> Part:
    """One statement where the word is common, which the next posts tell; two where it is not.

    The index of words gives every post with a word at once and in no order; the posts in their order have to be read
    one by one. PostgreSQL takes the second wherever it expects a page soon, and it knows no word that is rare: it read
    a million posts for a word that none of them has.
    """
    asked = cast(" & ".join([*words.whole, *(f"{word}:*" for word in words.begun)]), TSQUERY)
    near = _next(bounds, PostWords.post_id.label("id"), PostWords.words).limit(_number(_WINDOW)).subquery("near")
    among_these = posts.join(near, near.c.id == Post.id).where(near.c.words.op("@@")(asked))
    found = part(connection, among_these, near.c.id, bounds, limit)
    if (found.back if bounds.above else found.on) is not None:
        return found
    # By no column, so that the posts are read by no index of these numbers.
    number = (PostWords.post_id + 0).label("id")
    goes_on = _next(bounds, PostWords.post_id).offset(_number(_WINDOW)).limit(_number(1)).exists()
    having = select(number).where(PostWords.words.op("@@")(asked), goes_on)
    hits = having.order_by(number.asc() if bounds.above else number.desc()).subquery("hits")
    others = part(connection, posts.join(hits, hits.c.id == Post.id), hits.c.id, bounds, limit)
    # Where nothing stands behind those that were read, they are all there is.
    return others if others.rows else found


def _next(bounds: Bounds, *columns: Any) -> Select[*tuple[Any, ...]]:
    """The words of the posts from a place on, in the order in which they are shown or, going back, the other way."""
    rows, post_id = select(*columns), PostWords.post_id
    if bounds.above:
        return rows.where(post_id > bounds.above).order_by(post_id)
    if bounds.below:
        rows = rows.where(post_id < bounds.below)
    return rows.order_by(post_id.desc())


def _number(value: int) -> BindParameter[int]:
    """A number in the text of the statement: where it is not known to be small, PostgreSQL plans for many."""
    return literal(value, Integer(), literal_execute=True)


def _on_sqlite(
    connection: Connection, posts: Select[*tuple[Any, ...]], words: Query, bounds: Bounds, limit: int
) -> Part:
    asked = " ".join([*(f'"{word}"' for word in words.whole), *(f'"{word}"*' for word in words.begun)])
    match = column("post_words_fts").op("MATCH")(asked)
    # In the index's own order: it stops after the first page instead of collecting every post with the word.
    having = posts.join(_FTS5, _FTS5.c.rowid == Post.id).where(match)
    return part(connection, having, _FTS5.c.rowid, bounds, limit)
