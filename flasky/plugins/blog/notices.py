"""Notices: what a member is told, in a page and, if they like, by mail at once or once a day; and moderators."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, false, func, insert, or_, select, update

from flasky.database import get_database, utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Identity, Work, open_work
from flasky.plugins.blog import markdown, pace
from flasky.plugins.blog.answers import answered
from flasky.plugins.blog.mails import DECISIONS, send_about_all, send_decision, send_notice
from flasky.plugins.blog.mentions import last_written, since
from flasky.plugins.blog.models import BlogMember, Comment, Notice, Post, Report
from flasky.plugins.blog.outlines import Outline
from flasky.plugins.blog.reading import Bounds, Part, part
from flasky.plugins.blog.storage import add_unless_there, changed
from flasky.plugins.blog.titles import OPENING
from flasky.plugins.blog.unread import is_shown

DIGEST_AFTER = timedelta(days=1)
#: How many mails are sent at once about what happens at once: a post that is shown again may have many comments.
_AT_ONCE = 20
#: How many are sent at once of one comment, of which nobody waits for long: to its post's author and to as many others
#: as it can call. Of those who commented before, who commented last gets it at once.
_OF_COMMENT = 11
#: About how many texts one statement asks: each calls up to ten members, and it has so many parameters and no more.
_PORTION = 500
#: So many one transaction deletes: on SQLite nobody else writes meanwhile.
_FORGOTTEN_AT_ONCE = 500
_BEGINNING = Bounds()
#: How these like to be told, and whether they are there: not shut out, nor about to leave.
_TOLD = (
    select(
        User.id, BlogMember.mail, and_(User.disabled_at.is_(None), User.deletion_due_at.is_(None)).label("is_there")
    )
    .outerjoin(BlogMember, BlogMember.user_id == User.id)
    .where(User.id.in_(bindparam("wanted", expanding=True)))
    # Who just leaves is waited for, and then told nothing: a notice would refer to nobody.
    .with_for_update(of=User, read=True, key_share=True)
)  # fmt: skip


class _Actor(NamedTuple):
    """Who did what somebody is told, where it is not whoever asks."""

    user_id: int
    username: str


class _News(NamedTuple):
    """What some members are told: what somebody did, and to which post or comment."""

    kind: str
    #: Who comes first gets a mail at once before the others.
    wanted: Collection[int]
    actor: _Actor | Identity | None
    post: Post | Outline | None = None
    comment: Comment | None = None
    reason: str = ""


def tell_of_comment(work: Work, mentioned: Collection[int], post: Post | Outline, comment: Comment) -> None:
    """Tell a post's author about a new comment, the members whom it calls, and who commented before: nobody twice."""
    actor = work.identity
    authors = set() if post.author_id is None else {post.author_id}
    called = set(mentioned) - authors
    told = {
        "comment": authors,
        "mention": sorted(called),
        "answer": [user_id for user_id in answered(work, comment) if user_id not in authors | called],
    }
    news = (_News(kind, wanted, actor, post, comment) for kind, wanted in told.items())
    _tell(work, *news, most_mails=_OF_COMMENT)


def tell_mentioned(work: Work, mentioned: Collection[int], post: Post) -> None:
    """Tell the members whom a new post calls."""
    _tell(work, _News("mention", sorted(mentioned), work.identity, post))


def tell_newly_mentioned(
    work: Work, mentioned: Iterable[int], before: str, post: Post, comment: Comment | None = None
) -> None:
    """Tell the members whom an edited text calls and did not call before; `before` is its HTML from then.

    Who was told of this post or comment is not told again while that notice is kept, however often their name comes
    and goes.
    """
    key = comment.id if comment is not None else None
    found = _untold(work, post, {key: set(mentioned) - markdown.called_in(before)})
    _tell(work, _News("mention", sorted(found[key]), work.identity, post, comment))


def tell_called_meanwhile(work: Work, hidden_at: datetime, post: Post, texts: Sequence[Post | Comment]) -> None:
    """Tell the members whom texts call that are shown again and were edited since `hidden_at`, unless they were told.

    The texts are the post, comments on it, or both: up to 500 cost the same few statements, and all of them as many
    mails at once as one. It is their authors who call, not the moderator who decides.
    """
    mails = _AT_ONCE
    for start in range(0, len(texts), _PORTION):
        mails -= _tell_called(work, hidden_at, post, texts[start : start + _PORTION], mails)


def _tell_called(work: Work, hidden_at: datetime, post: Post, texts: Sequence[Post | Comment], most_mails: int) -> int:
    edited = [text for text in texts if text.author is not None and last_written(text) >= hidden_at]
    called = {_key(text): markdown.called_in(text.html) for text in edited}
    everybody = set().union(*called.values())
    if not everybody:
        return 0
    members = work.db.execute(select(User.id, User.created_at).where(User.id.in_(everybody)))
    joined = {row.id: row.created_at for row in members}
    for text in edited:
        # An older copy of the database that was put back gives numbers again: to somebody who came after the text.
        written = last_written(text)
        called[_key(text)] = {each for each in called[_key(text)] if each in joined and joined[each] <= written}
    found = _untold(work, post, called)
    return _tell(work, *(_called_by(text, found[_key(text)], post) for text in edited), most_mails=most_mails)


def _called_by(text: Post | Comment, found: set[int], post: Post) -> _News:
    actor = _Actor(text.author.id, text.author.username) if text.author is not None else None
    return _News("mention", sorted(found), actor, post, text if isinstance(text, Comment) else None)


def _key(text: Post | Comment) -> int | None:
    """What a text is called among those of a post: a comment by its number, the post itself None."""
    return text.id if isinstance(text, Comment) else None


def _untold(work: Work, post: Post, called: Mapping[int | None, set[int]]) -> dict[int | None, set[int]]:
    """Those of the members whom a post (`_key`) and its comments call who have no notice that it does."""
    untold = {key: set(ids) if key is None else ids - {post.author_id} for key, ids in called.items()}
    everybody = set().union(*untold.values())
    if everybody:
        here = or_(Notice.comment_id.is_(None), Notice.comment_id.in_([key for key in untold if key is not None]))
        told = select(Notice.comment_id, Notice.user_id).where(Notice.post_id == post.id, here)
        for key, user_id in work.db.execute(told.where(Notice.kind == "mention", Notice.user_id.in_(everybody))):
            untold.get(key, set()).discard(user_id)
    return untold


def tell_followed(work: Work, user: User) -> None:
    """Tell a member about a new follower: once while that notice is kept, however often they come and go."""
    actor = work.identity
    known = select(Notice.id).where(
        Notice.user_id == user.id, Notice.kind == "follow", Notice.actor_id == (actor.user_id if actor else 0)
    )
    if work.db.scalar(known.limit(1)) is None:
        _tell(work, _News("follow", [user.id], actor))


def tell_decision(work: Work, kind: str, post: Post, comment: Comment | None = None, *, reason: str = "") -> None:
    """Tell whoever wrote a post or comment that a moderator has `hidden` it, and why, or has it `shown` again."""
    author = post.author_id if comment is None else comment.author_id
    if author is not None:
        _tell(work, _News(kind, [author], work.identity, post, comment, reason))


def tell_all_hidden(work: Work, user_id: int, reason: str) -> None:
    """Tell a member that a moderator has hidden all that they wrote, and why: one notice, about no post of them."""
    _tell(work, _News("hidden", [user_id], work.identity, reason=reason))


def tell_all_shown(work: Work, user_id: int) -> None:
    """Tell a member that a moderator shows again what was hidden of them at once: one notice, about no post of them."""
    _tell(work, _News("shown", [user_id], work.identity))


def _tell(work: Work, *told: _News, most_mails: int = _AT_ONCE) -> int:
    """Tell all of it to whom it is for, but nobody what they did themselves; returns how many mails go at once.

    Who is shut out or about to leave, and may come back, is told what was decided about their own and nothing else;
    by mail once they are back (`digests`).

    Four statements however much it is, and on SQLite one for each mail at once; of these there are `most_mails`, and
    the others wait for the digest.
    """
    pairs = [
        (user_id, news, news.actor)
        for news in told
        if news.actor is not None
        for user_id in news.wanted
        if user_id != news.actor.user_id
    ]
    if not pairs:
        return 0
    work.db.flush()
    connection = work.db.connection()
    wanted = sorted({user_id for user_id, *_ in pairs})
    choices = {row.id: row for row in connection.execute(_TOLD, {"wanted": wanted})}
    rows: list[dict[str, object]] = []
    at_once: list[tuple[int, _News, _Actor | Identity]] = []
    for user_id, news, actor in pairs:
        choice = choices.get(user_id)
        if choice is None or not (choice.is_there or news.kind in DECISIONS):
            continue
        mail = choice.mail
        now = (
            choice.is_there
            and mail == "at_once"
            and len(at_once) < most_mails
            and pace.allows_notice_mail(work, user_id, None if news.kind in DECISIONS else actor.user_id)
        )
        rows.append(
            {
                "user_id": user_id,
                "kind": news.kind,
                "actor_id": actor.user_id,
                "post_id": news.post.id if news.post else None,
                "comment_id": news.comment.id if news.comment else None,
                "reason": news.reason,
                "created_at": work.now(),
                "mail_due": work.now() + DIGEST_AFTER if mail in {"daily", "at_once"} and not now else None,
            }
        )
        at_once += [(user_id, news, actor)] if now else []
    if rows:
        connection.execute(insert(Notice), rows)
    if at_once:
        _mail(work, at_once)
    return len(at_once)


def _mail(work: Work, at_once: Sequence[tuple[int, _News, _Actor | Identity]]) -> None:
    mailed = select(User).where(User.id.in_({user_id for user_id, *_ in at_once}))
    users = {user.id: user for user in work.db.scalars(mailed)}
    for user_id, news, actor in at_once:
        if news.kind in DECISIONS and news.post is not None:
            send_decision(work, users[user_id], news.kind, news.post, news.comment, news.reason)
        elif news.kind in DECISIONS:
            send_about_all(work, users[user_id], news.kind, news.reason)
        else:
            send_notice(work, users[user_id], news.kind, actor.username, news.post, news.comment)


def tell_moderators(work: Work, thing: Post | Comment, user_id: int, reason: str = "") -> None:
    """Store a member's report of a post or comment, or tell the open one again with another reason.

    Without a reason it is the author's, who has changed what is hidden and waits for another decision.
    """
    named: dict[str, object] = {"post_id": thing.id} if isinstance(thing, Post) else {"comment_id": thing.id}
    named["reporter_id"] = user_id
    # One that was answered gives way to a new one: with its old number it would stand before all who wait.
    changed(work.db, delete(Report).filter_by(**named).where(Report.resolved_at.is_not(None)))
    if not add_unless_there(work.db, Report, reason=reason, created_at=work.now(), **named):
        again = update(Report).filter_by(**named).where(Report.resolved_at.is_(None), Report.reason != reason)
        changed(work.db, again.values(reason=reason, created_at=work.now()))


def listed(work: Work, bounds: Bounds = _BEGINNING, limit: int = 50) -> Part:
    """The notices of whoever asks, newest first, with what they are about and who did it (None: who left).

    It only reads. Each row has the id of the `newest` notice of all, as it is now.
    What is about a post or comment that is hidden from them now is left out, but for what tells its author so.
    """
    me = work.identity.user_id if work.identity else 0
    # On each page, so that also from an older one all can be marked as read.
    newest = select(func.max(Notice.id)).where(Notice.user_id == me).scalar_subquery()
    statement = (
        select(
            Notice.id, Notice.kind, User.username.label("actor"), User.has_profile, Notice.post_id, Post.title, OPENING,
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
    if work.identity is not None:
        _mark(work, work.identity.user_id, Notice.id <= up_to)


def mark_seen(work: Work, comment: Comment, first: int, last: int) -> None:
    """Mark as read what the author of a new comment was told of the same post and of the comments they had before them.

    Those are the ones from `first` to `last`: what calls them on another page of the discussion stays unread. So does a
    moderator's decision, which has its reason, and what tells of a comment that is hidden now. It comes behind what
    tells others (`tell_of_comment`): that locks members, and who is erased changes notices (`hold_members`).
    """
    if comment.author_id is not None:
        # One row for each notice, not EXISTS: for that PostgreSQL could read all comments that are hidden.
        hidden_at = select(Comment.hidden_at).where(Comment.id == Notice.comment_id).scalar_subquery()
        here = (Notice.post_id == comment.post_id) & Notice.kind.not_in(DECISIONS) & hidden_at.is_(None)
        is_seen = Notice.comment_id.is_(None) | Notice.comment_id.between(first, last)
        _mark(work, comment.author_id, here & is_seen)


def _mark(work: Work, user_id: int, which: ColumnElement[bool]) -> None:
    unread = locked((Notice.user_id == user_id) & Notice.read_at.is_(None) & which)
    changed(work.db, update(Notice).where(Notice.id.in_(unread)).values(read_at=work.now(), mail_due=None))


def locked(which: ColumnElement[bool]) -> Select[int]:
    """The ids of the notices that are about to be changed, for IN, locked in their order (`storage.hold_members`).

    A member may answer, mark all as read and get their digest at the same time.
    """
    return select(Notice.id).where(which).order_by(Notice.id).with_for_update(key_share=True)


def forget_read_job(request: Request) -> None:
    """The job `blog.forget_notices`: delete what was read more than `blog.notices_kept` days ago."""
    forget_read(request.registry, utc_now() - timedelta(days=request.registry.settings["blog.notices_kept"]))


def forget_read(registry: Registry, before: datetime) -> int:
    """Delete the notices that were read before that moment, a portion at a time; returns how many these were.

    Unread ones stay, however old they are. Who read that they were mentioned or followed may be told so again once the
    notice is gone.
    """
    number, last = 0, 0
    is_over = Notice.read_at < before
    while True:
        # Without the lock for writing: to find the next ones can take longer than to delete them.
        with get_database(registry).read_engine.connect() as connection:
            some = select(Notice.id).where(is_over, Notice.id > last).order_by(Notice.id).limit(_FORGOTTEN_AT_ONCE)
            ids = connection.scalars(some).all()
        if not ids:
            return number
        # Not those that somebody else holds, who may erase them in another order: they would wait for each other.
        free = select(Notice.id).where(Notice.id.in_(ids), is_over).with_for_update(skip_locked=True)
        with open_work(registry) as work:
            number += changed(work.db, delete(Notice).where(Notice.id.in_(free)))
        last = ids[-1]


class About(NamedTuple):
    """What a notice is about: a comment, else a post, else whoever caused it, who may have no profile any more.

    A decision (`mails.DECISIONS`) about neither is about all that its author wrote.
    """

    post_id: int | None
    comment_id: int | None
    actor: str | None
    has_profile: bool
    kind: str


def read_one(work: Work, notice_id: int) -> About | None:
    """Mark one notice of whoever asks as read; returns what it is about, None where it is not there any more.

    It goes with its post or comment, and is not there while that is hidden from them.
    """
    me = work.identity.user_id if work.identity else 0
    found = work.db.execute(
        select(Notice.post_id, Notice.comment_id, User.username, func.coalesce(User.has_profile, false()), Notice.kind)
        .outerjoin(User, User.id == Notice.actor_id)
        .outerjoin(Post, Post.id == Notice.post_id)
        .outerjoin(Comment, Comment.id == Notice.comment_id)
        .where(Notice.id == notice_id, Notice.user_id == me, is_shown(Notice, me))
    ).one_or_none()
    if found is None:
        return None
    _mark(work, me, Notice.id == notice_id)
    return About(*found)


class Choices(NamedTuple):
    """What a member chose: how notices come by mail (never, at_once, daily), and whether answers are among them."""

    mail: str = "never"
    answers: bool = True


def choose_mail(work: Work, user_id: int, choice: str) -> None:
    """Set how a member gets notices by mail: never, at_once, daily."""
    _choose(work, user_id, mail=choice)
    if choice == "never":
        waiting = locked((Notice.user_id == user_id) & Notice.mail_due.is_not(None))
        changed(work.db, update(Notice).where(Notice.id.in_(waiting)).values(mail_due=None))


def choose_answers(work: Work, user_id: int, *, are_wanted: bool) -> None:
    """Set whether a member is told of comments on a post after their own."""
    _choose(work, user_id, answers=are_wanted)


def _choose(work: Work, user_id: int, **values: object) -> None:
    add_unless_there(work.db, BlogMember, user_id=user_id)
    changed(work.db, update(BlogMember).where(BlogMember.user_id == user_id).values(values))


def choices(work: Work, user_id: int) -> Choices:
    """What a member is told. It only reads."""
    chosen = select(BlogMember.mail, BlogMember.answers).where(BlogMember.user_id == user_id)
    with work.reading() as connection:
        found = connection.execute(chosen).one_or_none()
    return Choices(*found) if found else Choices()


def stop_mail(work: Work, user_id: int, joined: int) -> None:
    """Mail no more notices to the member of this number who joined then (`since`); nothing when they are gone."""
    user = work.db.get(User, user_id)
    if user is not None and since(user.created_at) == joined:
        choose_mail(work, user_id, "never")
