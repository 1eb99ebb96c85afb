"""A new password: by a mailed link when the old one is forgotten, or by its owner who knows it (SES-04, PWD-04)."""

from __future__ import annotations

from sqlalchemy import select

from flasky.plugins.accounts import confirmation, limits, sessions, tokens
from flasky.plugins.accounts.authentication import check_own_password, lock_member
from flasky.plugins.accounts.errors import InvalidToken
from flasky.plugins.accounts.later_mails import queue_link
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.passwords import check_password, get_hasher
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.sessions import SignedIn
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.work import Work


def ask(work: Work, email: str) -> None:
    """Have a link to choose a new password mailed, if there is an account with this address. Raises TooManyTries.

    The same work for every address, in the record too (ENU-03).
    """
    key = email.strip().lower()
    limits.spend(work, (limits.RESETS, limits.text_key(key)), (limits.MAILS, limits.peer_key(work)))
    user_id = work.db.scalar(select(User.id).where(User.email_key == limits.storable(key)))
    record(work, Event.RESET_ASKED, user_id)
    queue_link(work, Purpose.RESET, user_id)


def reset(work: Work, secret: str, password: str) -> User:
    """Give the member to whom the link was mailed a new password and end all their sessions.

    They are not signed in by it, and the second factor stays (TOK-06). Raises InvalidToken, Fault, Busy.
    """
    user = tokens.look_up(work, Purpose.RESET, secret).user
    check_password(work, password, username=user.username, email=user.email or "")
    password_hash = get_hasher(work.registry).hash(password)
    user = tokens.redeem(work, Purpose.RESET, secret).user
    # The link came by mail: whoever used it reads the mails to that address.
    set_password(work, user, password_hash)
    confirmation.mark_confirmed(work, user)
    record(work, Event.PASSWORD_RESET, user.id)
    send_to_member(work, "mail/changed", user, what="password")
    return user


def change_password(work: Work, old_password: str, password: str) -> SignedIn:
    """Give the member who is signed in a new password; their other sessions end.

    Raises Fault for `old_password` or `password`, TooManyTries, Busy.
    """
    identity = work.identity
    if identity is None:
        raise InvalidToken
    check_password(work, password, username=identity.username, email=identity.email or "")
    known = check_own_password(work, old_password, field="old_password")
    # Hashed before the member is locked: nobody has to wait for it.
    password_hash = get_hasher(work.registry).hash(password)
    user = lock_member(work, known)
    if user is None:
        raise InvalidToken
    set_password(work, user, password_hash, keep=identity.session_id)
    record(work, Event.PASSWORD_CHANGED, user.id)
    send_to_member(work, "mail/changed", user, what="password")
    return sessions.renew(work, user)


def give_password(work: Work, user: User, password: str) -> None:
    """Give a member a password from the command line; all their sessions end. Raises Fault and Busy."""
    check_password(work, password, username=user.username, email=user.email or "")
    set_password(work, user, get_hasher(work.registry).hash(password))
    record(work, Event.PASSWORD_CHANGED, user.id)
    send_to_member(work, "mail/changed", user, what="password")


def set_password(work: Work, user: User, password_hash: str, *, keep: int | None = None) -> None:
    """Store a new hash: sessions (but for the one with the id `keep`) and mailed links are void from now on."""
    user.password_hash = password_hash
    user.credentials_version += 1
    sessions.end_sessions(work, user.id, but=keep)
    tokens.void(work, user, *Purpose)
    work.db.flush()
