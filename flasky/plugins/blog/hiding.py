"""Hiding all that a member wrote, with one reason (`portions`).

The rules are those of a single decision (`moderation.hide`), but for two. Nobody reads each text before: it is the
member whom a moderator has judged. And the member is told once.
"""

from __future__ import annotations

from pyramid.request import Request
from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import joinedload

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, work_of
from flasky.plugins.blog import comments, notices, portions, showing
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.events import CommentHidden, PostHidden
from flasky.plugins.blog.models import Comment, Decision, Post, PostTag, Report
from flasky.plugins.blog.moderation import checked_reason, moderator, note
from flasky.plugins.blog.portions import Number, Order, Things
from flasky.plugins.blog.storage import changed, lists_changed, lock

#: Beyond that nobody counts.
MOST_COUNTED = 1000


def find(work: Work, user_id: int) -> User:
    """The member about whom whoever asks may decide at once. Raises NotAllowed, NotThere, and Refused for oneself.

    Who is shut out or about to leave is there; who never confirmed an address is not: they wrote nothing.
    """
    moderator(work)
    user = work.db.get(User, user_id)
    if user is None or user.confirmed_at is None:
        raise NotThere
    portions.check_decides_about(work, user)
    return user


def extent(work: Work, user: User) -> Number:
    """How much of a member others see now, counted up to 1001 of each. One statement; it only reads."""
    counted = [
        select(func.count()).select_from(ids.limit(MOST_COUNTED + 1).subquery()).scalar_subquery()
        for ids in (
            select(Post.id).where(_is_shown_post(user.id)),
            select(Comment.id).where(_is_shown_comment(user.id)),
        )
    ]
    with work.reading() as connection:
        return Number(*connection.execute(select(*counted)).one())


def _is_shown_post(user_id: int) -> ColumnElement[bool]:
    return (Post.author_id == user_id) & Post.listed_at.is_not(None)


def _is_shown_comment(user_id: int) -> ColumnElement[bool]:
    return (Comment.author_id == user_id) & Comment.hidden_at.is_(None)


def hide_all(work: Work, user: User, reason: str) -> Number:
    """Hide the posts and comments of a member that others see, answer their reports and tell the member once.

    Returns what is hidden in this transaction; a job does the rest. While that is to be done nothing is begun here:
    what is sent twice would decide about the next portion. Drafts stay, and what was hidden keeps its reason.
    Raises NotAllowed, Fault, and Refused for oneself where somebody else moderates, and while what was hidden before is
    being shown again (`showing`).
    """
    me, now = portions.check_decides_about(work, user), work.now()
    order = Order(user.id, me, checked_reason(reason), now.isoformat())
    if portions.is_begun(work, order):
        return Number(0, 0, more=True)
    done, answered = _hide_some(work, order)
    if done.is_any:
        note(work, me, "hidden", user, reason=order.reason, reports=answered, at=now)
        notices.tell_all_hidden(work, user.id, order.reason)
        lists_changed(work.db)
    return done


def go_on(
    request: Request,
    user_id: int,
    moderator_id: int,
    reason: str,
    until: str,
    after: int,
    after_post: int = 0,
    kind: str = "hidden",
    joined: int = 0,
) -> None:
    """The job `blog.hide_all`: hide the next portion, or show it again; what is left, another one does.

    `joined` is what jobs of the version before have, and nobody asks for.
    """
    work = work_of(request)
    if work.db.get(User, user_id) is None:
        return
    order = Order(user_id, moderator_id, reason, until, after, after_post, kind)
    if kind == "shown":
        showing.show_some(work, order)
    else:
        _done, answered = _hide_some(work, order)
        if answered:
            this = (Decision.author_id == user_id) & (Decision.about == "all") & (Decision.created_at == order.moment)
            changed(work.db, update(Decision).where(this).values(reports=Decision.reports + answered))
    lists_changed(work.db)


def _hide_some(work: Work, order: Order) -> tuple[Number, int]:
    """Hide a portion, and answer its reports; how much that was, and how many were answered."""
    done = portions.take(
        work,
        order,
        _is_shown_post(order.user_id) & (Post.listed_at <= order.moment),
        _is_shown_comment(order.user_id) & (Comment.created_at <= order.moment),
    )
    if done.posts:
        _hide_posts(work, order, done.posts)
    if done.comments:
        _hide_comments(work, order, done.comments)
    return done.number, _answer(work, order, done) if done.number.is_any else 0


def _decision(order: Order) -> dict[str, object]:
    # Who decided may have left while the job waited.
    decided_by = select(User.id).where(User.id == order.moderator_id).scalar_subquery()
    return {"hidden_at": order.moment, "hidden_by_id": decided_by, "hidden_reason": order.reason}


def _hide_posts(work: Work, order: Order, ids: list[int]) -> None:
    # Not through the session, as `moderation` says.
    changed(work.db, update(Post).where(Post.id.in_(ids)).values(listed_at=None, **_decision(order)))
    changed(work.db, update(PostTag).where(PostTag.post_id.in_(ids)).values(listed_at=None))
    found = select(Post).where(Post.id.in_(ids)).order_by(Post.id).execution_options(populate_existing=True)
    for post in work.db.scalars(found):
        work.registry.notify(PostHidden(work, post))


def _hide_comments(work: Work, order: Order, ids: list[int]) -> None:
    changed(work.db, update(Comment).where(Comment.id.in_(ids)).values(**_decision(order)))
    comments.count_each(work, portions.below_each(work.db, ids, -1))
    found = select(Comment).where(Comment.id.in_(ids)).order_by(Comment.id).options(joinedload(Comment.post))
    for comment in work.db.scalars(found.execution_options(populate_existing=True)):
        work.registry.notify(CommentHidden(work, comment))


def _answer(work: Work, order: Order, done: Things) -> int:
    about = or_(Report.post_id.in_(done.posts), Report.comment_id.in_(done.comments))
    open_ones = about & Report.resolved_at.is_(None)
    lock(work.db, open_ones, Report.id)
    answered_by = _decision(order)["hidden_by_id"]
    answered = update(Report).where(open_ones).values(resolved_at=work.now(), resolved_by_id=answered_by)
    return changed(work.db, answered)
