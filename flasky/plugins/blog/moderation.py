"""Moderation: reports by members, and hiding with a reason.

What is hidden stays: its author sees it with the reason, moderators see it, nobody else does anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, insert, select, true, tuple_, update
from sqlalchemy.orm import joinedload

from flasky.languages import _
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Refused, Work, others_may
from flasky.plugins.blog import comments, limits, notices, pace, tags
from flasky.plugins.blog.errors import NotAllowed, NotThere, Stale
from flasky.plugins.blog.events import CommentHidden, CommentShown, PostHidden, PostShown
from flasky.plugins.blog.models import Comment, Decision, Post, Report
from flasky.plugins.blog.posts import check_text, who
from flasky.plugins.blog.reading import Cursor
from flasky.plugins.blog.storage import changed, lists_changed
from flasky.plugins.blog.words import unturned


class Read(NamedTuple):
    """What a moderator had in front of them: the version of the text, and each report by when it was told and its id.

    Told again, or said otherwise, a report keeps its id and is another.
    """

    version: int
    reports: Sequence[Cursor]


def report(work: Work, thing: Post | Comment, reason: str) -> None:
    """Tell the moderators about a post or comment.

    One's report is told again with another reason, and opened again when they have answered it: something may have
    changed since. Raises Fault, Refused, TooManyTries, and NotThere for a draft.
    """
    check_published(thing)
    me = _reporter(work, thing)
    reason = checked_reason(reason)
    pace.of_member(work, pace.REPORTS)
    notices.tell_moderators(work, thing, me, reason)


def own_report(work: Work, thing: Post | Comment) -> Any:
    """The open report (reason, created_at) of whoever asks about a post or comment, or None. It only reads.

    Raises Refused for what is their own.
    """
    mine = select(Report.reason, Report.created_at).where(
        _about(thing), Report.reporter_id == _reporter(work, thing), Report.resolved_at.is_(None)
    )
    with work.reading() as connection:
        return connection.execute(mine).one_or_none()


def _reporter(work: Work, thing: Post | Comment) -> int:
    me = who(work).user_id
    if thing.author_id == me:
        raise Refused(_("This is your own: edit or delete it."))
    return me


def hide(work: Work, thing: Post | Comment, reason: str, read: Read | None = None) -> bool:
    """Hide a post or comment, answer its reports and tell its author; False when another decision stands already.

    `read` is what a moderator decides by; None for a program, which knows all there is. Raises NotAllowed, Fault,
    NotThere for a draft, Refused for one's own (`check_decides`), and Stale when the text has changed since.
    """
    me = check_decides(work, thing)
    check_published(thing)
    reason = checked_reason(reason)
    check_read(thing, read)
    if not _store(work, thing, hidden_at=work.now(), hidden_by_id=me, hidden_reason=reason):
        # Sent twice it is once, and the same.
        return (thing.hidden_by_id, thing.hidden_reason) == (me, reason)
    note(work, me, "hidden", thing, reason=reason, reports=_reports(_answer(work, thing, me, _read_by(read))))
    _tell(work, thing, "hidden")
    lists_changed(work.db)
    return True


def show(work: Work, thing: Post | Comment, read: Read | None = None) -> bool:
    """Show what was hidden; tell its author, and whom it calls since it was edited meanwhile. False when it was shown.

    Its author does not wait any more for who decides; reports of others stay open.

    Raises NotAllowed, Refused and Stale as `hide` does.
    """
    me = check_decides(work, thing)
    check_read(thing, read)
    hidden_at = thing.hidden_at
    if hidden_at is None or not _store(work, thing, hidden_at=None, hidden_by_id=None, hidden_reason=""):
        return False
    _answer(work, thing, me, Report.reason == "")
    note(work, me, "shown", thing)
    _tell(work, thing, "shown")
    _tell_called(work, thing, hidden_at)
    lists_changed(work.db)
    return True


def resolve(work: Work, thing: Post | Comment, read: Read | None = None) -> int:
    """Answer the open reports about a post or comment that were read, its author's too, who changed what is hidden.

    Returns how many there were without that. Raises NotAllowed, Refused and Stale (`hide`).
    """
    me = check_decides(work, thing)
    check_read(thing, read)
    answered = _answer(work, thing, me, _read_by(read))
    if answered:
        note(work, me, "left", thing, reports=_reports(answered))
    return _reports(answered)


def note(
    work: Work,
    me: int,
    kind: str,
    thing: Post | Comment | User,
    *,
    reason: str = "",
    reports: int = 0,
    at: datetime | None = None,
) -> None:
    """Keep what a moderator decided about a text, or about all that a member wrote (`moderated.decisions`).

    It was decided now, unless `at` says when.
    """
    values = {"kind": kind, "moderator_id": me, "reason": reason, "reports": reports, "created_at": at or work.now()}
    about: dict[str, object] = {"about": "all", "author_id": thing.id, "post_id": None, "comment_id": None}
    if isinstance(thing, Post):
        about |= {"about": "post", "author_id": thing.author_id, "post_id": thing.id}
    elif isinstance(thing, Comment):
        about |= {"about": "comment", "author_id": thing.author_id, "comment_id": thing.id}
    work.db.connection().execute(insert(Decision), {**values, **about})


def _read_by(read: Read | None) -> ColumnElement[bool]:
    return true() if read is None else tuple_(Report.created_at, Report.id).in_(read.reports)


def _answer(work: Work, thing: Post | Comment, me: int, which: ColumnElement[bool]) -> Sequence[str]:
    """Answer such open reports about a post or comment; returns the reason of each."""
    work.db.flush()
    answered = update(Report).where(_about(thing), Report.resolved_at.is_(None), which).returning(Report.reason)
    values = {"resolved_at": work.now(), "resolved_by_id": me}
    return work.db.connection().execute(answered.values(values)).scalars().all()


def _reports(reasons: Sequence[str]) -> int:
    """How many reports of others these are: the author's has none (`notices.tell_moderators`)."""
    return sum(map(bool, reasons))


def is_reported(work: Work, thing: Post | Comment) -> bool:
    """Whether a report about a post or comment is open."""
    found = select(Report.id).where(_about(thing), Report.resolved_at.is_(None)).limit(1)
    return work.db.scalar(found) is not None


def _about(thing: Post | Comment) -> ColumnElement[bool]:
    return (Report.post_id if isinstance(thing, Post) else Report.comment_id) == thing.id


def checked_reason(reason: str) -> str:
    """The reason as it is stored. Raises Fault."""
    reason = unturned(reason)
    check_text("reason", reason, limits.LONGEST_REASON)
    return reason


def check_read(thing: Post | Comment, read: Read | None) -> None:
    """Raise Stale when the text has changed since it was read; None has read it as it is."""
    if read is not None and read.version != thing.version:
        raise Stale(thing)


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
    is_decided = changed(work.db, decided) > 0
    work.db.refresh(thing, ["hidden_at", *values])
    if not is_decided:
        return False
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


def _tell_called(work: Work, thing: Post | Comment, hidden_at: datetime) -> None:
    post = thing if isinstance(thing, Post) else thing.post
    if post.listed_at is None:
        # A comment below a hidden post: with the post, if it was edited since that was hidden.
        return
    if isinstance(thing, Comment):
        notices.tell_called_meanwhile(work, hidden_at, post, [thing])
        return
    meanwhile = select(Comment).where(
        Comment.post_id == post.id, Comment.hidden_at.is_(None), Comment.edited_at >= hidden_at
    )
    edited = work.db.scalars(meanwhile.options(joinedload(Comment.author)).order_by(Comment.id))
    notices.tell_called_meanwhile(work, hidden_at, post, [post, *edited])


def moderator(work: Work) -> int:
    """The id of whoever asks. Raises NotAllowed when they do not moderate."""
    identity = who(work)
    if "blog.moderate" not in identity.permissions:
        raise NotAllowed
    return identity.user_id


def check_decides(work: Work, thing: Post | Comment) -> int:
    """The id of whoever asks, who may decide about this. Raises NotAllowed, and Refused for their own.

    One's own one decides about where nobody else can.
    """
    me = moderator(work)
    if thing.author_id == me and leaves_out(work):
        raise Refused(_("This is your own: another moderator decides about it."))
    return me


def leaves_out(work: Work) -> int:
    """Whose texts whoever asks does not decide about: their own (the id), or nobody's (0) where nobody else moderates.

    One statement. Raises NotAllowed.
    """
    me = moderator(work)
    return me if others_may(work, "blog.moderate") else 0
