"""Daily digests: who is due, and the mail that tells them what waits; the clock has the job come round every hour.

Each member is a transaction of their own: to make a hundred mails takes half a second, for which nobody else would
write on SQLite, and a mail that cannot be made keeps nobody else's back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from flasky.database import get_database, utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, open_work
from flasky.plugins.blog.mails import send_digest_to
from flasky.plugins.blog.models import Comment, Notice, Post
from flasky.plugins.blog.notices import locked
from flasky.plugins.blog.titles import OPENING
from flasky.plugins.blog.unread import is_shown

logger = logging.getLogger(__name__)

#: So many who are due are looked for at once.
_LISTED = 100
#: How many notices a digest tells of one by one.
_IN_DIGEST = 20
#: So many notices are read with one statement: a database takes only so many parameters.
_READ_AT_ONCE = 1000


def mail_due(request: Request) -> None:
    """The job `blog.digest`: mail those whose oldest notice has waited a day."""
    send_digests(request.registry)


def send_digests(registry: Registry, *, clock: Callable[[], datetime] = utc_now) -> int:
    """Mail each member whose oldest notice has waited a day what waits for them; returns how many mails are queued.

    For who is shut out or about to leave, it waits. So it does, until the next time, where a mail cannot be made.
    """
    return sum(_sent(registry, user_id, clock) for user_id in _due(registry, clock()))


def _due(registry: Registry, now: datetime) -> Iterator[int]:
    """Who is due, in the order of their ids, so that nobody comes twice."""
    due = (
        select(Notice.user_id)
        .join(User, User.id == Notice.user_id)
        .group_by(Notice.user_id)
        .where(Notice.mail_due.is_not(None), User.disabled_at.is_(None), User.deletion_due_at.is_(None))
        .having(func.min(Notice.mail_due) <= now)
        .order_by(Notice.user_id)
        .limit(_LISTED)
    )
    last = 0
    while True:
        with get_database(registry).read_engine.connect() as connection:
            some = connection.scalars(due.where(Notice.user_id > last)).all()
        yield from some
        if len(some) < _LISTED:
            return
        last = some[-1]


def _sent(registry: Registry, user_id: int, clock: Callable[[], datetime]) -> bool:
    try:
        with open_work(registry, clock=clock) as work:
            return _send(work, user_id)
    except SQLAlchemyError:
        # The database is the trouble, not this member: the job is tried again.
        raise
    except Exception:
        logger.exception(
            "The digest of the member %s cannot be made, and is tried again at the next round; the others get theirs. "
            "What is wrong with it stands below; their page is /people/%s",
            user_id,
            user_id,
        )
        return False


def _send(work: Work, user_id: int) -> bool:
    # Whoever locks the member sends; another process that sends digests too finds nothing left. No more than that: who
    # comments holds the member whom a notice is for, and may just be waiting for one that is locked here.
    member = select(User).where(User.id == user_id, User.disabled_at.is_(None), User.deletion_due_at.is_(None))
    user = work.db.scalars(member.with_for_update(of=User, key_share=True)).one_or_none()
    if user is None:
        return False
    # First, and no other is told of: what is committed from here on waits for the next digest. PostgreSQL shows it to
    # the statements below, and would have taken it untold by an UPDATE behind them.
    waiting = locked((Notice.user_id == user_id) & Notice.mail_due.is_not(None))
    taking = update(Notice).where(Notice.id.in_(waiting)).values(mail_due=None).returning(Notice.id)
    taken = sorted(work.db.connection().scalars(taking))
    number, entries = 0, list[Any]()
    for start in range(0, len(taken), _READ_AT_ONCE):
        news = _news(user_id, taken[start : start + _READ_AT_ONCE])
        number += work.db.scalar(select(func.count()).select_from(news.subquery())) or 0
        if len(entries) < min(number, _IN_DIGEST):
            entries += work.db.execute(news.order_by(Notice.id).limit(_IN_DIGEST - len(entries)))
    if not entries:
        return False
    send_digest_to(work, user, entries, number - len(entries))
    return True


def _news(user_id: int, taken: Sequence[int]) -> Select[Any]:
    """What these notices tell; what the member has read meanwhile, and what is hidden now, is no news."""
    return (
        select(
            Notice.kind, User.username.label("actor"), User.has_profile, Notice.post_id, Notice.comment_id, Post.title,
            OPENING, Notice.reason,
        )
        .outerjoin(User, User.id == Notice.actor_id)
        .outerjoin(Post, Post.id == Notice.post_id)
        .outerjoin(Comment, Comment.id == Notice.comment_id)
        .where(Notice.id.in_(taken), Notice.read_at.is_(None), is_shown(Notice, user_id))
    )  # fmt: skip
