"""What moderators look at: open reports, by what they are about, what is hidden, what was decided. It only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, and_, bindparam, case, func, null, or_, select, type_coerce
from sqlalchemy.orm import aliased
from sqlalchemy.types import NullType

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import Comment, Decision, Post, Report
from flasky.plugins.blog.moderation import check_decides, leaves_out
from flasky.plugins.blog.portions import is_hidden_by
from flasky.plugins.blog.reading import Bounds, Cursor, Listing, Part, Rows, Way, listing_of, ordered, part
from flasky.plugins.blog.titles import OPENING

#: Posts and comments on a page.
PAGE = 20
#: How many of the reports about one thing a list shows, and the page on which it is decided.
_IN_LIST, MOST_SHOWN = 5, 50
_BEGINNING = Bounds()
_AUTHOR, _MODERATOR, _OTHER = aliased(User), aliased(User), aliased(Report)
#: Whose texts are left out (`moderation.leaves_out`).
_OWN = bindparam("own", type_=Integer())


class Reported(NamedTuple):
    """A post or comment with open reports: how many, and the oldest of them; `about` is its row.

    `edited_since` is when its author changed it last, if that was after one of them, or after it was hidden. That alone
    can be why it is there (`notices.tell_moderators`). `seen` says what is shown, for a form: each report, and that
    change, as a `Cursor`, with blanks between them.
    """

    about: Any
    number: int
    told: Sequence[Any]
    edited_since: datetime | None
    seen: str


def reports(work: Work, bounds: Bounds = _BEGINNING, limit: int = PAGE) -> Part:
    """What open reports are about, a `Reported` each, what waits longest first. Three statements. Raises NotAllowed.

    What is hidden and was changed by its author since is among it until a moderator decides again.
    One's own is left out (`moderation.leaves_out`): who reported it is not told to whom they reported.
    """
    values = {"own": leaves_out(work)}
    with work.reading() as connection:
        found = part(connection, _reported(), Report.id, bounds, limit, ascending=True, values=values)
        posts = [row.post_id for row in found.rows if row.comment_id is None]
        comments = [row.comment_id for row in found.rows if row.comment_id is not None]
        told = _told(connection, posts, comments, most=_IN_LIST)
    # Between the two statements another moderator may have answered some.
    rows = [_with(row, told[_key(row)]) for row in found.rows if told[_key(row)]]
    return Part(rows, found.back, found.on)


def _with(about: Any, waiting: Sequence[Any]) -> Reported:
    told = [row for row in waiting if row.reason]
    seen = " ".join(str(Cursor(row.created_at, row.id)) for row in waiting)
    edited_since = _edited_since(about.edited_at, told, about.hidden_at)
    return Reported(about, waiting[0].number if waiting else 0, told, edited_since, seen)


def reports_about(work: Work, thing: Post | Comment) -> Reported:
    """A post or comment with its open reports, the oldest 50 of them. One statement, two for one's own.

    Raises NotAllowed, and Refused (`moderation.check_decides`).
    """
    check_decides(work, thing)
    ids = ([thing.id], []) if isinstance(thing, Post) else ([], [thing.id])
    told = [row for rows in _told(work.db.connection(), *ids, most=MOST_SHOWN).values() for row in rows]
    return _with(thing, told)


def _edited_since(edited_at: datetime | None, told: Sequence[Any], hidden_at: datetime | None) -> datetime | None:
    said = [*(row.created_at for row in told), *([hidden_at] if hidden_at else [])]
    return edited_at if edited_at and any(moment < edited_at for moment in said) else None


def hidden(
    work: Work, model: type[Post] | type[Comment], way: Way, cursor: Cursor | None, limit: int = PAGE
) -> Listing:
    """The hidden posts or comments, what was hidden last first, but for one's own. Two statements.

    Raises NotAllowed.
    """
    own = leaves_out(work)
    with work.reading() as connection:
        return listing_of(connection, _hidden(model, way), way, cursor, limit, own=own)


def decisions(work: Work, bounds: Bounds = _BEGINNING, limit: int = PAGE) -> Part:
    """What moderators decided, the last first, but for what is about one's own (`hidden`). Two statements.

    Of what hid all of a member a row says whether some of that `is_hidden_still`, by this decision (`showing`).

    Raises NotAllowed.
    """
    values = {"own": leaves_out(work)}
    with work.reading() as connection:
        return part(connection, _decisions(), Decision.id, bounds, limit, values=values)


@cache
def _decisions() -> Rows:
    return (
        select(
            Decision.id,
            Decision.kind,
            Decision.about,
            Decision.comment_id,
            Decision.reason,
            Decision.reports,
            Decision.created_at,
            Decision.author_id,
            Post.id.label("post_id"),
            Post.title,
            OPENING,
            _AUTHOR.username,
            _AUTHOR.has_profile,
            _MODERATOR.username.label("moderator"),
            _MODERATOR.has_profile.label("moderator_has_profile"),
            and_(
                Decision.about == "all",
                Decision.kind == "hidden",
                or_(*(_is_hidden_still(model) for model in (Post, Comment))),
            ).label("is_hidden_still"),
        )
        .outerjoin(Comment, Comment.id == Decision.comment_id)
        .outerjoin(Post, Post.id == func.coalesce(Decision.post_id, Comment.post_id))
        .outerjoin(_AUTHOR, _AUTHOR.id == Decision.author_id)
        .outerjoin(_MODERATOR, _MODERATOR.id == Decision.moderator_id)
        .where(Decision.author_id.is_distinct_from(_OWN))
    )


def _is_hidden_still(model: type[Post] | type[Comment]) -> ColumnElement[bool]:
    thing = aliased(model)
    which = is_hidden_by(thing, Decision.author_id, Decision.created_at, Decision.reason)
    # One row, not EXISTS: for that PostgreSQL would make a table of all posts at each visit where decisions are many.
    one = select(thing.id).where(which).limit(1).correlate(Decision).scalar_subquery()
    is_there: ColumnElement[bool] = one.is_not(None)
    return is_there


@cache
def _reported() -> Rows:
    """What has open reports, each by its oldest, so that its place in the list stays while more arrive."""
    older = select(_OTHER.id).where(_OTHER.resolved_at.is_(None), _OTHER.id < Report.id)
    is_post = Report.comment_id.is_(None)
    author_id = case((is_post, Post.author_id), else_=Comment.author_id)
    return (
        select(
            Report.id,
            Post.id.label("post_id"),
            Report.comment_id,
            Post.title,
            OPENING,
            Post.is_long,
            case((is_post, Post.summary), else_=Comment.html).label("html"),
            case((is_post, Post.edited_at), else_=Comment.edited_at).label("edited_at"),
            case((is_post, Post.hidden_at), else_=Comment.hidden_at).label("hidden_at"),
            case((is_post, Post.hidden_reason), else_=Comment.hidden_reason).label("hidden_reason"),
            author_id.label("author_id"),
            _AUTHOR.username,
            _AUTHOR.has_profile,
        )
        .outerjoin(Comment, Comment.id == Report.comment_id)
        .join(Post, Post.id == func.coalesce(Report.post_id, Comment.post_id))
        .outerjoin(_AUTHOR, _AUTHOR.id == author_id)
        .where(
            Report.resolved_at.is_(None),
            author_id.is_distinct_from(_OWN),
            # Each by its own index. Asked with OR, SQLite looks through all open reports for each of them.
            ~older.where(_OTHER.post_id == Report.post_id).exists(),
            ~older.where(_OTHER.comment_id == Report.comment_id).exists(),
        )
    )


def _told(
    connection: Connection, posts: Collection[int], comments: Collection[int], most: int
) -> Mapping[tuple[int | None, int | None], Sequence[Any]]:
    """The oldest open reports about each of these, at most so many, and their whole number; first the author's."""
    each, is_told = (Report.post_id, Report.comment_id), case((Report.reason != "", 1), else_=0)
    place = func.row_number().over(partition_by=each, order_by=(is_told, Report.id))
    numbered = (
        select(
            Report.id, Report.post_id, Report.comment_id, Report.reason, Report.created_at, User.username,
            place.label("place"), func.sum(is_told).over(partition_by=each).label("number"),
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
        OPENING,
        Post.is_long,
        (Post.summary if is_post else Comment.html).label("html"),
        model.author_id,
        _AUTHOR.username,
        _AUTHOR.has_profile,
        _MODERATOR.username.label("moderator"),
        _MODERATOR.has_profile.label("moderator_has_profile"),
        model.hidden_at,
        model.hidden_reason,
        model.version,
        case((model.edited_at > model.hidden_at, model.edited_at)).label("edited_since"),
    ).select_from(model)
    if not is_post:
        statement = statement.join(Post, Post.id == Comment.post_id)
    statement = (
        statement.outerjoin(_AUTHOR, _AUTHOR.id == model.author_id)
        .outerjoin(_MODERATOR, _MODERATOR.id == model.hidden_by_id)
        # Said in so many words, it has both databases read the index of what is hidden.
        .where(model.hidden_at.is_not(None), model.author_id.is_distinct_from(_OWN))
    )
    return ordered(statement, model.hidden_at, model.id, way)
