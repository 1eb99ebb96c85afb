"""Confirming an address: the mailed link, and sending it again (ENU-03)."""

from __future__ import annotations

from sqlalchemy import select

from flasky.plugins.accounts import limits, tokens
from flasky.plugins.accounts.events import Confirmed
from flasky.plugins.accounts.later_mails import queue_link
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.ownership import promote_owner
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.work import Work


def confirm(work: Work, secret: str) -> User:
    """Count the address as confirmed that the link was mailed to. Raises InvalidToken."""
    user = tokens.redeem(work, Purpose.CONFIRM, secret).user
    mark_confirmed(work, user)
    return user


def mark_confirmed(work: Work, user: User) -> None:
    """Note that the member reads the mails to their address, the first time tell the other plug-ins."""
    if user.confirmed_at is None:
        user.confirmed_at = work.now()
        work.db.flush()
        record(work, Event.CONFIRMED, user.id)
        work.registry.notify(Confirmed(work, user))
    promote_owner(work, user)


def resend(work: Work, email: str) -> None:
    """Have a new link mailed, if an account with this address waits for one; the same work for every address.

    Raises TooManyTries, alike for all addresses.
    """
    key = email.strip().lower()
    limits.spend(work, (limits.RESENDS, limits.text_key(key)), (limits.MAILS, limits.peer_key(work)))
    queue_link(work, Purpose.CONFIRM, work.db.scalar(select(User.id).where(User.email_key == limits.storable(key))))
