"""Confirming an address: the mailed link, and sending it again (ENU-03)."""

from __future__ import annotations

from sqlalchemy import select

from flasky.plugins.accounts import limits, tokens
from flasky.plugins.accounts.events import Confirmed
from flasky.plugins.accounts.mails import send_to_member
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
    """Mail a new link, if an account with this address waits for one. Raises TooManyTries, alike for all addresses."""
    key = email.strip().lower()
    limits.spend(work, (limits.RESENDS, limits.text_key(key)), (limits.MAILS, limits.peer_key(work)))
    user = work.db.scalars(select(User).where(User.email_key == limits.storable(key))).one_or_none()
    if user is not None and user.confirmed_at is None and user.disabled_at is None:
        send_link(work, user)


def send_link(work: Work, user: User) -> None:
    """Mail the link that confirms the member's address."""
    secret = tokens.issue(work, Purpose.CONFIRM, user, user.email or "")
    send_to_member(work, "mail/confirm", user, token=secret, hours=tokens.hours(Purpose.CONFIRM))
