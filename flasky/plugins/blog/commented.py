"""Comments by who wrote them, and the newest of all. It only reads."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Boolean, Connection, Integer, bindparam, select

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.moderation import moderator
from flasky.plugins.blog.reading import Bounds, Part, Reader, Rows, part
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
    values = {"author": author_id, "me": reader.user_id, "moderates": reader.moderates}
    return part(connection, _of_member(), Comment.id, bounds, limit, values=values)


@cache
def _of_member() -> Rows:
    me, moderates = bindparam("me", type_=Integer()), bindparam("moderates", type_=Boolean())
    return (
        select(*_COLUMNS)
        .join(Post, Post.id == Comment.post_id)
        .where(
            Comment.author_id == bindparam("author"),
            Comment.hidden_at.is_(None) | (Comment.author_id == me) | moderates,
            Post.listed_at.is_not(None) | (Post.author_id == me) | moderates,
        )
    )


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
