"""What is decided about all that a member wrote: a portion at once, and what is more by a job, portion by portion.

`hiding` hides it, and `showing` shows again what one such decision hid. A portion has the same few statements however
much it holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from flasky.jobs.models import BackgroundJob, Status
from flasky.jobs.services import enqueue
from flasky.languages import _
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Refused, Work
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.moderation import leaves_out, moderator
from flasky.plugins.blog.storage import hold_members, holding

#: One transaction takes so many posts, and as many comments.
AT_ONCE = 100
_JOB = "blog.hide_all"
_POSTS_ABOVE = select(Comment.post_id).where(Comment.id.in_(bindparam("comments", expanding=True)))
#: Holds a member and the moderator (`storage.hold_members`), and whom a comment that is shown again may call of those
#: whose posts are locked for their numbers of comments.
_MEMBERS = holding(
    select(bindparam("user", type_=Integer())).union(
        select(bindparam("moderator", type_=Integer())), select(Post.author_id).where(Post.id.in_(_POSTS_ABOVE))
    )
)


class Number(NamedTuple):
    """How many posts and comments; `more` says that there are others."""

    posts: int
    comments: int
    more: bool = False

    @property
    def is_any(self) -> bool:
        """Whether there is one of either."""
        return bool(self.posts or self.comments)


class Order(NamedTuple):
    """What a moderator decided, as the arguments of the job: about whom, and whether it is hidden or shown.

    `until` is the moment at which it was decided to hide, and `reason` why: what was published up to then is hidden,
    each as of this moment, by which all of it is found to be shown again. Comments up to `after` are done, and posts up
    to `after_post`: what a moderator decides otherwise meanwhile stays.
    """

    user_id: int
    moderator_id: int
    reason: str
    until: str
    after: int = 0
    after_post: int = 0
    kind: str = "hidden"

    @property
    def moment(self) -> datetime:
        """The moment at which it was decided to hide."""
        return datetime.fromisoformat(self.until)


class Things(NamedTuple):
    """The ids of posts and comments; `more` says that a job does others."""

    posts: list[int]
    comments: list[int]
    more: bool = False

    @property
    def number(self) -> Number:
        """How many they are."""
        return Number(len(self.posts), len(self.comments), self.more)


def check_decides_about(work: Work, user: User) -> int:
    """The id of whoever asks, who may decide about all of a member. Raises NotAllowed, and Refused for oneself.

    About oneself one decides where nobody else can.
    """
    me = moderator(work)
    if user.id == me and leaves_out(work):
        raise Refused(_("This is your own: another moderator decides about it."))
    return me


def is_begun(work: Work, order: Order) -> bool:
    """Whether a job does the rest of it just now, so that it was sent twice.

    Raises Refused while the rest of another decision about this member is to be done: one would undo what the other
    does.
    """
    # Of two who ask at once the second waits here, and then finds the job of the first.
    work.db.execute(select(User.id).where(User.id == order.user_id).with_for_update(key_share=True))
    begun = _under_way(work.db, order)
    if begun is None:
        return False
    # Who hides all of it, whatever their reason, wants what is being done.
    if begun.kind == order.kind and (order.kind == "hidden" or begun.until == order.until):
        return True
    raise Refused(_("What a moderator decided about this member is still being done. Try again in a few minutes."))


def _under_way(db: Session, order: Order) -> Order | None:
    job = BackgroundJob
    waiting = select(job.arguments).where(job.name == _JOB, job.status.in_((Status.QUEUED, Status.RUNNING)))
    found = db.scalar(waiting.where(job.arguments["user_id"].as_integer() == order.user_id).limit(1))
    # A job of the version before says when the member joined, too.
    return Order(**{name: found[name] for name in Order._fields if name in found}) if found else None


def take(work: Work, order: Order, posts: ColumnElement[bool], comments: ColumnElement[bool]) -> Things:
    """The next portion of the posts and comments for which these conditions hold, locked; a job does what is left."""
    some_posts = _some(work.db, Post, posts, order.after_post)
    some_comments = _some(work.db, Comment, comments, order.after)
    more = len(some_posts) > AT_ONCE or len(some_comments) > AT_ONCE
    if more:
        rest = order._replace(after=_last(some_comments, order.after), after_post=_last(some_posts, order.after_post))
        enqueue(work.registry, work.db, _JOB, **rest._asdict())
    found = Things(some_posts[:AT_ONCE], some_comments[:AT_ONCE], more)
    return _locked(work.db, order, found, posts, comments)


def _some(db: Session, model: type[Post] | type[Comment], condition: ColumnElement[bool], after: int) -> list[int]:
    wanted = select(model.id).where(condition, model.id > after)
    return list(db.scalars(wanted.order_by(model.id).limit(AT_ONCE + 1)))


def _last(ids: list[int], before: int) -> int:
    return ids[:AT_ONCE][-1] if ids else before


def _locked(
    db: Session, order: Order, found: Things, posts: ColumnElement[bool], comments: ColumnElement[bool]
) -> Things:
    """What of these fits still, and nobody else changes; in the order of `storage.hold_members`."""
    values = {"user": order.user_id, "moderator": order.moderator_id, "comments": found.comments}
    hold_members(db, _MEMBERS, values)
    # The posts below which the comments stand, too: their numbers change.
    above = select(Comment.post_id).where(Comment.id.in_(found.comments))
    rows = select(Post.id, posts.label("fits")).where(or_(Post.id.in_(found.posts), Post.id.in_(above)))
    locked = db.execute(rows.order_by(Post.id).with_for_update(key_share=True)).all()
    still = select(Comment.id).where(Comment.id.in_(found.comments), comments).order_by(Comment.id)
    return Things(
        [row.id for row in locked if row.fits and row.id in set(found.posts)],
        list(db.scalars(still.with_for_update(key_share=True))),
        found.more,
    )


def is_hidden_by(model: type[Post] | type[Comment], author_id: Any, moment: Any, reason: Any) -> ColumnElement[bool]:
    """Whether a post or comment is hidden by the decision that hid all of this member, at this moment and for this."""
    # By the index of what is hidden, not by one of authors: by that all hidden comments of the member would be read.
    is_theirs = model.author_id + 0 == author_id
    return and_(model.hidden_at == moment, is_theirs, model.hidden_reason == reason)


def below_each(db: Session, ids: list[int], factor: int) -> dict[int, int]:
    """How many of these comments stand below each post (its id), times `factor`."""
    below = select(Comment.post_id, func.count()).where(Comment.id.in_(ids)).group_by(Comment.post_id)
    return {post_id: factor * number for post_id, number in db.execute(below)}
