"""Hiding all that a member wrote, with one reason: a portion at once, and what is more by a job, portion by portion.

The rules are those of a single decision (`moderation.hide`), but for two. Nobody reads each text before: it is the
member whom a moderator has judged. And the member is told once. A portion has the same few statements however much it
holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pyramid.request import Request
from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.orm import joinedload

from flasky.jobs.models import BackgroundJob, Status
from flasky.jobs.services import enqueue
from flasky.languages import _
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Refused, Work, work_of
from flasky.plugins.blog import comments, notices
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.events import CommentHidden, PostHidden
from flasky.plugins.blog.mentions import since
from flasky.plugins.blog.models import Comment, Decision, Post, PostTag, Report
from flasky.plugins.blog.moderation import checked_reason, leaves_out, moderator, note
from flasky.plugins.blog.storage import changed, hold_members, holding, lists_changed

#: Holds a member (`storage.hold_members`).
_MEMBER = holding(select(bindparam("user")))
#: One transaction takes so many posts, and as many comments.
_AT_ONCE = 100
#: Beyond that nobody counts.
MOST_COUNTED = 1000
_JOB = "blog.hide_all"


class Number(NamedTuple):
    """How many posts and comments; `more` says that there are others."""

    posts: int
    comments: int
    more: bool = False


class _Order(NamedTuple):
    """What a moderator decided, as the arguments of the job: about whom, and up to which moment of publishing.

    `joined` tells the member from another whom SQLite gives their number. Comments up to `after` are done, and posts up
    to `after_post`: what a moderator has shown again meanwhile stays.
    """

    user_id: int
    joined: int
    moderator_id: int
    reason: str
    until: str
    after: int = 0
    after_post: int = 0


def find(work: Work, user_id: int) -> User:
    """The member about whom whoever asks may decide at once. Raises NotAllowed, NotThere, and Refused for oneself.

    Who is shut out or about to leave is there; who never confirmed an address is not: they wrote nothing.
    """
    moderator(work)
    user = work.db.get(User, user_id)
    if user is None or user.confirmed_at is None:
        raise NotThere
    _check(work, user)
    return user


def _check(work: Work, user: User) -> int:
    me = moderator(work)
    if user.id == me and leaves_out(work):
        raise Refused(_("This is your own: another moderator decides about it."))
    return me


def extent(work: Work, user: User) -> Number:
    """How much of a member others see now, counted up to 1001 of each. One statement; it only reads."""
    counted = [
        select(func.count()).select_from(ids.limit(MOST_COUNTED + 1).subquery()).scalar_subquery()
        for ids in (
            select(Post.id).where(_is_shown_post(user.id)),
            select(Comment.id).where(Comment.author_id == user.id, Comment.hidden_at.is_(None)),
        )
    ]
    with work.reading() as connection:
        return Number(*connection.execute(select(*counted)).one())


def hide_all(work: Work, user: User, reason: str) -> Number:
    """Hide the posts and comments of a member that others see, answer their reports and tell the member once.

    Returns what is hidden in this transaction; a job does the rest. While that is to be done nothing is begun here:
    what is sent twice would decide about the next portion. Drafts stay, and what was hidden keeps its reason.
    Raises NotAllowed, Refused for oneself where somebody else moderates, and Fault.
    """
    me = _check(work, user)
    order = _Order(user.id, since(user.created_at), me, checked_reason(reason), work.now().isoformat())
    if _is_begun(work, order):
        return Number(0, 0, more=True)
    done, answered = _hide_some(work, order)
    if done.posts or done.comments:
        note(work, me, "hidden", user, reason=order.reason, reports=answered)
        notices.tell_all_hidden(work, user.id, order.reason)
        lists_changed(work.db)
    return done


def _is_begun(work: Work, order: _Order) -> bool:
    # Of two who ask at once the second waits here, and then finds the job of the first.
    work.db.execute(select(User.id).where(User.id == order.user_id).with_for_update(key_share=True))
    job = BackgroundJob
    waiting = select(job.id).where(job.name == _JOB, job.status.in_((Status.QUEUED, Status.RUNNING)))
    theirs = waiting.where(
        job.arguments["user_id"].as_integer() == order.user_id,
        # Seconds, which from 2038 on are no integer of PostgreSQL's any more.
        job.arguments["joined"].as_float() == order.joined,
    )
    return work.db.scalar(theirs.limit(1)) is not None


def go_on(
    request: Request,
    user_id: int,
    joined: int,
    moderator_id: int,
    reason: str,
    until: str,
    after: int,
    after_post: int = 0,
) -> None:
    """The job `blog.hide_all`: hide the next portion; what is left, another one does."""
    work = work_of(request)
    user = work.db.get(User, user_id)
    if user is not None and since(user.created_at) == joined:
        order = _Order(user_id, joined, moderator_id, reason, until, after, after_post)
        _done, answered = _hide_some(work, order)
        if answered:
            # The newest about all of them: another begins only when this is done.
            newest = select(func.max(Decision.id)).where(Decision.author_id == user_id, Decision.about == "all")
            more = update(Decision).where(Decision.id == newest.scalar_subquery())
            changed(work.db, more.values(reports=Decision.reports + answered))
        lists_changed(work.db)


def _hide_some(work: Work, order: _Order) -> tuple[Number, int]:
    """Hide a portion, and answer its reports; how much that was, and how many were answered."""
    until = datetime.fromisoformat(order.until)
    is_shown = _is_shown_post(order.user_id) & (Post.listed_at <= until) & (Post.id > order.after_post)
    posts = list(work.db.scalars(select(Post.id).where(is_shown).order_by(Post.id).limit(_AT_ONCE + 1)))
    is_said = (Comment.author_id == order.user_id) & Comment.hidden_at.is_(None) & (Comment.created_at <= until)
    wanted = select(Comment.id).where(is_said, Comment.id > order.after).order_by(Comment.id)
    said = list(work.db.scalars(wanted.limit(_AT_ONCE + 1)))
    if len(posts) > _AT_ONCE or len(said) > _AT_ONCE:
        last = order._replace(after=_last(said, order.after), after_post=_last(posts, order.after_post))
        enqueue(work.registry, work.db, _JOB, **last._asdict())
    done = _locked(work, order, posts[:_AT_ONCE], said[:_AT_ONCE])
    if done.posts:
        _hide_posts(work, order, done.posts)
    if done.comments:
        _hide_comments(work, order, done.comments)
    answered = _answer(work, order, done) if done.posts or done.comments else 0
    return Number(len(done.posts), len(done.comments), len(posts) > _AT_ONCE or len(said) > _AT_ONCE), answered


def _last(ids: list[int], before: int) -> int:
    return ids[:_AT_ONCE][-1] if ids else before


class _Things(NamedTuple):
    """The ids of posts and comments."""

    posts: list[int]
    comments: list[int]


def _locked(work: Work, order: _Order, posts: list[int], said: list[int]) -> _Things:
    """What of these is there to be hidden still, and nobody else changes; in the order of `storage.hold_members`."""
    hold_members(work.db, _MEMBER, {"user": order.user_id})
    # The posts below which the comments stand, too: their numbers change.
    above = select(Comment.post_id).where(Comment.id.in_(said))
    rows = select(Post.id, Post.listed_at).where(or_(Post.id.in_(posts), Post.id.in_(above))).order_by(Post.id)
    found = work.db.execute(rows.with_for_update(key_share=True)).all()
    still = select(Comment.id).where(Comment.id.in_(said), Comment.hidden_at.is_(None)).order_by(Comment.id)
    return _Things(
        [row.id for row in found if row.listed_at is not None and row.id in set(posts)],
        list(work.db.scalars(still.with_for_update(key_share=True))),
    )


def _is_shown_post(user_id: int) -> ColumnElement[bool]:
    return (Post.author_id == user_id) & Post.listed_at.is_not(None)


def _decision(work: Work, order: _Order) -> dict[str, object]:
    # Who decided may have left while the job waited.
    decided_by = select(User.id).where(User.id == order.moderator_id).scalar_subquery()
    return {"hidden_at": work.now(), "hidden_by_id": decided_by, "hidden_reason": order.reason}


def _hide_posts(work: Work, order: _Order, ids: list[int]) -> None:
    # Not through the session, as `moderation` says.
    changed(work.db, update(Post).where(Post.id.in_(ids)).values(listed_at=None, **_decision(work, order)))
    changed(work.db, update(PostTag).where(PostTag.post_id.in_(ids)).values(listed_at=None))
    found = select(Post).where(Post.id.in_(ids)).order_by(Post.id).execution_options(populate_existing=True)
    for post in work.db.scalars(found):
        work.registry.notify(PostHidden(work, post))


def _hide_comments(work: Work, order: _Order, ids: list[int]) -> None:
    changed(work.db, update(Comment).where(Comment.id.in_(ids)).values(**_decision(work, order)))
    below = select(Comment.post_id, func.count()).where(Comment.id.in_(ids)).group_by(Comment.post_id)
    comments.count_each(work, {post_id: -number for post_id, number in work.db.execute(below)})
    found = select(Comment).where(Comment.id.in_(ids)).order_by(Comment.id).options(joinedload(Comment.post))
    for comment in work.db.scalars(found.execution_options(populate_existing=True)):
        work.registry.notify(CommentHidden(work, comment))


def _answer(work: Work, order: _Order, done: _Things) -> int:
    about = or_(Report.post_id.in_(done.posts), Report.comment_id.in_(done.comments))
    answered_by = _decision(work, order)["hidden_by_id"]
    open_ones = update(Report).where(about, Report.resolved_at.is_(None))
    return changed(work.db, open_ones.values(resolved_at=work.now(), resolved_by_id=answered_by))
