"""What the board holds about a member."""

from __future__ import annotations

from sqlalchemy import select, update

from flasky_board.models import Notice


def export(work, user):
    """Their notices."""
    return {"notices": list(work.db.scalars(select(Notice.text).where(Notice.author_id == user.id)))}


def erase(work, user):
    """Notices stay; who wrote them does not."""
    work.db.execute(update(Notice).where(Notice.author_id == user.id).values(author_id=None))


def has_pinned(member_id):
    """The number of a notice of theirs, if there is one: part of the statement that says who is signed in."""
    return select(Notice.id).where(Notice.author_id == member_id).limit(1).scalar_subquery()
