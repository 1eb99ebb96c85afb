"""Those I follow: the posts of all whom a member follows, and their own, as one list.

There are three ways to a page, of which the first is taken that surely has the whole of it: the next posts of the whole
site, of which those by somebody followed are kept; the posts of those among them who wrote last; and one look for each.
What each takes is shown by `python -m benchmarks large`, and why there are three is told by
docs/decisions/0077-those-i-follow.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Connection,
    Integer,
    Subquery,
    any_,
    bindparam,
    func,
    literal,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import aliased
from sqlalchemy.types import NullType

from flasky.database import UTCDateTime
from flasky.plugins.blog.models import BlogAuthor, Follow, Post
from flasky.plugins.blog.reading import COLUMNS, LIMIT, Cursor, Listing, Rows, Way, listing_of, moment_of, ordered

#: What a page can take: the next posts of the site, whether there are others, who wrote last, what these wrote, and
#: what everybody wrote.
MOST_STATEMENTS = 5
#: So many people are looked up one by one.
_FEW = 300
#: Who follows more than `_FEW` has so many posts gone through first, and who follows more than `_MANY` fewer: among
#: them are as many by people whom they follow.
_MANY, _WINDOW, _SMALL_WINDOW = 3000, 3000, 300
#: For each post of a page so many of those who wrote last are looked up: what some of them wrote last may be gone.
_FOR_EACH = 2
#: So many but one: how far the last of them is behind the first.
_REST = LIMIT - 1


def of_followed(
    connection: Connection,
    me: int,
    following: int,
    way: Way,
    cursor: Cursor | None,
    limit: int,
    columns: tuple[Any, ...] = COLUMNS,
) -> Listing:
    """The posts of those whom `me` follows, so many as `following` says, and of `me`.

    One statement; a few (`MOST_STATEMENTS`) where somebody follows many who wrote little lately.
    """
    if following > _FEW:
        number = _SMALL_WINDOW if following > _MANY else _WINDOW
        newest = _among_next(way, number, _is_among_many if following > _MANY else _is_among_some, columns)
        listing = listing_of(connection, newest, way, cursor, limit, me=me)
        if _goes_on(listing, way) or (cursor and not _is_beyond(connection, way, cursor, number)):
            return listing
        if way is not Way.NEWER and (last := _of_the_last(connection, me, way, cursor, limit, columns)):
            return last
    wanted = _People.SINCE if following > _FEW and way is Way.NEWER else _People.ALL
    theirs = _looked_up(way, connection.dialect.name, columns, wanted)
    return listing_of(connection, theirs, way, cursor, limit, me=me)


def _goes_on(listing: Listing, way: Way) -> bool:
    return (listing.newer if way is Way.NEWER else listing.older) is not None


def _followed() -> Rows:
    return select(Follow.followed_id).where(Follow.follower_id == bindparam("me"))


def _is_among_some(author: Any) -> ColumnElement[bool]:
    """By a table of all who are followed, which the database makes once: it holds some thousands at most."""
    is_followed: ColumnElement[bool] = author.in_(_followed())
    return is_followed


def _is_among_many(author: Any) -> ColumnElement[bool]:
    """By one row by its key for each post: to make that table would take longer."""
    return _followed().where(Follow.followed_id == author).limit(1).scalar_subquery().is_not(None)


@cache
def _among_next(
    way: Way, number: int, is_among: Callable[[Any], ColumnElement[bool]], columns: tuple[Any, ...]
) -> Rows:
    """The posts of followed people, and one's own, among the next `number` posts of the site."""
    window = ordered(select(Post.id, Post.author_id, Post.listed_at), Post.listed_at, Post.id, way)
    some = window.limit(number).subquery("some")
    is_wanted = is_among(some.c.author_id) | (some.c.author_id == bindparam("me"))
    ids = select(some.c.id).where(is_wanted).order_by(*_in_order(way, some.c.listed_at, some.c.id))
    return _shown(ids, way, columns)


@cache
def _behind_next(way: Way, number: int) -> Rows:
    return ordered(select(Post.id), Post.listed_at, Post.id, way).offset(number).limit(1)


def _is_beyond(connection: Connection, way: Way, cursor: Cursor, number: int) -> bool:
    """Whether there are posts of the site behind the next `number`: on the last page there are none."""
    return connection.scalar(_behind_next(way, number), cursor._asdict()) is not None


def _shown(ids: Rows, way: Way, columns: tuple[Any, ...]) -> Rows:
    """What a list shows of the first of these posts: their rows are read only after all others are out."""
    some = ids.limit(LIMIT).subquery("ids")
    return (
        select(*columns)
        .select_from(some)
        .join(Post, Post.id == some.c.id)
        .order_by(*_in_order(way, Post.listed_at, Post.id))
    )


def _in_order(way: Way, *columns: Any) -> tuple[Any, ...]:
    return columns if way is Way.NEWER else tuple(column.desc() for column in columns)


def _of_the_last(
    connection: Connection, me: int, way: Way, cursor: Cursor | None, limit: int, columns: tuple[Any, ...]
) -> Listing | None:
    """The page by those who published last; None where others may have written what belongs on it.

    When somebody last published is a bound, not more: what they wrote may be hidden or gone since. Nobody else has a
    post that is newer than the last bound.
    """
    dialect = connection.dialect.name
    people = connection.execute(_who_wrote_last(dialect), {"me": me, "number": (number := _FOR_EACH * limit)}).all()
    some = [person.id for person in people]
    theirs = _looked_up(way, dialect, columns, _People.SOME)
    listing = listing_of(connection, theirs, way, cursor, limit, me=me, some=some)
    if len(people) < number:
        return listing
    is_whole = listing.older is not None and listing.older.moment > moment_of(people[-1].published_at)
    return listing if is_whole else None


@cache
def _who_wrote_last(dialect: str) -> Rows:
    """Those among the followed who published last, and when."""
    published_at = type_coerce(BlogAuthor.published_at, NullType()).label("published_at")
    those = _authors_followed(dialect).add_columns(published_at)
    return those.order_by(BlogAuthor.published_at.desc()).limit(bindparam("number", type_=Integer()))


def _authors_followed(dialect: str) -> Rows:
    """The ids of those among the followed who ever published."""
    ids = select(BlogAuthor.user_id.label("id"))
    if dialect == "postgresql":
        # By an array it goes through the index once, however many they are; a join would read the whole table.
        return ids.where(BlogAuthor.user_id == any_(func.array(_followed().scalar_subquery())))
    is_followed = Follow.followed_id == BlogAuthor.user_id
    return ids.join_from(Follow, BlogAuthor, is_followed).where(Follow.follower_id == bindparam("me"))


def _of_one(person: Any, way: Way) -> Rows:
    """The posts of one of those followed, from the place on: read from the end of their part of an index."""
    post = aliased(Post)
    return ordered(select(post.listed_at, post.id).where(post.author_id == person), post.listed_at, post.id, way)


class _People(Enum):
    """Who is looked up beside `me`."""

    ALL = "all who are followed"
    SINCE = "those who published since the moment of the place: nobody else wrote what is newer"
    SOME = "those whose ids are the parameter `some`"


def _people(wanted: _People, dialect: str) -> Subquery:
    if wanted is _People.SOME:
        them = _given(dialect)
    elif wanted is _People.SINCE:
        moment = bindparam("moment", type_=UTCDateTime())
        them = _authors_followed(dialect).where(BlogAuthor.published_at >= moment)
    else:
        them = select(Follow.followed_id.label("id")).where(Follow.follower_id == bindparam("me"))
    return them.union_all(select(bindparam("me", type_=Integer()))).subquery("people")


def _given(dialect: str) -> Rows:
    """The ids of one parameter, `some`, however many they are."""
    some: ColumnElement[int]
    if dialect == "postgresql":
        some = func.unnest(bindparam("some", type_=ARRAY(Integer))).column_valued("some")
    else:
        some = func.json_each(bindparam("some", type_=JSON())).table_valued("value").c.value
    return select(some.label("id"))


@cache
def _looked_up(way: Way, dialect: str, columns: tuple[Any, ...], wanted: _People) -> Rows:
    """The posts of followed people, as `wanted`, and one's own: one look for each, then the posts of the last.

    However much each of them wrote: a page has posts of no more people than posts.
    """
    people = _people(wanted, dialect)
    return _shown(_by_lateral(people, way) if dialect == "postgresql" else _by_moment(people, way), way, columns)


def _by_lateral(people: Subquery, way: Way) -> Rows:
    last = _of_one(people.c.id, way).limit(1).lateral("last")
    chosen = (
        select(people.c.id)
        .select_from(people)
        .join(last, true())
        .order_by(*_in_order(way, last.c.listed_at, last.c.id))
    )
    some = chosen.limit(LIMIT).subquery("chosen")
    theirs = _of_one(some.c.id, way).lateral("theirs")
    return (
        select(theirs.c.id)
        .select_from(some)
        .join(theirs, true())
        .order_by(*_in_order(way, theirs.c.listed_at, theirs.c.id))
    )


def _by_moment(people: Subquery, way: Way) -> Rows:
    """The same for SQLite, which knows no LATERAL: as far as the moments of the last people and posts on the page.

    All who wrote at such a moment are on the page's side of it, so that the ids decide between them.
    """
    last = select(people.c.id, _moment_of_one(people.c.id, way, 0).label("moment")).cte("last")
    last_people = select(last.c.moment).where(last.c.moment.is_not(None)).order_by(*_in_order(way, last.c.moment))
    post = aliased(Post)
    theirs = (
        select(post.id)
        .select_from(last)
        .join(post, post.author_id == last.c.id)
        .where(_is_up_to(last.c.moment, last_people.limit(1).offset(_REST).scalar_subquery(), way))
        .where(_is_up_to(post.listed_at, _moment_of_one(last.c.id, way, _REST), way))
    )
    return ordered(theirs, post.listed_at, post.id, way)


def _moment_of_one(person: Any, way: Way, offset: Any) -> Any:
    posts = _of_one(person, way)
    moment = posts.with_only_columns(posts.selected_columns.listed_at)
    return moment.limit(1).offset(offset).scalar_subquery()


def _is_up_to(moment: Any, last: Any, way: Way) -> ColumnElement[bool]:
    """Whether a moment is no farther from the place than `last`; each is, where there are fewer than that."""
    end = literal(datetime(*((9999, 12, 31) if way is Way.NEWER else (1, 1, 1)), tzinfo=UTC), UTCDateTime())
    last = func.coalesce(last, end)
    is_up_to: ColumnElement[bool] = moment <= last if way is Way.NEWER else moment >= last
    return is_up_to
