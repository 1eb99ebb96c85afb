"""A member's part in the blog, for its owner to take along, and to take leave of (`config.add_personal_data`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from flasky.plugins.accounts.events import ProfileChanged
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog import following, notices, rebuilding
from flasky.plugins.blog.mails import DECISIONS
from flasky.plugins.blog.models import Comment, Decision, Follow, Notice, Post, Report
from flasky.plugins.blog.storage import changed, lists_changed, lock
from flasky.plugins.blog.unread import is_shown

#: Whom what stays names, beside posts and the notices of others.
_NAMED: dict[Any, tuple[Any, ...]] = {
    Comment: (Comment.author_id, Comment.hidden_by_id),
    Report: (Report.reporter_id, Report.resolved_by_id),
    Decision: (Decision.moderator_id, Decision.author_id),
}


def export(work: Work, user: User) -> dict[str, Any]:
    """What the member wrote, chose and reported, what they were told, and who follows whom.

    Of others it has what the member sees on the site, and no more: their names, and not who moderated.
    """
    chosen = notices.choices(work, user.id)
    return {
        "posts": _posts(work, user),
        "comments": _comments(work, user),
        "following": _names(work, Follow.followed_id, Follow.follower_id == user.id),
        "followers": _names(work, Follow.follower_id, Follow.followed_id == user.id),
        "notices_by_mail": chosen.mail,
        "notices_of_answers": chosen.answers,
        "notices": _notices(work, user),
        "reports": _reports(work, user),
        "decisions": _decisions(work, user),
    }


def _posts(work: Work, user: User) -> list[dict[str, Any]]:
    return [
        {
            "id": post.id,
            "title": post.title,
            "body": post.body,
            "tags": post.tag_names.split(),
            "created_at": post.created_at,
            "published_at": post.published_at,
            "edited_at": post.edited_at,
            "hidden_at": post.hidden_at,
            "hidden_reason": post.hidden_reason,
        }
        for post in work.db.scalars(select(Post).where(Post.author_id == user.id).order_by(Post.id))
    ]


def _comments(work: Work, user: User) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id,
            "post_id": item.post_id,
            "body": item.body,
            "created_at": item.created_at,
            "edited_at": item.edited_at,
            "hidden_at": item.hidden_at,
            "hidden_reason": item.hidden_reason,
        }
        for item in work.db.scalars(select(Comment).where(Comment.author_id == user.id).order_by(Comment.id))
    ]


def _names(work: Work, key: Any, condition: ColumnElement[bool]) -> list[str]:
    # As in the lists of the site: who is shut out or leaving is in none.
    people = select(User.username).join(Follow, key == User.id).where(condition, User.has_profile)
    return list(work.db.scalars(people.order_by(User.id)))


def _notices(work: Work, user: User) -> list[dict[str, Any]]:
    rows = work.db.execute(
        select(
            Notice.kind, User.username, Notice.post_id, Notice.comment_id, Notice.reason, Notice.created_at,
            Notice.read_at,
        )
        .outerjoin(User, User.id == Notice.actor_id)
        .outerjoin(Post, Post.id == Notice.post_id)
        .outerjoin(Comment, Comment.id == Notice.comment_id)
        .where(Notice.user_id == user.id, is_shown(Notice, user.id))
        .order_by(Notice.id)
    )  # fmt: skip
    return [{**row._asdict(), "username": None if row.kind in DECISIONS else row.username} for row in rows]


def _reports(work: Work, user: User) -> list[dict[str, Any]]:
    rows = work.db.execute(
        select(Report.post_id, Report.comment_id, Report.reason, Report.created_at)
        # Not what stands for a change of their own (`notices.tell_moderators`).
        .where(Report.reporter_id == user.id, Report.reason != "")
        .order_by(Report.id)
    )
    return [row._asdict() for row in rows]


def _decisions(work: Work, user: User) -> list[dict[str, Any]]:
    """What they decided as a moderator."""
    columns = (Decision.kind, Decision.about, Decision.post_id, Decision.comment_id, Decision.reason)
    rows = select(*columns, Decision.created_at).where(Decision.moderator_id == user.id).order_by(Decision.id)
    return [row._asdict() for row in work.db.execute(rows)]


def profile_changed(event: ProfileChanged) -> None:
    """Let the lists show the member's name with or without a link."""
    lists_changed(event.session)


def erase(work: Work, user: User) -> None:
    """Delete the member's drafts and follows; what was published stays without a name.

    So do the notices of what they did (the foreign keys see to that), but for those of a new follower. The same few
    statements, however much they wrote and however many they follow: on SQLite nobody else writes meanwhile.
    """
    # Whoever is about to follow them waits for this row, and finds it gone.
    work.db.execute(select(User.id).where(User.id == user.id).with_for_update())
    lock(work.db, (Post.author_id == user.id) | (Post.hidden_by_id == user.id), Post.id)
    changed(work.db, delete(Post).where(Post.author_id == user.id, Post.published_at.is_(None)))
    rebuilding.forget_author(work, user.id)
    # What their foreign keys would do as the account goes: then it would be done behind the change of the lists, which
    # all who write wait for.
    changed(work.db, update(Post).where(Post.hidden_by_id == user.id).values(hidden_by_id=None))
    for model, columns in _NAMED.items():
        theirs = or_(*(column == user.id for column in columns))
        lock(work.db, theirs, model.id)
        without = {column: func.nullif(column, user.id) for column in columns}
        changed(work.db, update(model).where(theirs).values(without))
    lock(work.db, (Notice.user_id == user.id) | (Notice.actor_id == user.id), Notice.id)
    follows = (Notice.actor_id == user.id) & (Notice.kind == "follow")
    changed(work.db, delete(Notice).where((Notice.user_id == user.id) | follows))
    changed(work.db, update(Notice).where(Notice.actor_id == user.id).values(actor_id=None))
    following.leave(work, user.id)
    lists_changed(work.db)
