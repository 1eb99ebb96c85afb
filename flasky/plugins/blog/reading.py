"""The read path of the lists: each is one statement, built once, and its rows go straight into the template.

The levers are here and, for those whom a member follows, in `timeline`: columns instead of entities, moments as the
driver gives them, keyset instead of OFFSET, counters instead of counts, one row more instead of asking whether there
are more, and addresses put together from a beginning that was made once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, lru_cache, partial
from operator import eq
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from pyramid.request import Request
from pyramid.traversal import quote_path_segment
from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    Select,
    String,
    bindparam,
    case,
    literal_column,
    select,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.types import NullType

from flasky.database import UTCDateTime, read_rows
from flasky.languages import DOMAIN
from flasky.markup import NOTHING, safe
from flasky.plugins.accounts.models import User
from flasky.plugins.blog.limits import LARGEST_ID
from flasky.plugins.blog.markdown import placed
from flasky.plugins.blog.models import Comment, ListVersion, Post, PostTag, Tag
from flasky.plugins.blog.titles import name_of
from flasky.times import show_local_time, zone_of

_CURSOR = re.compile(r"([0-9]{1,16})-([0-9]{1,9})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A statement of columns.
Rows = Select[*tuple[Any, ...]]


class Way(Enum):
    """Which part of a list is asked for: its beginning, or what is older or newer than a place in it."""

    FIRST = "first"
    OLDER = "older"
    NEWER = "newer"


class Cursor(NamedTuple):
    """A place in a list: the moment and the id of a post. It stays right when that post is gone."""

    moment: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.moment - _EPOCH) // timedelta(microseconds=1)}-{self.id}"


def parse_cursor(text: str) -> Cursor | None:
    """Read what `str(cursor)` wrote; None for anything else."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    # Sixteen digits reach to the year 2286: no moment that Python cannot hold.
    return Cursor(_EPOCH + timedelta(microseconds=int(match[1])), int(match[2]))


@dataclass(frozen=True)
class Listing:
    """Some posts of a list, and where it goes on in both directions (None: it does not)."""

    rows: Sequence[Any]
    newer: Cursor | None
    older: Cursor | None


#: Asked for row by row. Of a join PostgreSQL makes a table in memory for all members that it expects, at each visit:
#: with 100,000 of them that took longer than all else of the statement. A former member has no row.
_AUTHOR = select(User.username).where(User.id == Post.author_id)
_USERNAME = _AUTHOR.scalar_subquery().label("username")
#: The name, behind a blank where there is no profile to lead to: one look at the row for both, and no name begins so.
_BYLINE = (
    _AUTHOR.with_only_columns(
        case((User.has_profile, User.username), else_=literal_column("' '", String).concat(User.username))
    )
    .scalar_subquery()
    .label("byline")
)
#: A number in the text of the statement: where it is not known to be small, PostgreSQL plans anew at each visit.
LIMIT = bindparam("limit", type_=Integer(), literal_execute=True)
_COMMON: tuple[Any, ...] = (
    Post.id,
    type_coerce(Post.listed_at, NullType()).label("listed_at"),
    Post.title,
    Post.summary,
    Post.is_long,
    Post.comment_count,
    Post.tag_names,
)
#: What every list shows of a post.
COLUMNS = (*_COMMON, _BYLINE)
#: What programs are told of it in a list, which begins with what every list shows.
FOR_PROGRAMS = (*COLUMNS, Post.author_id, Post.edited_at, Post.version)
#: What a feed shows of it.
_WHOLE = (*_COMMON, _USERNAME, Post.html, Post.edited_at)
_BEHIND = tuple_(bindparam("moment", type_=UTCDateTime()), bindparam("id"))


def ordered(statement: Rows, moment: Any, row_id: Any, way: Way) -> Rows:
    """`statement` in the order of a moment and an id, from the place on that `listing_of` fills in."""
    place = tuple_(moment, row_id)
    if way is Way.NEWER:
        statement = statement.where(place > _BEHIND).order_by(moment, row_id)
    else:
        condition = moment.is_not(None) if way is Way.FIRST else place < _BEHIND
        statement = statement.where(condition).order_by(moment.desc(), row_id.desc())
    return statement.limit(LIMIT)


class Bounds(NamedTuple):
    """Which part of a list in the order of its ids is asked for: below an id, above one, or (0) its beginning."""

    below: int = 0
    above: int = 0


@dataclass(frozen=True)
class Part:
    """Some rows of a list in the order of its ids, and the ids where it goes on towards both ends (None: it does not).

    `back` leads towards the beginning, `on` away from it.
    """

    rows: Sequence[Any]
    back: int | None
    on: int | None


def part(
    connection: Connection,
    statement: Rows,
    key: Any,
    bounds: Bounds,
    limit: int,
    *,
    ascending: bool = False,
    values: Mapping[str, Any] | None = None,
) -> Part:
    """The rows of `statement`, each with its `id`, in the order of the column `key`, the highest first unless told.

    One statement. Behind "back" the list may have come to its beginning: `back` is None then, and fewer rows than
    there could be are no reason to show so few (`views.common.page_of`).
    """
    turned = bool(bounds.below if ascending else bounds.above)
    if bounds.below:
        statement = statement.where(key < bounds.below)
    elif bounds.above:
        statement = statement.where(key > bounds.above)
    order = key.asc() if ascending != turned else key.desc()
    found = connection.execute(statement.order_by(order).limit(limit + 1), values or {}).all()
    return _part_of(found, turned, bounds, limit)


def _part_of(found: Sequence[Any], turned: bool, bounds: Bounds, limit: int) -> Part:
    goes_on, rows = len(found) > limit, list(found[:limit])
    if turned:
        rows.reverse()
    if not rows:
        return Part(rows, None, None)
    has_more_before = goes_on if turned else bounds != Bounds()
    return Part(rows, rows[0].id if has_more_before else None, rows[-1].id if turned or goes_on else None)


class Source(Enum):
    """Whose posts a list has."""

    EVERYONE = "everyone"
    AUTHOR = "author"
    TAG = "tag"


@cache
def _posts(source: Source, way: Way, columns: tuple[Any, ...] = COLUMNS) -> Rows:
    """The posts of a list, with their authors."""
    statement = select(*columns)
    moment, post_id = Post.listed_at, Post.id
    if source is Source.AUTHOR:
        statement = statement.where(Post.author_id == bindparam("author"))
    elif source is Source.TAG:
        moment, post_id = PostTag.listed_at, PostTag.post_id
        tagged = statement.select_from(PostTag).join(Post, Post.id == PostTag.post_id)
        statement = tagged.where(PostTag.tag_id == bindparam("tag"))
    return ordered(statement, moment, post_id, way)


@cache
def _beginning(limit: int) -> Rows:
    return _posts(Source.EVERYONE, Way.FIRST).params(limit=limit + 1)


def newest(request: Request, limit: int) -> Listing:
    """The posts of everybody, from the beginning on, which is what most visits ask for. One statement."""
    return _listing(read_rows(request, _beginning(limit)), Way.FIRST, limit)


def everyone(connection: Connection, way: Way, cursor: Cursor | None, limit: int) -> Listing:
    """The posts of everybody. One statement."""
    return listing_of(connection, _posts(Source.EVERYONE, way), way, cursor, limit)


def of_author(connection: Connection, user_id: int, way: Way, cursor: Cursor | None, limit: int) -> Listing:
    """The posts of one member. One statement."""
    return listing_of(connection, _posts(Source.AUTHOR, way), way, cursor, limit, author=user_id)


def with_tag(connection: Connection, tag_id: int, way: Way, cursor: Cursor | None, limit: int) -> Listing:
    """The posts with a tag. One statement."""
    return listing_of(connection, _posts(Source.TAG, way), way, cursor, limit, tag=tag_id)


def for_programs(
    connection: Connection, source: Source, way: Way, cursor: Cursor | None, limit: int, **values: Any
) -> Listing:
    """The posts of a list (`author=` or `tag=` says whose) in the columns `FOR_PROGRAMS`. One statement."""
    return listing_of(connection, _posts(source, way, FOR_PROGRAMS), way, cursor, limit, **values)


def for_feed(connection: Connection, source: Source, limit: int, **values: Any) -> Sequence[Any]:
    """The newest posts of a list (`author=` or `tag=` says whose), whole. One statement."""
    return connection.execute(_posts(source, Way.FIRST, _WHOLE), {"limit": limit, **values}).all()


#: A number that is another one whenever lists show something else, for `flasky.database.read_value`.
LIST_VERSION = select(ListVersion.version)


def listing_of(
    connection: Connection, statement: Rows, way: Way, cursor: Cursor | None, limit: int, **values: Any
) -> Listing:
    """The rows of an `ordered` statement, which begin with the id and the moment of its order. One statement."""
    # One more than is shown says whether the list goes on.
    values["limit"] = limit + 1
    if cursor is not None:
        values["moment"], values["id"] = cursor
    return _listing(connection.execute(statement, values).all(), way, limit)


def _listing(found: Sequence[Any], way: Way, limit: int) -> Listing:
    goes_on, rows = len(found) > limit, list(found[:limit])
    if way is Way.NEWER:
        rows.reverse()
    newer = older = None
    if rows:
        if way is Way.OLDER or (goes_on and way is Way.NEWER):
            newer = _place_of(rows[0])
        if way is Way.NEWER or goes_on:
            older = _place_of(rows[-1])
    return Listing(rows, newer, older)


def _place_of(row: Any) -> Cursor:
    # By their places: rows that came from the driver itself have no names.
    return Cursor(moment_of(row[1]), row[0])


@lru_cache(maxsize=4096)
def moment_of(raw: str | datetime) -> datetime:
    """The moment that a driver gave: SQLite's text, or PostgreSQL's time with its zone."""
    moment = datetime.fromisoformat(raw) if isinstance(raw, str) else raw
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class ShownPost(NamedTuple):
    """A row of a list, in the pieces that the template puts together."""

    id: int
    path: Markup
    title: str
    #: What it is called (`titles.name_of`).
    name: str
    username: str | None
    author: Markup
    time: Markup
    summary: Markup
    is_long: bool
    comments: Markup
    tags: Markup


class Look:
    """How posts, members, tags and times look in the visitor's language.

    Addresses are put together from beginnings that are made once for each place where the site is mounted. What
    comes again and again (an author, a tag, a number of comments, a moment) is made once and remembered.
    """

    def __init__(self, request: Request) -> None:
        beginnings: dict[str, _Beginnings] = request.registry.setdefault(_BEGINNINGS, {})
        known = beginnings.get(request.script_name)
        if known is None:
            known = beginnings[request.script_name] = _Beginnings(
                request.route_path("blog.post", id="0")[:-1],
                request.route_path("accounts.profile", username="0")[:-1],
                request.route_path("blog.tag", name="0")[:-1],
                request.route_path("blog.person", id="0")[:-1],
                request.route_path("accounts.avatar", user_id="0", version="0")[:-3],
            )
        self._to = known
        self._localizer, self._language, self._zone = request.localizer, request.locale_name, zone_of(request)

    def post(self, post_id: int) -> Markup:
        """The path of a post."""
        return Markup(f"{self._to.post}{post_id}")  # noqa: S704 - a path of ours and a number

    def profile(self, username: str) -> str:
        """The path of a member's page."""
        return self._to.profile + _quoted(username)

    def picture(self, row: Any) -> Markup:
        """The picture that the author of a post or comment uploaded. No macro: a page shows fifty."""
        return _image(f"{self._to.avatar}{row.author_id}/{row.avatar_version}")

    def tag(self, name: str) -> str:
        """The path of a tag's page."""
        return self._to.tag + _quoted(name)

    @staticmethod
    def name(post_id: int, title: str, html: str) -> str:
        """What a post is called (`titles.name_of`)."""
        return name_of(post_id, title, html)

    def html(self, stored: str) -> Markup:
        """HTML that `markdown` made, with the links of its mentions."""
        return Markup(placed(stored, self._to.person))  # noqa: S704 - made and cleaned by `markdown`

    def time(self, raw: str | datetime) -> Markup:
        """The element that shows when something was written."""
        return _time(raw, self._language, self._zone)

    @staticmethod
    def moment(moment: datetime) -> str:
        """A moment as programs read it."""
        return moment.isoformat(timespec="seconds")

    def rows(self, listing: Listing) -> list[ShownPost]:
        """The posts of a list, ready to be shown."""
        to, language, zone, localizer = self._to, self._language, self._zone, self._localizer
        return [
            ShownPost(
                post_id,
                safe(f"{to.post}{post_id}"),  # a path of ours and a number
                title,
                title or name_of(post_id, title, summary),
                byline and byline.lstrip(),
                _author(byline, to.profile) if byline else NOTHING,
                _time(listed_at, language, zone),
                safe(placed(summary, to.person)),  # made and cleaned by `markdown`
                is_long,
                _comments_text(comment_count, localizer),
                _tags(tag_names, to.tag) if tag_names else NOTHING,
            )
            for post_id, listed_at, title, summary, is_long, comment_count, tag_names, byline in listing.rows
        ]


def shown_html(request: Request, stored: str) -> Markup:
    """`request.blog_html(post.html)`: HTML that `markdown` made, as it is shown to this visitor."""
    return Look(request).html(stored)


class _Beginnings(NamedTuple):
    post: str
    profile: str
    tag: str
    person: str
    avatar: str


_BEGINNINGS = "blog.beginnings"
#: Pixels of the picture beside a text.
_PICTURE = 28


@lru_cache(maxsize=4096)
def _image(source: str) -> Markup:
    return Markup('<img class="avatar" src="{}" alt="" width="{}" height="{}">').format(source, _PICTURE, _PICTURE)


@lru_cache(maxsize=4096)
def _quoted(name: str) -> str:
    # As Pyramid's route_path does it; a name may hold a slash.
    quoted: str = quote_path_segment(name, safe="/~!$&'()*+,;=:@")
    return quoted


@lru_cache(maxsize=4096)
def _author(byline: str, beginning: str) -> Markup:
    username = byline.lstrip()
    if username != byline:
        return Markup('<span class="post-author">{}</span>').format(username)
    return Markup('<a href="{}" class="post-author">{}</a>').format(beginning + _quoted(username), username)


@lru_cache(maxsize=4096)
def _tags(names: str, beginning: str) -> Markup:
    link = Markup('<a href="{}" class="post-tag" rel="tag">#{}</a>')
    return Markup(" ").join(link.format(beginning + _quoted(name), name) for name in names.split())


@lru_cache(maxsize=1024)
def _comments_text(number: int, localizer: Any) -> Markup:
    # By the name that `make messages` looks for.
    ngettext = localizer.pluralize
    text = ngettext("%(count)s comment", "%(count)s comments", number, domain=DOMAIN)
    return escape(text % {"count": number})


@lru_cache(maxsize=4096)
def _time(raw: str | datetime, language: str, zone: str | None) -> Markup:
    return show_local_time(moment_of(raw), language, zone)


@dataclass(frozen=True)
class Reader:
    """Who reads a post: their id (0 for nobody), and whether they see what is hidden."""

    user_id: int = 0
    moderates: bool = False


_POST = (
    select(
        Post.id, Post.title, Post.html, Post.body, Post.tag_names, Post.comment_count, Post.published_at,
        Post.edited_at, Post.listed_at, Post.hidden_at, Post.hidden_reason, Post.author_id, User.username, User.name,
        User.has_profile, User.avatar_version,
    )
    .outerjoin(User, User.id == Post.author_id)
    .where(Post.id == bindparam("id"))
    .where(
        Post.listed_at.is_not(None)
        | (Post.author_id == bindparam("me"))
        | (bindparam("moderates", type_=Boolean()) & Post.published_at.is_not(None))
    )
)  # fmt: skip

#: What is shown of a comment below its post, beside who wrote it.
_OF_COMMENT = (
    Comment.id, Comment.html, Comment.created_at, Comment.edited_at, Comment.hidden_at, Comment.hidden_reason,
    Comment.author_id, User.username, User.has_profile, User.avatar_version,
)  # fmt: skip
#: What everybody sees of the comments, and the rest. Each has indexes of its own: none of the other is passed.
SHOWN, HIDDEN = Comment.hidden_at.is_(None), Comment.hidden_at.is_not(None)
_ID = select(Comment.id)


def one_post(connection: Connection, post_id: int, reader: Reader) -> Any:
    """The row of a post that this reader may see, or None. One statement."""
    return connection.execute(_POST, {"id": post_id, "me": reader.user_id, "moderates": reader.moderates}).one_or_none()


def comments_of(connection: Connection, post_id: int, reader: Reader, bounds: Bounds, limit: int) -> Part:
    """Comments on a post that this reader may see, oldest first. One statement."""
    return _comments_of(connection, post_id, reader, bounds, limit, with_version=False)


def comments_for_programs(connection: Connection, post_id: int, reader: Reader, bounds: Bounds, limit: int) -> Part:
    """The same with the version of each."""
    return _comments_of(connection, post_id, reader, bounds, limit, with_version=True)


def _comments_of(
    connection: Connection, post_id: int, reader: Reader, bounds: Bounds, limit: int, *, with_version: bool
) -> Part:
    find = partial(_on_post, with_version, reader.moderates, reader.user_id != 0)
    values = {"post_id": post_id, "author_id": reader.user_id}
    return comments_part(connection, find, bounds, limit, values, ascending=True)


@cache
def _on_post(with_version: bool, moderates: bool, is_member: bool, dialect: str, descending: bool) -> Rows:
    kinds = [Kind(_ID if moderates else _ID.where(SHOWN), (Comment.post_id,))]
    if is_member and not moderates:
        kinds.append(Kind(_ID.where(HIDDEN), (Comment.author_id, Comment.post_id)))
    statement = select(*_OF_COMMENT, *([Comment.version] if with_version else []))
    found = found_comments(statement, kinds, dialect, descending=descending)
    return found.outerjoin(User, User.id == Comment.author_id)


def comments_part(
    connection: Connection,
    find: Callable[[str, bool], Rows],
    bounds: Bounds,
    limit: int,
    values: Mapping[str, Any],
    *,
    ascending: bool = False,
) -> Part:
    """The comments that a statement of `found_comments` gives, as `part` does. One statement.

    `find` gives it for a dialect, and for whether what has the highest id comes first.
    """
    turned = bool(bounds.below if ascending else bounds.above)
    descending = ascending == turned
    edge = bounds.below or LARGEST_ID if descending else bounds.above
    statement = find(connection.dialect.name, descending)
    found = connection.execute(statement, {**values, "edge": edge, "limit": limit + 1}).all()
    return _part_of(found, turned, bounds, limit)


class Kind(NamedTuple):
    """Comments (a statement of their ids) of which an index has those that are alike in these columns together."""

    ids: Select[int]
    columns: tuple[Any, ...]


def found_comments(statement: Rows, kinds: Sequence[Kind], dialect: str, *, descending: bool) -> Rows:
    """`statement` for comments of some kinds in the order of their ids; each column is the parameter of its name.

    They begin behind the parameter `edge`. Of each kind no more than a page is read, from its index.
    """
    found = union_all(*(_page(kind, dialect, descending=descending) for kind in kinds)).subquery("found")
    joined = statement.select_from(found).join(Comment, Comment.id == found.c.id)
    return joined.order_by(Comment.id.desc() if descending else Comment.id).limit(LIMIT)


def _page(kind: Kind, dialect: str, *, descending: bool) -> Rows:
    key, columns, edge = Comment.id, kind.columns, bindparam("edge", type_=Integer())
    these = [bindparam(column.key, type_=Integer()) for column in columns]
    if dialect == "postgresql":
        # A place in the index and the rows behind it, with no word of where they end: of few that are alike it reads
        # all and sorts them, or it looks for many in the index of all ids, and takes the one for the other. Nor is it
        # told which they are, but has to ask for that: it would plan anew at each visit.
        order, place = [*columns, key], tuple_(*(select(this).scalar_subquery() for this in these), edge)
        behind = [tuple_(*order) < place if descending else tuple_(*order) > place]
    else:
        order = [key]
        behind = [*map(eq, columns, these), key < edge if descending else key > edge]
    ordered_by = (each.desc() if descending else each for each in order)
    page = kind.ids.add_columns(*columns).where(*behind).order_by(*ordered_by).limit(LIMIT).subquery()
    # On PostgreSQL it may have gone on with what comes next in the index.
    return select(page.c.id).where(*(page.c[column.key] == this for column, this in zip(columns, these, strict=True)))


_BEFORE = (
    select(Comment.id)
    .where(Comment.post_id == bindparam("post"), Comment.id < bindparam("comment"))
    .order_by(Comment.id.desc())
    .limit(bindparam("most", type_=Integer))
)


def beginning_around(connection: Connection, post_id: int, comment_id: int, limit: int) -> int:
    """The id behind which a page of `limit` comments begins that has this one; 0 for the first page. One statement.

    What stands in front of the comment is counted no farther than a page.
    """
    ids = connection.scalars(_BEFORE, {"post": post_id, "comment": comment_id, "most": limit}).all()
    # In the middle of the page: with what it answers to, and with what answers to it.
    return 0 if len(ids) < limit else ids[limit // 2]


#: Whether some post that everybody sees has the tag.
IS_LISTED = (
    select(PostTag.post_id).where(PostTag.tag_id == Tag.id, PostTag.listed_at.is_not(None)).correlate(Tag).exists()
)


def tag_id(connection: Connection, name: str) -> int | None:
    """The id of a tag that some listed post has: what drafts are about is nobody's business (ACL-02). One statement."""
    found: int | None = connection.scalar(select(Tag.id).where(Tag.name == name, IS_LISTED))
    return found


def member(connection: Connection, user_id: int, *, left_too: bool = False) -> Any:
    """The row of a member who has a profile (id, username, name, created_at, has_profile), or None. One statement.

    With `left_too`, for moderators, also of who had one once, and is disabled or about to leave.
    """
    columns = (User.id, User.username, User.name, User.created_at, User.has_profile.label("has_profile"))
    is_there = User.confirmed_at.is_not(None) if left_too else User.has_profile
    return connection.execute(select(*columns).where(User.id == user_id, is_there)).one_or_none()
