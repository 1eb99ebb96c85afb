"""Links that are mailed: 256 random bits, for one purpose, one member, one use (TOK-01 to TOK-03).

The database holds fingerprints only. A link is void after its time, once it was used, when a newer one for the same
purpose was sent, and after every change of the member's password or address.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session, joinedload

from flasky.plugins.accounts.errors import InvalidToken
from flasky.plugins.accounts.models import Token, User
from flasky.plugins.accounts.work import Work

_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


class Purpose(StrEnum):
    """What a link is for."""

    CONFIRM = "confirm"
    RESET = "reset"
    SIGN_IN = "sign_in"
    CHANGE_ADDRESS = "change_address"


#: How long each is good for.
LIFETIMES: Mapping[Purpose, timedelta] = {
    Purpose.CONFIRM: timedelta(hours=72),
    Purpose.RESET: timedelta(hours=2),
    Purpose.SIGN_IN: timedelta(minutes=15),
    Purpose.CHANGE_ADDRESS: timedelta(hours=24),
}


def new_secret() -> str:
    """43 characters that nobody can guess, fit for a URL and a cookie."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str | None:
    """What the database keeps of a secret made by `new_secret`; None for a text that cannot be one."""
    # 256 random bits need neither salt nor a slow hash.
    return hashlib.sha256(secret.encode()).hexdigest() if _FORM.fullmatch(secret) else None


def issue(work: Work, purpose: Purpose, user: User, email: str) -> str:
    """Make the token that is mailed to `email`, and void the earlier ones for that purpose."""
    void(work, user, purpose)
    secret = new_secret()
    work.db.add(
        Token(
            digest=fingerprint(secret),
            purpose=purpose.value,
            user_id=user.id,
            email=email,
            credentials_version=user.credentials_version,
            created_at=work.now(),
            expires_at=work.now() + LIFETIMES[purpose],
        )
    )
    work.db.flush()
    return secret


def look_up(work: Work, purpose: Purpose, secret: str) -> Token:
    """The token, detached, with its member and their role, without using it. Raises InvalidToken. It only reads."""
    with work.reading() as connection, Session(connection) as session:
        return _find(work, session, purpose, secret)


def redeem(work: Work, purpose: Purpose, secret: str) -> Token:
    """The token, which nobody can use a second time, not even in parallel (TOK-02). Raises InvalidToken."""
    token = _find(work, work.db, purpose, secret)
    # The look-up of a parallel request saw it unused as well: this statement lets one of them through.
    claimed = work.db.execute(
        update(Token)
        .where(Token.id == token.id, Token.used_at.is_(None))
        .values(used_at=work.now())
        .execution_options(synchronize_session=False)
    )
    if not isinstance(claimed, CursorResult) or claimed.rowcount != 1:
        raise InvalidToken
    return token


def void(work: Work, user: User, *purposes: Purpose) -> None:
    """Forget the member's unused tokens for `purposes`."""
    names = [purpose.value for purpose in purposes]
    work.db.execute(
        delete(Token)
        .where(Token.user_id == user.id, Token.purpose.in_(names), Token.used_at.is_(None))
        .execution_options(synchronize_session=False)
    )


def forget_old(work: Work) -> None:
    """Remove what has expired."""
    work.db.execute(delete(Token).where(Token.expires_at <= work.now()))


def _find(work: Work, session: Session, purpose: Purpose, secret: str) -> Token:
    digest = fingerprint(secret)
    if digest is None:
        raise InvalidToken
    query = (
        select(Token)
        .where(Token.digest == digest, Token.purpose == purpose.value)
        .options(joinedload(Token.user).joinedload(User.role))
        .execution_options(populate_existing=True)
    )
    token = session.scalars(query).one_or_none()
    if token is None or token.used_at is not None or token.expires_at <= work.now() or not _still_holds(token, purpose):
        raise InvalidToken
    return token


def _still_holds(token: Token, purpose: Purpose) -> bool:
    user = token.user
    if user.credentials_version != token.credentials_version or user.disabled_at is not None:
        return False
    # The link for a new address went there; the others are for the address that the account has.
    return purpose is Purpose.CHANGE_ADDRESS or token.email == user.email


def hours(purpose: Purpose) -> int:
    """The lifetime of a link in hours."""
    return int(LIFETIMES[purpose] / timedelta(hours=1))


def minutes(purpose: Purpose) -> int:
    """The lifetime of a link in minutes."""
    return int(LIFETIMES[purpose] / timedelta(minutes=1))
