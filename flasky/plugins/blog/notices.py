"""Notices: what a member is told, in a page and, if they like, by mail at once or once a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, func, insert, select, update

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Identity, Work
from flasky.plugins.blog import markdown, pace
from flasky.plugins.blog.mails import DECISIONS, send_decision, send_digest_to, send_notice
from flasky.plugins.blog.mentions import last_written, since
from flasky.plugins.blog.models import BlogMember, Comment, Notice, Post
from flasky.plugins.blog.outlines import Outline
from flasky.plugins.blog.reading import Bounds, Part, part
from flasky.plugins.blog.storage import add_unless_there, changed
from flasky.plugins.blog.unread import is_shown

DIGEST_AFTER = timedelta(days=1)
_LISTED = 100
#: How many notices a digest tells of one by one.
_IN_DIGEST = 20
_BEGINNING = Bounds()
#: Who of these is told, and how they like to be: nobody who is shut out or about to leave.
_TOLD = (
    select(User.id, BlogMember.mail)
    .outerjoin(BlogMember, BlogMember.user_id == User.id)
    .where(User.id.in_(bindparam("wanted", expanding=True)), User.disabled_at.is_(None), User.deletion_due_at.is_(None))
)


class _Actor(NamedTuple):
    """Who did what somebody is told, where it is not whoever asks."""

    user_id: int
    username: str


def tell_author(work: Work, post: Post | Outline, comment: Comment) -> None:
    """Tell a post's author about a comment."""
    if post.author_id is not None:
        _tell(work, [post.author_id], "comment", post, comment)


def tell_mentioned(work: Work, mentioned: Iterable[int], post: Post | Outline, comment: Comment | None = None) -> None:
    """Tell the members whom a text calls, but nobody twice about the same comment."""
    found = set(mentioned)
    if comment is not None:
        found.discard(post.author_id or 0)
    _tell(work, sorted(found), "mention", post, comment)


def tell_newly_mentioned(
    work: Work, mentioned: Iterable[int], before: str, post: Post, comment: Comment | None = None
) -> None:
    """Tell the members whom an edited text calls and did not call before; `before` is its HTML from then.

    Who was told of this post or comment once is not told again, however often their name comes and goes.
    """
    _tell(work, _untold(work, set(mentioned) - markdown.called_in(before), post, comment), "mention", post, comment)


def tell_called_meanwhile(work: Work, hidden_at: datetime, post: Post, comment: Comment | None = None) -> None:
    """Tell the members whom a text calls that is shown again and was edited since `hidden_at`, unless they were told.

    It is its author who calls them, not the moderator who decides.
    """
    text = comment or post
    if text.author is None or last_written(text) < hidden_at:
        return
    # SQLite may have given the number of who left to somebody who came after the text.
    called = select(User.id).where(User.id.in_(markdown.called_in(text.html)), User.created_at <= last_written(text))
    found = _untold(work, set(work.db.scalars(called)), post, comment)
    _tell(work, found, "mention", post, comment, _Actor(text.author.id, text.author.username))


def _untold(work: Work, called: set[int], post: Post, comment: Comment | None) -> list[int]:
    """Those of the members whom a text calls who were never told that it does, in the order of their ids."""
    if comment is not None:
        called = called - {post.author_id}
    if not called:
        return []
    here = Notice.comment_id == comment.id if comment is not None else Notice.comment_id.is_(None)
    told = select(Notice.user_id).where(Notice.post_id == post.id, here, Notice.user_id.in_(called))
    return sorted(called - set(work.db.scalars(told.where(Notice.kind == "mention"))))


def tell_followed(work: Work, user: User) -> None:
    """Tell a member about a new follower, once however often they come and go."""
    actor = work.identity
    known = select(Notice.id).where(
        Notice.user_id == user.id, Notice.kind == "follow", Notice.actor_id == (actor.user_id if actor else 0)
    )
    if work.db.scalar(known.limit(1)) is None:
        _tell(work, [user.id], "follow", None, None)


def tell_decision(work: Work, kind: str, post: Post, comment: Comment | None = None, *, reason: str = "") -> None:
    """Tell whoever wrote a post or comment that a moderator has `hidden` it, and why, or has it `shown` again."""
    author = post.author_id if comment is None else comment.author_id
    if author is not None:
        _tell(work, [author], kind, post, comment, reason=reason)


def _tell(
    work: Work,
    user_ids: Iterable[int],
    kind: str,
    post: Post | Outline | None,
    comment: Comment | None,
    actor: _Actor | Identity | None = None,
    *,
    reason: str = "",
) -> None:
    """Tell them what `actor` did: whoever asks, unless it is said."""
    actor = actor or work.identity
    if actor is None:
        return
    wanted = [user_id for user_id in user_ids if user_id != actor.user_id]
    if not wanted:
        return
    work.db.flush()
    connection = work.db.connection()
    about = {"post_id": post.id if post else None, "comment_id": comment.id if comment else None}
    told = {"kind": kind, "actor_id": actor.user_id, "reason": reason, "created_at": work.now(), **about}
    rows, at_once = [], []
    for user_id, mail in connection.execute(_TOLD, {"wanted": wanted}).all():
        now = mail == "at_once" and pace.allows_notice_mail(work, user_id)
        later = work.now() + DIGEST_AFTER if mail in {"daily", "at_once"} and not now else None
        rows.append({"user_id": user_id, "mail_due": later, **told})
        at_once += [user_id] if now else []
    if rows:
        connection.execute(insert(Notice), rows)
    for user in work.db.scalars(select(User).where(User.id.in_(at_once))) if at_once else ():
        if kind in DECISIONS and post is not None:
            send_decision(work, user, kind, post, comment, reason)
        else:
            send_notice(work, user, kind, actor.username, post, comment)


def listed(work: Work, bounds: Bounds = _BEGINNING, limit: int = 50) -> Part:
    """The notices of whoever asks, newest first, with what they are about and who did it (None: who left).

    It only reads. Each row has the id of the `newest` notice of all, as it is now.
    What is about a post or comment that is hidden now is left out, but for what tells its author so.
    """
    me = work.identity.user_id if work.identity else 0
    # On each page, so that also from an older one all can be marked as read.
    newest = select(func.max(Notice.id)).where(Notice.user_id == me).scalar_subquery()
    statement = (
        select(
            Notice.id, Notice.kind, User.username.label("actor"), User.has_profile, Notice.post_id, Post.title,
            Notice.comment_id, Notice.created_at, Notice.read_at, Notice.reason, newest.label("newest"),
        )
        .outerjoin(User, User.id == Notice.actor_id)
        .outerjoin(Post, Post.id == Notice.post_id)
        .outerjoin(Comment, Comment.id == Notice.comment_id)
        .where(Notice.user_id == me, is_shown(Notice, me))
    )  # fmt: skip
    with work.reading() as connection:
        return part(connection, statement, Notice.id, bounds, limit)


def mark_read(work: Work, up_to: int) -> None:
    """Mark the notices of whoever asks as read, up to the id that they saw; they are in no digest any more."""
    identity = work.identity
    if identity is not None:
        mine = (Notice.user_id == identity.user_id) & Notice.read_at.is_(None) & (Notice.id <= up_to)
        changed(work.db, update(Notice).where(mine).values(read_at=work.now(), mail_due=None))


def choose_mail(work: Work, user_id: int, choice: str) -> None:
    """Set how a member gets notices by mail: never, at_once, daily."""
    add_unless_there(work.db, BlogMember, user_id=user_id)
    changed(work.db, update(BlogMember).where(BlogMember.user_id == user_id).values(mail=choice))
    if choice == "never":
        waiting = (Notice.user_id == user_id) & Notice.mail_due.is_not(None)
        changed(work.db, update(Notice).where(waiting).values(mail_due=None))


def mail_choice(work: Work, user_id: int) -> str:
    """How a member gets notices by mail. It only reads."""
    with work.reading() as connection:
        found: str | None = connection.scalar(select(BlogMember.mail).where(BlogMember.user_id == user_id))
    return found or "never"


class Digests(NamedTuple):
    """What one transaction did: how many mails it queued, and whether there may be more members who are due."""

    mails: int
    more: bool


def send_digests(work: Work) -> Digests:
    """Mail members whose oldest notice has waited a day what waits for them.

    One transaction takes so many members and no more: go on while there are more. For who is shut out or about to
    leave, it waits.
    """
    due = list(
        work.db.scalars(
            select(Notice.user_id)
            .join(User, User.id == Notice.user_id)
            .group_by(Notice.user_id)
            .where(Notice.mail_due.is_not(None), User.disabled_at.is_(None), User.deletion_due_at.is_(None))
            .having(func.min(Notice.mail_due) <= work.now())
            .order_by(Notice.user_id)
            .limit(_LISTED)
        )
    )
    return Digests(sum(_send_digest(work, user_id) for user_id in due), len(due) == _LISTED)


def _send_digest(work: Work, user_id: int) -> bool:
    # Whoever locks the member sends; another process that sends digests too finds nothing left.
    user = work.db.scalars(select(User).where(User.id == user_id).with_for_update(of=User)).one_or_none()
    waiting = (Notice.user_id == user_id) & Notice.mail_due.is_not(None)
    # What they have read meanwhile, and what is hidden now, is no news.
    news = (
        select(Notice.kind, User.username.label("actor"), Notice.post_id, Notice.comment_id, Post.title, Notice.reason)
        .outerjoin(User, User.id == Notice.actor_id)
        .outerjoin(Post, Post.id == Notice.post_id)
        .outerjoin(Comment, Comment.id == Notice.comment_id)
        .where(waiting, Notice.read_at.is_(None), is_shown(Notice, user_id))
    )
    number = work.db.scalar(select(func.count()).select_from(news.subquery())) or 0
    entries = work.db.execute(news.order_by(Notice.id).limit(_IN_DIGEST)).all() if number else []
    changed(work.db, update(Notice).where(waiting).values(mail_due=None))
    if user is None or not entries:
        return False
    send_digest_to(work, user, entries, number - len(entries))
    return True


def stop_mail(work: Work, user_id: int, joined: int) -> None:
    """Mail no more notices to the member of this number who joined then (`since`); nothing when they are gone."""
    user = work.db.get(User, user_id)
    if user is not None and since(user.created_at) == joined:
        choose_mail(work, user_id, "never")
