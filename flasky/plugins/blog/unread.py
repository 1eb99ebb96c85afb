"""The number of notices that wait for a member, beside the link to them on every page."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select

from flasky.directives import Badge
from flasky.languages import _
from flasky.plugins.blog.mails import DECISIONS
from flasky.plugins.blog.models import Comment, Notice, Post

#: What `request.identity.values` calls the number.
UNREAD = "blog.unread"
#: How many of a member's newest unread notices are looked at for it, and the largest number that is told.
LOOKED_AT = 30
_MOST_TOLD = 9


def is_shown(notice: Any, user_id: Any) -> ColumnElement[bool]:
    """Whether a notice (the table, or a part of it) of this member is shown; its post and comment are joined.

    What is about a post or comment that is hidden now is not, but for what tells its author so. Nor is a post hidden
    from its author, who reads the comments on it.
    """
    # No IN: it would be spelt out anew for each page.
    decision = or_(*(notice.kind == kind for kind in DECISIONS))
    post: ColumnElement[bool] = or_(notice.post_id.is_(None), Post.listed_at.is_not(None), Post.author_id == user_id)
    return post & or_(Comment.hidden_at.is_(None), decision)


def unread_of(user_id: Any) -> ScalarSelect[int]:
    """The number of a member's notices that they have not read, for `config.add_identity_value`.

    It is a part of each of their pages, so it looks at no more than the newest of those that wait, by an index that
    has no others: a member reads the newest first and leaves an old one as it is.
    """
    waiting = (
        select(Notice.post_id, Notice.comment_id, Notice.kind)
        .where(Notice.user_id == user_id, Notice.read_at.is_(None))
        .correlate(user_id.class_)
        .order_by(Notice.id.desc())
        .limit(LOOKED_AT)
        .subquery("waiting")
    )
    return (
        select(func.count())
        .select_from(waiting)
        .outerjoin(Post, Post.id == waiting.c.post_id)
        .outerjoin(Comment, Comment.id == waiting.c.comment_id)
        .where(is_shown(waiting.c, user_id))
        .correlate(user_id.class_)
        .scalar_subquery()
    )


def badge(request: Request) -> Badge | None:
    """How many notices wait, for the link in the navbar: nothing for none, and beyond nine no exact number."""
    number: int = request.identity.values[UNREAD]
    if not number:
        return None
    if number > _MOST_TOLD:
        return Badge(f"{_MOST_TOLD}+", _("more than ${number} unread", mapping={"number": _MOST_TOLD}))
    return Badge(str(number), _("${number} unread", mapping={"number": number}))
