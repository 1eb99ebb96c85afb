"""Moderation: reports by members, and hiding with a reason.

What is hidden stays: its author sees it with the reason, moderators see it, nobody else does anywhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from flasky.languages import _
from flasky.plugins.accounts.services import Refused, Work
from flasky.plugins.blog import comments, limits, notices, pace, tags
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.events import CommentHidden, CommentShown, PostHidden, PostShown
from flasky.plugins.blog.models import Comment, Post, Report
from flasky.plugins.blog.posts import check_text, who
from flasky.plugins.blog.storage import add_unless_there, changed, lists_changed


def report(work: Work, thing: Post | Comment, reason: str) -> bool:
    """Tell the moderators about a post or comment; False when one has told them already.

    One's report that they have answered is opened again, with the new reason: something may have changed since.
    Raises Fault, Refused, and NotThere for a draft.
    """
    me = who(work).user_id
    check_published(thing)
    if thing.author_id == me:
        raise Refused(_("This is your own: edit or delete it."))
    check_text("reason", reason, limits.LONGEST_REASON)
    pace.of_member(work, pace.REPORTS)
    named = {"post_id": thing.id} if isinstance(thing, Post) else {"comment_id": thing.id}
    if add_unless_there(work.db, Report, reporter_id=me, reason=reason, created_at=work.now(), **named):
        return True
    again = (
        update(Report)
        .filter_by(reporter_id=me, **named)
        .where(Report.resolved_at.is_not(None))
        .values(reason=reason, created_at=work.now(), resolved_at=None, resolved_by_id=None)
    )
    return changed(work.db, again) > 0


def hide(work: Work, thing: Post | Comment, reason: str) -> None:
    """Hide a post or comment, answer its reports and tell its author. Twice is once.

    Raises NotAllowed, Fault, and NotThere for a draft.
    """
    me = moderator(work)
    check_published(thing)
    check_text("reason", reason, limits.LONGEST_REASON)
    if _store(work, thing, hidden_at=work.now(), hidden_by_id=me, hidden_reason=reason):
        _tell(work, thing, "hidden")
    resolve(work, thing)


def show(work: Work, thing: Post | Comment) -> None:
    """Show what was hidden; tell its author, and whom it calls since it was edited meanwhile. Raises NotAllowed."""
    moderator(work)
    hidden_at = thing.hidden_at
    if hidden_at is not None and _store(work, thing, hidden_at=None, hidden_by_id=None, hidden_reason=""):
        _tell(work, thing, "shown")
        _tell_called(work, thing, hidden_at)


def resolve(work: Work, thing: Post | Comment) -> None:
    """Answer every open report about a post or comment. Raises NotAllowed."""
    me = moderator(work)
    column = Report.post_id if isinstance(thing, Post) else Report.comment_id
    changed(
        work.db,
        update(Report)
        .where(column == thing.id, Report.resolved_at.is_(None))
        .values(resolved_at=work.now(), resolved_by_id=me),
    )


def check_published(thing: Post | Comment) -> None:
    """Raise NotThere for a draft: hidden, its author's own would be read by other moderators."""
    if isinstance(thing, Post) and thing.is_draft:
        raise NotThere


def _store(work: Work, thing: Post | Comment, *, hidden_at: datetime | None, **values: Any) -> bool:
    """Store a decision; False when it is so already.

    Not through the session: `version` counts what the author writes, and who is writing now has no other text to look
    at (CON-02).
    """
    model = type(thing)
    if isinstance(thing, Post):
        values["listed_at"] = None if hidden_at else thing.published_at
    is_other = model.hidden_at.is_(None) if hidden_at else model.hidden_at.is_not(None)
    decided = update(model).where(model.id == thing.id, is_other).values(hidden_at=hidden_at, **values)
    if not changed(work.db, decided):
        return False
    work.db.refresh(thing, ["hidden_at", *values])
    if isinstance(thing, Post):
        tags.relist(work, thing)
    else:
        comments.count(work, thing.post_id, -1 if hidden_at else 1)
    return True


def _tell(work: Work, thing: Post | Comment, kind: str) -> None:
    if isinstance(thing, Post):
        notices.tell_decision(work, kind, thing, reason=thing.hidden_reason)
        work.registry.notify((PostHidden if kind == "hidden" else PostShown)(work, thing))
    else:
        notices.tell_decision(work, kind, thing.post, thing, reason=thing.hidden_reason)
        work.registry.notify((CommentHidden if kind == "hidden" else CommentShown)(work, thing))
    lists_changed(work.db)


def _tell_called(work: Work, thing: Post | Comment, hidden_at: datetime) -> None:
    post = thing if isinstance(thing, Post) else thing.post
    if post.listed_at is None:
        # A comment below a hidden post: with the post, if it was edited since that was hidden.
        return
    if isinstance(thing, Comment):
        notices.tell_called_meanwhile(work, hidden_at, post, thing)
        return
    notices.tell_called_meanwhile(work, hidden_at, post)
    meanwhile = select(Comment).where(
        Comment.post_id == post.id, Comment.hidden_at.is_(None), Comment.edited_at >= hidden_at
    )
    for comment in work.db.scalars(meanwhile.options(joinedload(Comment.author)).order_by(Comment.id)):
        notices.tell_called_meanwhile(work, hidden_at, post, comment)


def moderator(work: Work) -> int:
    """The id of whoever asks. Raises NotAllowed when they do not moderate."""
    identity = who(work)
    if "blog.moderate" not in identity.permissions:
        raise NotAllowed
    return identity.user_id
