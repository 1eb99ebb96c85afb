"""Telling the site's owner who joined: a mail for each, and one for all of them when many join (MAI-05)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, update

from flasky.mail.services import administrator
from flasky.plugins.accounts.grants import ADMINISTRATOR
from flasky.plugins.accounts.mails import send
from flasky.plugins.accounts.models import Role, User
from flasky.plugins.accounts.work import Work

#: How long those wait who join when the hour's mails are used up.
_DIGEST_AFTER = timedelta(hours=1)
_TEMPLATE, _DIGEST = "mail/new_user", "mail/new_users"
#: How many members one digest names; the rest are in the next.
_NAMED = 1000


def announce(work: Work, user: User) -> None:
    """Tell the owner about a new member now; if the hour's mails are used up, a digest will."""
    owner = administrator(work.registry)
    if owner is None:
        return
    _queue_up(work)
    told = work.db.scalar(
        select(func.count()).select_from(User).where(User.announced_at > work.now() - timedelta(hours=1))
    )
    if (told or 0) >= work.settings["accounts.announcements_per_hour"]:
        user.announcement_due = True
        return
    user.announced_at = work.now()
    language = _language_of(work, owner)
    send(work, _TEMPLATE, owner, language=language, username=user.username, email=user.email or "")


def send_digest(work: Work) -> None:
    """Tell the owner in one mail about everybody they were not told about, once the first of them waited an hour."""
    owner = administrator(work.registry)
    if owner is None:
        return
    _queue_up(work)
    members = work.db.execute(
        select(User.id, User.username, User.created_at)
        .where(User.announcement_due.is_(True))
        .order_by(User.id)
        .limit(_NAMED)
    ).all()
    if not members or members[0].created_at > work.now() - _DIGEST_AFTER:
        return
    work.db.execute(
        update(User)
        .where(User.announcement_due.is_(True), User.id <= members[-1].id)
        .values(announcement_due=False, announced_at=work.now())
    )
    usernames = [member.username for member in members]
    send(work, _DIGEST, owner, language=_language_of(work, owner), count=len(members), usernames=usernames)


def _language_of(work: Work, owner: str) -> str:
    return work.db.scalar(select(User.language).where(User.email_key == owner.lower())) or "en"


def _queue_up(work: Work) -> None:
    # PostgreSQL would let two transactions count the same members; SQLite writes one after the other anyway.
    work.db.execute(select(Role.id).where(Role.name == ADMINISTRATOR).with_for_update(key_share=True))
