"""What moderators look at: open reports, by what they are about, and what is hidden. It only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, null, or_, select, type_coerce
from sqlalchemy.orm import aliased
from sqlalchemy.types import NullType

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import Comment, Post, Report
from flasky.plugins.blog.moderation import moderator
from flasky.plugins.blog.reading import Bounds, Cursor, Listing, Part, Rows, Way, listing_of, ordered, part

#: Posts and comments on a page.
PAGE = 20
#: How many of the reports about one thing a list shows, and the page on which it is decided.
_IN_LIST, _ON_PAGE = 5, 50
_BEGINNING = Bounds()
_AUTHOR, _MODERATOR, _OTHER = aliased(User), aliased(User), aliased(Report)


class Reported(NamedTuple):
    """A post or comment with open reports: how many, and the oldest of them; `about` is its row."""

    about: Any
    number: int
    told: Sequence[Any]


def reports(work: Work, bounds: Bounds = _BEGINNING, limit: int = PAGE) -> Part:
    """What open reports are about, a `Reported` each, what waits longest first. Two statements. Raises NotAllowed."""
    moderator(work)
    with work.reading() as connection:
        found = part(connection, _reported(), Report.id, bounds, limit, ascending=True)
        posts = [row.post_id for row in found.rows if row.comment_id is None]
        comments = [row.comment_id for row in found.rows if row.comment_id is not None]
        told = _told(connection, posts, comments, most=_IN_LIST)
    # Between the two statements another moderator may have answered some.
    rows = [Reported(row, told[_key(row)][0].number, told[_key(row)]) for row in found.rows if told[_key(row)]]
    return Part(rows, found.back, found.on)


def reports_about(work: Work, thing: Post | Comment) -> Reported:
    """A post or comment with its open reports, the oldest 50 of them. One statement. Raises NotAllowed."""
    moderator(work)
    ids = ([thing.id], []) if isinstance(thing, Post) else ([], [thing.id])
    told = [row for rows in _told(work.db.connection(), *ids, most=_ON_PAGE).values() for row in rows]
    return Reported(thing, told[0].number if told else 0, told)


def hidden(
    work: Work, model: type[Post] | type[Comment], way: Way, cursor: Cursor | None, limit: int = PAGE
) -> Listing:
    """The hidden posts or comments, what was hidden last first. One statement. Raises NotAllowed."""
    moderator(work)
    with work.reading() as connection:
        return listing_of(connection, _hidden(model, way), way, cursor, limit)


@cache
def _reported() -> Rows:
    """What has open reports, each by its oldest, so that its place in the list stays while more arrive."""
    older = select(_OTHER.id).where(_OTHER.resolved_at.is_(None), _OTHER.id < Report.id)
    is_post = Report.comment_id.is_(None)
    return (
        select(
            Report.id,
            Post.id.label("post_id"),
            Report.comment_id,
            Post.title,
            Post.is_long,
            case((is_post, Post.summary), else_=Comment.html).label("html"),
            _AUTHOR.username,
            _AUTHOR.has_profile,
        )
        .outerjoin(Comment, Comment.id == Report.comment_id)
        .join(Post, Post.id == func.coalesce(Report.post_id, Comment.post_id))
        .outerjoin(_AUTHOR, _AUTHOR.id == case((is_post, Post.author_id), else_=Comment.author_id))
        .where(
            Report.resolved_at.is_(None),
            # Each by its own index. Asked with OR, SQLite looks through all open reports for each of them.
            ~older.where(_OTHER.post_id == Report.post_id).exists(),
            ~older.where(_OTHER.comment_id == Report.comment_id).exists(),
        )
    )


def _told(
    connection: Connection, posts: Collection[int], comments: Collection[int], most: int
) -> Mapping[tuple[int | None, int | None], Sequence[Any]]:
    """The oldest open reports about each of these, at most so many, and their whole number."""
    each = (Report.post_id, Report.comment_id)
    place = func.row_number().over(partition_by=each, order_by=Report.id)
    numbered = (
        select(
            Report.id, Report.post_id, Report.comment_id, Report.reason, Report.created_at, User.username,
            place.label("place"), func.count().over(partition_by=each).label("number"),
        )
        .outerjoin(User, User.id == Report.reporter_id)
        .where(Report.resolved_at.is_(None), or_(Report.post_id.in_(posts), Report.comment_id.in_(comments)))
        .subquery("numbered")
    )  # fmt: skip
    found: dict[tuple[int | None, int | None], list[Any]] = defaultdict(list)
    for row in connection.execute(select(numbered).where(numbered.c.place <= most).order_by(numbered.c.id)):
        found[_key(row)].append(row)
    return found


def _key(row: Any) -> tuple[int | None, int | None]:
    return (None if row.comment_id else row.post_id), row.comment_id


@cache
def _hidden(model: type[Post] | type[Comment], way: Way) -> Rows:
    is_post = model is Post
    statement = select(
        model.id,
        # By what this list is ordered.
        type_coerce(model.hidden_at, NullType()).label("listed_at"),
        Post.id.label("post_id"),
        (null() if is_post else Comment.id).label("comment_id"),
        Post.title,
        Post.is_long,
        (Post.summary if is_post else Comment.html).label("html"),
        _AUTHOR.username,
        _AUTHOR.has_profile,
        _MODERATOR.username.label("moderator"),
        _MODERATOR.has_profile.label("moderator_has_profile"),
        model.hidden_at,
        model.hidden_reason,
        case((model.edited_at > model.hidden_at, model.edited_at)).label("edited_since"),
    ).select_from(model)
    if not is_post:
        statement = statement.join(Post, Post.id == Comment.post_id)
    statement = (
        statement.outerjoin(_AUTHOR, _AUTHOR.id == model.author_id)
        .outerjoin(_MODERATOR, _MODERATOR.id == model.hidden_by_id)
        # Said in so many words, it has both databases read the index of what is hidden.
        .where(model.hidden_at.is_not(None))
    )
    return ordered(statement, model.hidden_at, model.id, way)
