"""Who sends a request: one statement for session, member, role and permissions together, none without a cookie."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import joinedload

from flasky.plugins.accounts.grants import ADMINISTRATOR, SIGNED_IN, USER, decisions_of_role, effective
from flasky.plugins.accounts.housekeeping import note_use
from flasky.plugins.accounts.identity_values import identity_columns
from flasky.plugins.accounts.models import Role, SecondFactor, User, UserSession
from flasky.plugins.accounts.sessions import is_good
from flasky.plugins.accounts.tokens import fingerprint
from flasky.plugins.accounts.work import RequestWork, Work, work_of

#: How long a proof of being oneself is good for sensitive changes (ACL-03).
PROOF_LIFETIME = timedelta(minutes=30)

_REGISTRY_KEY = "accounts.identity_statement"


class Identity(NamedTuple):
    """Somebody who is signed in."""

    user_id: int
    username: str
    name: str
    email: str | None
    role: str
    confirmed: bool
    permissions: frozenset[str]
    language: str | None
    timezone: str | None
    avatar_version: int
    session_id: int
    proven_at: datetime
    #: When their account is erased, if they asked for that; until they decide to stay they can do little else.
    deletion_due_at: datetime | None
    #: Their role asks for a second factor and they have none yet: until then they have a User's permissions.
    needs_second_factor: bool
    #: What other plug-ins want to know of them (`config.add_identity_value`), by name; as old as the request.
    values: Mapping[str, Any] = MappingProxyType({})

    def __eq__(self, other: object) -> bool:
        """Whether it is the same person, known as the same: `values` are not looked at, nor are other tuples equal."""
        return isinstance(other, Identity) and self[:-1] == other[:-1]

    # A tuple has one of its own, which would look at all.
    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:-1])

    @property
    def userid(self) -> str:
        """Who it is, for the log."""
        return str(self.user_id)

    @property
    def display_name(self) -> str:
        """The name that others see."""
        return self.name or self.username

    def proved(self, now: datetime) -> bool:
        """Whether their last proof of being themselves is at most 30 minutes old."""
        return now - self.proven_at < PROOF_LIFETIME


def identity(request: Request) -> Identity | None:
    """The identity provider of the site: whose session the cookie names, None when it names no good one (SES-08)."""
    if "HTTP_COOKIE" not in request.environ:
        # Most visitors: nothing is made for them.
        return None
    work = work_of(request)
    digest = fingerprint(work.cookie)
    if digest is None:
        return None
    statement, names = _prepared(work.registry)
    with work.reading() as connection:
        row = connection.execute(statement, {"digest": digest}).one_or_none()
    if row is None or not is_good(work, row.remember, row.last_used_at, row.expires_at):
        return None
    note_use(work, row.session_id, row.user_id, row.last_used_at, remember=row.remember)
    return _identity(work, row, names)


def user(request: Request) -> User | None:
    """`request.user`: the member who sends the request, with their role; one statement, when it is first asked for."""
    known: Identity | None = request.identity
    if known is None:
        return None
    found: User | None = request.db.get(User, known.user_id, options=[joinedload(User.role)])
    return found


def make_work(request: Request) -> RequestWork:
    """`request.accounts`: what the services of this plug-in work with."""
    return RequestWork(request)


def _prepared(registry: Registry) -> tuple[Select[Any, *tuple[Any, ...]], tuple[str, ...]]:
    """The statement of this site and the names of its further values; made once."""
    known: tuple[Select[Any, *tuple[Any, ...]], tuple[str, ...]] | None = registry.get(_REGISTRY_KEY)
    if known is None:
        columns = identity_columns(registry)
        known = registry[_REGISTRY_KEY] = (_statement().add_columns(*columns.values()), tuple(columns))
    return known


def _statement() -> Select[Any, *tuple[Any, ...]]:
    second_factor = (
        select(SecondFactor.user_id)
        .where(SecondFactor.user_id == User.id, SecondFactor.confirmed_at.is_not(None))
        .exists()
    )
    return (
        select(
            UserSession.id.label("session_id"),
            UserSession.last_used_at,
            UserSession.expires_at,
            UserSession.proven_at,
            UserSession.remember,
            User.id.label("user_id"),
            User.username,
            User.name,
            User.email,
            User.confirmed_at,
            User.deletion_due_at,
            User.language,
            User.timezone,
            User.avatar_version,
            Role.name.label("role"),
            decisions_of_role(User.role_id).scalar_subquery().label("decisions"),
            second_factor.label("has_second_factor"),
        )
        .join(User, User.id == UserSession.user_id)
        .join(Role, Role.id == User.role_id)
        .where(
            UserSession.digest == bindparam("digest"),
            UserSession.awaits_code.is_(False),
            # A session from before the last change of password or address is over (SES-04).
            UserSession.credentials_version == User.credentials_version,
            User.disabled_at.is_(None),
        )
    )


def _identity(work: Work, row: Any, names: tuple[str, ...]) -> Identity:
    needs_second_factor = (
        row.role == ADMINISTRATOR and work.settings["accounts.two_factor_required"] and not row.has_second_factor
    )
    permissions = effective(work.registry, row.role, row.decisions)
    if needs_second_factor:
        permissions &= effective(work.registry, USER, "")
    if row.confirmed_at is None or row.deletion_due_at is not None:
        permissions &= {SIGNED_IN}
    return Identity(
        user_id=row.user_id,
        username=row.username,
        name=row.name,
        email=row.email,
        role=row.role,
        confirmed=row.confirmed_at is not None,
        permissions=permissions,
        language=row.language,
        timezone=row.timezone,
        avatar_version=row.avatar_version,
        session_id=row.session_id,
        proven_at=row.proven_at,
        deletion_due_at=row.deletion_due_at,
        needs_second_factor=needs_second_factor,
        values={name: row._mapping[name] for name in names},  # noqa: SLF001 - a public name of SQLAlchemy's
    )
