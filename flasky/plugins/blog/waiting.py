"""The number of open reports, beside the link to them on every page of who moderates."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from sqlalchemy import ColumnElement, ScalarSelect, case, func, or_, select
from sqlalchemy.orm import aliased

from flasky.directives import Badge
from flasky.languages import _
from flasky.plugins.accounts.models import Role, RolePermission, User
from flasky.plugins.blog.models import Comment, Post, Report

#: What `request.identity.values` calls the number.
WAITING = "blog.waiting"
#: How many of the newest open reports are looked at for it, and the largest number that is told.
LOOKED_AT = 20
_MOST_TOLD = 9


def waiting_for(user_id: Any) -> ScalarSelect[int]:
    """The number of open reports that a member is shown if they moderate, for `config.add_identity_value`.

    What its author changed while it is hidden is one, too (`notices.tell_moderators`).
    It is a part of each page of every member, so it looks at the newest reports only, by the index of what is open.
    Those about the member's own count where nobody else decides about them (`moderation.leaves_out`): who is not shown
    them does not learn of them by a number either.
    """
    newest = (
        select(Report.post_id, Report.comment_id)
        .where(Report.resolved_at.is_(None))
        .order_by(Report.id.desc())
        .limit(LOOKED_AT)
        .subquery("newest_reports")
    )
    author_id = func.coalesce(Comment.author_id, Post.author_id)
    number, of_others = func.count(), func.count(case((author_id.is_distinct_from(user_id), 1)))
    return (
        # Whether somebody else moderates is asked only where there is one about their own.
        select(case((of_others == number, number), (_others_moderate(user_id), of_others), else_=number))
        .select_from(newest)
        .outerjoin(Post, Post.id == newest.c.post_id)
        .outerjoin(Comment, Comment.id == newest.c.comment_id)
        .correlate(user_id.class_)
        .scalar_subquery()
    )


def _others_moderate(user_id: Any) -> ColumnElement[bool]:
    """Whether `others_may(work, "blog.moderate")`, as a part of a statement."""
    role, other = aliased(Role), aliased(User)
    decided = select(RolePermission.granted).where(
        RolePermission.role_id == role.id, RolePermission.permission == "blog.moderate"
    )
    may = or_(role.name == "Administrator", func.coalesce(decided.scalar_subquery(), role.name == "Moderator"))
    # Between, and in that order: for a role that few of many members have, PostgreSQL would read them all, as it
    # expects to come upon one soon.
    somebody = (
        select(other.id)
        .where(other.role_id.between(role.id, role.id), other.id != user_id, other.has_profile)
        .order_by(other.role_id)
        .limit(1)
        .correlate(role, user_id.class_)
        .scalar_subquery()
    )
    return select(role.id).where(may, somebody.is_not(None)).correlate(user_id.class_).exists()


def badge(request: Request) -> Badge | None:
    """How many reports wait, for the link in the navbar: nothing for none, and beyond nine no exact number."""
    number: int = request.identity.values[WAITING]
    if not number:
        return None
    if number > _MOST_TOLD:
        return Badge(f"{_MOST_TOLD}+", _("more than ${number} open reports", mapping={"number": _MOST_TOLD}))
    return Badge(str(number), _("open reports: ${number}", mapping={"number": number}))
