"""Access tokens: making, knowing and revoking them (TOK-05, SES-06).

A token may do what its owner chose for it, as far as they may do it themselves at that moment. It ends with its time,
when it is revoked, and with every change of the owner's password or address, as sessions do.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select, update

from flasky.api_resources import asked_permissions
from flasky.languages import _
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import (
    Event,
    Fault,
    Identity,
    Limit,
    Work,
    make_identity,
    record,
    select_identity,
    send_to_member,
    spend,
)
from flasky.plugins.api.models import LONGEST_NAME, AccessToken
from flasky.plugins.api.spelling import fingerprint, new_token

#: To have tokens.
PERMISSION = "api.tokens"
#: The days that a token can be good for.
LIFETIMES = (30, 90, 365)
#: How many a member can have.
MOST = 20

_MADE = Limit("api.made", MOST, 86400)
_STATEMENT = "api.identity_statement"


class Known(NamedTuple):
    """Who a token is for. Its fingerprint names it: SQLite gives the id of one that is revoked to another."""

    digest: str
    identity: Identity
    last_used_at: datetime | None


class TokenView(NamedTuple):
    """One of a member's tokens, for their list."""

    id: int
    name: str
    permissions: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


def make(work: Work, user_id: int, name: str, permissions: Collection[str], days: int) -> str:
    """Make a token for the member and tell them by mail; returns it, which nobody can do a second time.

    `permissions` are among those that are `offered`; what the member has not, the token does not give. `days` is
    one of LIFETIMES. Raises Fault, TooManyTries.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        raise Fault("name", _("Give it a name of at most ${number} characters.", mapping={"number": LONGEST_NAME}))
    chosen = set(permissions)
    if not chosen or chosen - set(offered(work)):
        raise Fault("permissions", _("Choose what the program may do."))
    if days not in LIFETIMES:
        raise Fault("days", _("Choose how long it is good."))
    # Locked: two that are made at the same moment would each find room for one.
    user = work.db.get_one(User, user_id, with_for_update={"key_share": True})
    if len(own(work, user_id)) >= MOST:
        reason = _("You have ${number} tokens. Revoke one that you do not need any more.", mapping={"number": MOST})
        raise Fault("name", reason)
    spend(work, (_MADE, str(user_id)), user_id=user_id)
    token, now = new_token(), work.now()
    work.db.add(
        AccessToken(
            digest=fingerprint(token),
            user_id=user_id,
            credentials_version=user.credentials_version,
            name=name,
            permissions=" ".join(sorted(chosen)),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    work.db.flush()
    record(work, Event.TOKEN_MADE, user_id, name=name, permissions=sorted(chosen), days=days)
    send_to_member(work, "mail/changed", user, what="token_made")
    return token


def offered(work: Work) -> list[str]:
    """The permissions that a token can have: those that API resources ask for, and whoever is signed in has."""
    asked = asked_permissions(work.registry)
    return asked if work.identity is None else [name for name in asked if name in work.identity.permissions]


def known_by(work: Work, token: str) -> Known | None:
    """Who a token is for, by one statement; None for one that is wrong, void, revoked or expired."""
    digest = fingerprint(token)
    if digest is None:
        return None
    asked = work.registry.get(_STATEMENT)
    if asked is None:
        columns = ("permissions", "expires_at", "last_used_at")
        named = (getattr(AccessToken, column).label(f"token_{column}") for column in columns)
        asked = select_identity(work.registry, AccessToken, *named)
        asked = asked._replace(statement=asked.statement.where(AccessToken.digest == bindparam("digest")))
        work.registry[_STATEMENT] = asked
    with work.reading() as connection:
        row = connection.execute(asked.statement, {"digest": digest}).one_or_none()
    if row is None or row.token_expires_at <= work.now():
        return None
    owner = make_identity(work, row, asked.names)
    # Who may have no tokens any more has none that may do anything.
    chosen = frozenset(row.token_permissions.split()) if PERMISSION in owner.permissions else frozenset()
    identity = owner._replace(permissions=owner.permissions & chosen)
    return Known(digest, identity, row.token_last_used_at)


def own(work: Work, user_id: int) -> list[TokenView]:
    """The member's tokens that are still good, the newest first. It only reads."""
    query = (
        select(AccessToken)
        .join(User, User.id == AccessToken.user_id)
        .where(
            AccessToken.user_id == user_id,
            AccessToken.expires_at > work.now(),
            AccessToken.credentials_version == User.credentials_version,
        )
        .order_by(AccessToken.id.desc())
    )
    return [
        TokenView(row.id, row.name, tuple(row.permissions.split()), row.created_at, row.expires_at, row.last_used_at)
        for row in work.db.scalars(query)
    ]


def revoke(work: Work, user_id: int, token_id: int) -> bool:
    """End one of the member's tokens, from the next request on; False when they have none of that id."""
    query = delete(AccessToken).where(AccessToken.id == token_id, AccessToken.user_id == user_id)
    name = work.db.scalar(query.returning(AccessToken.name))
    if name is None:
        return False
    record(work, Event.TOKEN_REVOKED, user_id, name=name)
    return True


def revoke_leaked(work: Work, token: str) -> User | None:
    """End a token that somebody found, and tell its owner; returns them, None where it is nobody's."""
    digest = fingerprint(token)
    query = delete(AccessToken).where(AccessToken.digest == digest)
    row = work.db.execute(query.returning(AccessToken.user_id, AccessToken.name)).one_or_none() if digest else None
    if row is None:
        return None
    user = work.db.get_one(User, row.user_id)
    record(work, Event.TOKEN_REVOKED, user.id, name=row.name, leaked=True)
    send_to_member(work, "mail/changed", user, what="token_leaked")
    return user


def note_use(work: Work, uses: dict[str, tuple[int, datetime]]) -> None:
    """Store when tokens were last used: `uses` maps their fingerprints to the owner's id and the moment."""
    # In one order: two processes that store at the same time would wait for each other.
    for digest, (_user_id, moment) in sorted(uses.items()):
        work.db.execute(update(AccessToken).where(AccessToken.digest == digest).values(last_used_at=moment))


def forget_void(work: Work) -> None:
    """Remove what expired, and what a new password or address made void."""
    version = select(User.credentials_version).where(User.id == AccessToken.user_id).scalar_subquery()
    void = (AccessToken.expires_at <= work.now()) | (AccessToken.credentials_version != version)
    work.db.execute(delete(AccessToken).where(void).execution_options(synchronize_session=False))
