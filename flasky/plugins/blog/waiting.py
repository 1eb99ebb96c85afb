"""The number of open reports, beside the link to them on every page of who moderates."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from sqlalchemy import ScalarSelect, func, select

from flasky.directives import Badge
from flasky.languages import _
from flasky.plugins.blog.models import Comment, Post, Report

#: What `request.identity.values` calls the number.
WAITING = "blog.waiting"
#: How many of the newest open reports are looked at for it, and the largest number that is told.
LOOKED_AT = 20
_MOST_TOLD = 9


def waiting_for(user_id: Any) -> ScalarSelect[int]:
    """The number of open reports about texts of others, for `config.add_identity_value`.

    It is a part of each page of every member, so it looks at the newest reports only, by the index of what is open.
    Not at those about the member's own: who is not shown them does not learn of them by a number either.
    """
    newest = (
        select(Report.post_id, Report.comment_id)
        .where(Report.resolved_at.is_(None))
        .order_by(Report.id.desc())
        .limit(LOOKED_AT)
        .subquery("newest_reports")
    )
    return (
        select(func.count())
        .select_from(newest)
        .outerjoin(Post, Post.id == newest.c.post_id)
        .outerjoin(Comment, Comment.id == newest.c.comment_id)
        .where(func.coalesce(Comment.author_id, Post.author_id).is_distinct_from(user_id))
        .correlate(user_id.class_)
        .scalar_subquery()
    )


def badge(request: Request) -> Badge | None:
    """How many reports wait, for the link in the navbar: nothing for none, and beyond nine no exact number."""
    number: int = request.identity.values[WAITING]
    if not number:
        return None
    if number > _MOST_TOLD:
        return Badge(f"{_MOST_TOLD}+", _("more than ${number} open reports", mapping={"number": _MOST_TOLD}))
    return Badge(str(number), _("open reports: ${number}", mapping={"number": number}))
