"""A member's part in the blog, for its owner to take along, and to take leave of (`config.add_personal_data`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog import search
from flasky.plugins.blog.models import Comment, Follow, Post
from flasky.plugins.blog.storage import changed, count, lists_changed


def export(work: Work, user: User) -> dict[str, Any]:
    """What the member wrote, and whom they follow."""
    own_posts = select(Post).where(Post.author_id == user.id).order_by(Post.id)
    own_comments = select(Comment).where(Comment.author_id == user.id).order_by(Comment.id)
    followed = select(User.username).join(Follow, Follow.followed_id == User.id).where(Follow.follower_id == user.id)
    return {
        "posts": [
            {
                "id": post.id,
                "title": post.title,
                "body": post.body,
                "tags": post.tag_names.split(),
                "created_at": post.created_at,
                "published_at": post.published_at,
                "edited_at": post.edited_at,
                "hidden_reason": post.hidden_reason,
            }
            for post in work.db.scalars(own_posts)
        ],
        "comments": [
            {"id": item.id, "post_id": item.post_id, "body": item.body, "created_at": item.created_at}
            for item in work.db.scalars(own_comments)
        ],
        "following": list(work.db.scalars(followed.order_by(User.id))),
    }


def erase(work: Work, user: User) -> None:
    """Delete the member's drafts; what was published stays without a name (the foreign keys see to that)."""
    changed(work.db, delete(Post).where(Post.author_id == user.id, Post.published_at.is_(None)))
    _forget_name(work, user)
    follows = work.db.execute(
        select(Follow.follower_id, Follow.followed_id).where(
            (Follow.follower_id == user.id) | (Follow.followed_id == user.id)
        )
    ).all()
    changed(work.db, delete(Follow).where((Follow.follower_id == user.id) | (Follow.followed_id == user.id)))
    for follower_id, followed_id in sorted(follows):
        if follower_id == user.id:
            count(work.db, followed_id, followers=-1)
        else:
            count(work.db, follower_id, following=-1)
    lists_changed(work.db)


def _forget_name(work: Work, user: User) -> None:
    # Otherwise a search for the name would still show what its bearer wrote.
    columns = select(Post.id, Post.title, Post.html, Post.tag_names).where(Post.author_id == user.id)
    for post in work.db.execute(columns.order_by(Post.id)).all():
        search.index(work.db, post, "")
