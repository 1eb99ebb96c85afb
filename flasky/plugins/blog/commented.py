"""Comments by who wrote them, and the newest of all. It only reads."""

from __future__ import annotations

from functools import cache, partial

from sqlalchemy import Connection, Integer, bindparam, select

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.moderation import moderator
from flasky.plugins.blog.reading import (
    HIDDEN,
    SHOWN,
    Bounds,
    Kind,
    Part,
    Reader,
    Rows,
    comments_part,
    found_comments,
    part,
)
from flasky.plugins.blog.titles import OPENING

_BEGINNING = Bounds()
_COLUMNS = (
    Comment.id, Comment.html, Comment.created_at, Comment.edited_at, Comment.hidden_at, Comment.hidden_reason,
    Comment.author_id, Comment.post_id, Post.title, OPENING,
)  # fmt: skip


def of_member(connection: Connection, author_id: int, reader: Reader, bounds: Bounds, limit: int) -> Part:
    """The comments of a member that this reader may see, newest first, with what their posts are called.

    One statement. What is hidden, or stands below what is hidden, is seen by whom it is seen there.
    """
    sees_all = reader.moderates or reader.user_id == author_id
    find = partial(_of_member, sees_all, reader.moderates)
    return comments_part(connection, find, bounds, limit, {"author_id": author_id, "me": reader.user_id})


@cache
def _of_member(sees_all: bool, moderates: bool, dialect: str, descending: bool) -> Rows:
    theirs = select(Comment.id)
    if not moderates:
        is_seen = Post.listed_at.is_not(None) | (Post.author_id == bindparam("me", type_=Integer()))
        theirs = theirs.join(Post, Post.id == Comment.post_id).where(is_seen)
    seen = (SHOWN, HIDDEN) if sees_all else (SHOWN,)
    kinds = [Kind(theirs.where(which), (Comment.author_id,)) for which in seen]
    found = found_comments(select(*_COLUMNS), kinds, dialect, descending=descending)
    return found.join(Post, Post.id == Comment.post_id)


def newest(work: Work, bounds: Bounds = _BEGINNING, limit: int = 20) -> Part:
    """The comments of everybody, newest first, hidden ones too, with author and post. One statement.

    Raises NotAllowed for who does not moderate.
    """
    moderator(work)
    statement = (
        select(*_COLUMNS, Comment.id.label("comment_id"), User.username, User.has_profile)
        .join(Post, Post.id == Comment.post_id)
        .outerjoin(User, User.id == Comment.author_id)
    )
    with work.reading() as connection:
        return part(connection, statement, Comment.id, bounds, limit)
