"""Showing again what was hidden at once of a member (`hiding`), when that was a mistake.

What one such decision hid is found by its moment and its reason, which all of it has (`portions.Order`): not what had
been hidden before, nor what a moderator has decided about since. The rules are those of a single decision
(`moderation.show`), but nobody reads each text before, and the member is told once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select, update
from sqlalchemy.orm import aliased, contains_eager, joinedload

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog import comments, notices, portions
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.events import CommentShown, PostShown
from flasky.plugins.blog.models import Comment, Decision, Post, PostTag, Report
from flasky.plugins.blog.moderation import moderator, note
from flasky.plugins.blog.portions import Number, Order, Things
from flasky.plugins.blog.storage import changed, lists_changed, lock

#: How many decisions about a member can be undone from their page, and beyond what number nobody counts.
_MOST_SHOWN, _MOST_COUNTED = 5, 1000
_NOT_HIDDEN = {"hidden_at": None, "hidden_by_id": None, "hidden_reason": ""}
_MODERATOR = aliased(User)


def decisions_about(work: Work, user: User, first: int = 0) -> Sequence[Any]:
    """The last decisions that hid all of a member, with how many `posts` and `comments` of that are hidden still.

    The one with the id `first` comes first, be it older. Those of which nothing is hidden any more are left out; it is
    counted up to 1001 of each. One statement; it only reads. Raises NotAllowed.
    """
    moderator(work)
    each = (
        select(
            Decision.id,
            Decision.reason,
            Decision.created_at,
            _MODERATOR.username.label("moderator"),
            _hidden_still(Post).label("posts"),
            _hidden_still(Comment).label("comments"),
        )
        .outerjoin(_MODERATOR, _MODERATOR.id == Decision.moderator_id)
        .where(_hid_all(user.id))
        .subquery("each")
    )
    undone = (
        select(each).where(each.c.posts + each.c.comments > 0).order_by((each.c.id == first).desc(), each.c.id.desc())
    )
    with work.reading() as connection:
        return connection.execute(undone.limit(_MOST_SHOWN)).all()


def _hid_all(user_id: int) -> ColumnElement[bool]:
    return (Decision.author_id == user_id) & (Decision.about == "all") & (Decision.kind == "hidden")


def _hidden_still(model: type[Post] | type[Comment]) -> ScalarSelect[int]:
    which = portions.is_hidden_by(model, Decision.author_id, Decision.created_at, Decision.reason)
    some = select(model.id).where(which).limit(_MOST_COUNTED + 1).correlate(Decision).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def show_again(work: Work, user: User, decision_id: int) -> Number:
    """Show what a decision hid of all that a member wrote, as far as it is hidden by it still; tell the member once.

    Returns what is shown in this transaction; a job does the rest. While that is to be done nothing is begun here.
    Raises NotAllowed, NotThere where no such decision hid all of this member, and Refused for oneself where somebody
    else moderates, and while the rest of another decision about the member is to be done.
    """
    me = portions.check_decides_about(work, user)
    decision = work.db.scalars(select(Decision).where(Decision.id == decision_id, _hid_all(user.id))).one_or_none()
    if decision is None:
        raise NotThere
    moment = decision.created_at.isoformat()
    order = Order(user.id, me, decision.reason, moment, kind="shown")
    if portions.is_begun(work, order):
        return Number(0, 0, more=True)
    done = show_some(work, order)
    if done.is_any:
        note(work, me, "shown", user)
        notices.tell_all_shown(work, user.id)
        lists_changed(work.db)
    return done


def show_some(work: Work, order: Order) -> Number:
    """Show a portion, and tell whom it calls since its author or somebody below it edited it; how much that was."""
    posts, said = (portions.is_hidden_by(model, order.user_id, order.moment, order.reason) for model in (Post, Comment))
    done = portions.take(work, order, posts, said)
    if done.posts:
        _show_posts(work, done.posts)
    if done.comments:
        _show_comments(work, done.comments)
    if done.number.is_any:
        _answer_authors(work, order, done)
        _tell_called(work, order, done)
    return done.number


def _answer_authors(work: Work, order: Order, done: Things) -> None:
    """Whoever changed what was hidden does not wait any more (`notices.tell_moderators`)."""
    about = or_(Report.post_id.in_(done.posts), Report.comment_id.in_(done.comments))
    waiting = about & (Report.reason == "") & Report.resolved_at.is_(None)
    lock(work.db, waiting, Report.id)
    # Who decided may have left while the job waited.
    decided_by = select(User.id).where(User.id == order.moderator_id).scalar_subquery()
    changed(work.db, update(Report).where(waiting).values(resolved_at=work.now(), resolved_by_id=decided_by))


def _show_posts(work: Work, ids: list[int]) -> None:
    # Not through the session, as `moderation` says.
    changed(work.db, update(Post).where(Post.id.in_(ids)).values(listed_at=Post.published_at, **_NOT_HIDDEN))
    listed_at = select(Post.listed_at).where(Post.id == PostTag.post_id).scalar_subquery()
    changed(work.db, update(PostTag).where(PostTag.post_id.in_(ids)).values(listed_at=listed_at))
    found = select(Post).where(Post.id.in_(ids)).order_by(Post.id).execution_options(populate_existing=True)
    for post in work.db.scalars(found):
        work.registry.notify(PostShown(work, post))


def _show_comments(work: Work, ids: list[int]) -> None:
    changed(work.db, update(Comment).where(Comment.id.in_(ids)).values(**_NOT_HIDDEN))
    comments.count_each(work, portions.below_each(work.db, ids, 1))
    found = select(Comment).where(Comment.id.in_(ids)).order_by(Comment.id).options(joinedload(Comment.post))
    for comment in work.db.scalars(found.execution_options(populate_existing=True)):
        work.registry.notify(CommentShown(work, comment))


def _tell_called(work: Work, order: Order, done: Things) -> None:
    """As `moderation.show`: also of what others edited below the posts. A few statements for each post concerned.

    A member edits only so many texts in an hour (`pace.EDITS`), and no more of them are told of.
    """
    edited = select(Post).where(Post.id.in_(done.posts), Post.edited_at >= order.moment)
    texts: dict[Post, list[Post | Comment]] = defaultdict(list)
    for post in work.db.scalars(edited.options(joinedload(Post.author))):
        texts[post].append(post)
    below = select(Comment).where(
        or_(Comment.id.in_(done.comments), Comment.post_id.in_(done.posts)),
        Comment.hidden_at.is_(None),
        Comment.edited_at >= order.moment,
    )
    # Below a post that is hidden still, they are told with the post.
    seen = below.join(Comment.post).where(Post.listed_at.is_not(None)).order_by(Comment.id)
    for comment in work.db.scalars(seen.options(contains_eager(Comment.post), joinedload(Comment.author))):
        texts[comment.post].append(comment)
    for post in sorted(texts, key=lambda post: post.id):
        notices.tell_called_meanwhile(work, order.moment, post, texts[post])
