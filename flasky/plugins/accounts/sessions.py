"""Sessions: who is signed in where, kept by the server (SES-01 to SES-08, P13).

The cookie holds 256 random bits, the table their fingerprint. Signing in, proving oneself and every change of rights
of one's own give a new id, and the old one is dead from then on.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import NamedTuple

from pyramid.csrf import new_csrf_token
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import delete, select, update
from sqlalchemy.orm import joinedload

from flasky.cookies import delete_cookie
from flasky.cookies import set_cookie as set_site_cookie
from flasky.plugins.accounts.models import User, UserSession
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.tokens import fingerprint, new_secret
from flasky.plugins.accounts.work import SESSION_COOKIE, Work

#: How long somebody may look for the code of their second factor.
CODE_LIFETIME = timedelta(minutes=10)


class SignedIn(NamedTuple):
    """A session that was just begun or renewed: what `set_cookie` puts into the browser.

    With `awaits_code` nobody is signed in yet: the code of the second factor is missing.
    """

    secret: str
    user: User
    awaits_code: bool
    #: Seconds that the browser keeps the cookie; None until it is closed.
    max_age: int | None


class SessionView(NamedTuple):
    """One of a member's sessions, for their list."""

    id: int
    created_at: datetime
    last_used_at: datetime
    address: str
    agent: str
    remember: bool
    current: bool


def set_cookie(request: Request, response: Response, signed_in: SignedIn) -> None:
    """Give the browser its session, and a new CSRF token (CSR-02)."""
    set_site_cookie(request, response, SESSION_COOKIE, signed_in.secret, max_age=signed_in.max_age)
    new_csrf_token(request)


def forget_cookie(request: Request, response: Response) -> None:
    """Make the browser forget its session, and what it kept of the site's pages (SES-03)."""
    delete_cookie(request, response, SESSION_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache"'
    new_csrf_token(request)


def lifetimes(work: Work, *, remember: bool) -> tuple[timedelta, timedelta]:
    """The longest pause between two uses, and the end that no use postpones."""
    kind = "remember" if remember else "session"
    return (
        timedelta(seconds=work.settings[f"accounts.{kind}_idle"]),
        timedelta(seconds=work.settings[f"accounts.{kind}_lifetime"]),
    )


def start(work: Work, user: User, *, remember: bool = False, awaits_code: bool = False) -> SignedIn:
    """Begin a session; the one that the browser had, whoever's it was, is over (SES-02)."""
    end_current(work)
    secret = new_secret()
    _idle, lifetime = lifetimes(work, remember=remember)
    now = work.now()
    work.db.add(
        UserSession(
            digest=fingerprint(secret),
            user_id=user.id,
            credentials_version=user.credentials_version,
            created_at=now,
            last_used_at=now,
            proven_at=now,
            expires_at=now + (CODE_LIFETIME if awaits_code else lifetime),
            remember=remember,
            awaits_code=awaits_code,
            address=masked(work.client.address),
            agent=work.client.agent,
        )
    )
    work.db.flush()
    max_age = int(lifetime.total_seconds()) if remember and not awaits_code else None
    return SignedIn(secret, user, awaits_code, max_age)


def renew(work: Work, user: User) -> SignedIn:
    """Give the session of this browser a new id, after its owner proved to be themselves."""
    row = current(work)
    secret = new_secret()
    now = work.now()
    if row is None or row.user_id != user.id:
        return start(work, user)
    row.digest = fingerprint(secret) or ""
    row.credentials_version = user.credentials_version
    row.proven_at = row.last_used_at = now
    work.db.flush()
    remaining = int((row.expires_at - now).total_seconds())
    return SignedIn(secret, user, awaits_code=False, max_age=remaining if row.remember else None)


def current(work: Work) -> UserSession | None:
    """The session that the browser's cookie names, whatever its state."""
    digest = fingerprint(work.cookie)
    if digest is None:
        return None
    query = select(UserSession).where(UserSession.digest == digest).options(joinedload(UserSession.user))
    return work.db.scalars(query).one_or_none()


def pending(work: Work) -> UserSession | None:
    """The session of this browser if it waits for the code of the second factor, with its member. It only reads."""
    row = current(work)
    usable = (
        row is not None
        and row.awaits_code
        and row.expires_at > work.now()
        and row.credentials_version == row.user.credentials_version
        and row.user.disabled_at is None
    )
    return row if usable else None


def end_current(work: Work) -> None:
    """End the session of this browser, if it has one."""
    digest = fingerprint(work.cookie)
    if digest is not None:
        work.db.execute(delete(UserSession).where(UserSession.digest == digest))


def own_sessions(work: Work, user_id: int) -> list[SessionView]:
    """The member's sessions that are still good, the last used first. It only reads."""
    session_id = work.identity.session_id if work.identity else None
    rows = work.db.execute(
        select(
            UserSession.id,
            UserSession.created_at,
            UserSession.last_used_at,
            UserSession.address,
            UserSession.agent,
            UserSession.remember,
            UserSession.expires_at,
        )
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.user_id == user_id,
            UserSession.awaits_code.is_(False),
            UserSession.credentials_version == User.credentials_version,
        )
        .order_by(UserSession.last_used_at.desc(), UserSession.id.desc())
    )
    return [
        SessionView(
            row.id, row.created_at, row.last_used_at, row.address, row.agent, row.remember, row.id == session_id
        )
        for row in rows
        if is_good(work, row.remember, row.last_used_at, row.expires_at)
    ]


def is_good(work: Work, remember: bool, last_used_at: datetime, expires_at: datetime) -> bool:
    """Whether neither the longest pause nor the end has passed (SES-07)."""
    idle, _lifetime = lifetimes(work, remember=remember)
    now = work.now()
    return now < expires_at and now - last_used_at < idle


def end_session(work: Work, user_id: int, session_id: int) -> bool:
    """End one of the member's sessions; False when they have none of that id."""
    query = delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id)
    ended = len(work.db.execute(query.returning(UserSession.id)).all()) == 1
    if ended:
        record(work, Event.SESSION_ENDED, user_id)
    return ended


def end_sessions(work: Work, user_id: int, *, but: int | None = None) -> int:
    """End the member's sessions, except for the one with the id `but`; returns how many there were."""
    query = delete(UserSession).where(UserSession.user_id == user_id)
    if but is not None:
        query = query.where(UserSession.id != but)
    ended = len(work.db.execute(query.returning(UserSession.id)).all())
    if ended:
        record(work, Event.SESSION_ENDED, user_id, sessions=ended)
    return ended


def note_use(work: Work, uses: dict[int, tuple[int, datetime]]) -> None:
    """Store when sessions were last used: `uses` maps their ids to the member's id and the moment."""
    seen: dict[int, datetime] = {}
    # In one order, all sessions before all members: two processes that store at once would wait for each other.
    for session_id, (user_id, moment) in sorted(uses.items()):
        seen[user_id] = max(moment, seen.get(user_id, moment))
        work.db.execute(
            update(UserSession)
            .where(UserSession.id == session_id, UserSession.last_used_at < moment)
            .values(last_used_at=moment)
        )
    for user_id, moment in sorted(seen.items()):
        work.db.execute(
            update(User)
            .where(User.id == user_id, (User.last_seen_at.is_(None)) | (User.last_seen_at < moment))
            .values(last_seen_at=moment)
        )


def forget_old(work: Work) -> None:
    """Remove sessions whose end or longest pause has passed."""
    now = work.now()
    for remember in (False, True):
        idle, _lifetime = lifetimes(work, remember=remember)
        work.db.execute(
            delete(UserSession).where(
                UserSession.remember.is_(remember),
                (UserSession.expires_at <= now) | (UserSession.last_used_at <= now - idle),
            )
        )


def masked(address: str) -> str:
    """A peer's address without what singles out one person: 192.0.2.x, 2001:db8:1::x."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return masked(str(parsed.ipv4_mapped))
        return f"{ipaddress.ip_network((parsed, 48), strict=False).network_address}x"
    return f"{str(parsed).rpartition('.')[0]}.x"
