"""Who sends a request: one statement for session, member, role and permissions together, none without a cookie.

Whoever knows members by something else than a session (an access token of theirs) makes its identities here, too
(`select_identity`, `make_identity`): what keeps a member out, or lets them do less, is said once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import joinedload

from flasky.plugins.accounts.events import Denied
from flasky.plugins.accounts.grants import ADMINISTRATOR, SIGNED_IN, USER, decisions_of_role, effective
from flasky.plugins.accounts.housekeeping import note_use
from flasky.plugins.accounts.identity_values import identity_columns
from flasky.plugins.accounts.models import Role, SecondFactor, User, UserSession
from flasky.plugins.accounts.proof import ProofNeeded
from flasky.plugins.accounts.sessions import is_good
from flasky.plugins.accounts.tokens import fingerprint
from flasky.plugins.accounts.work import RequestWork, Work, work_of

#: How long a proof of being oneself is good for sensitive changes (ACL-03).
PROOF_LIFETIME = timedelta(minutes=30)
#: For who is known by something that is no proof of being oneself.
NEVER = datetime.min.replace(tzinfo=UTC)

_REGISTRY_KEY = "accounts.identity_statement"


class Identity(NamedTuple):
    """Somebody who is signed in, or for whom a program acts."""

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
    #: 0 where it is no session that they are known by.
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
    known = work.registry.get(_REGISTRY_KEY)
    if known is None:
        known = work.registry[_REGISTRY_KEY] = _statement(work.registry)
    with work.reading() as connection:
        row = connection.execute(known.statement, {"digest": digest}).one_or_none()
    if row is None or not is_good(work, row.remember, row.last_used_at, row.expires_at):
        return None
    note_use(work, row.session_id, row.user_id, row.last_used_at, remember=row.remember)
    return make_identity(work, row, known.names, session_id=row.session_id, proven_at=row.proven_at)


def tell_denials(request: Request) -> None:
    """Publish `Denied` if the member who sends this request is refused what they ask for."""
    # Not a subscriber to every response: visitors, who are most, have no use for one.
    request.add_response_callback(_tell_denial)


def _tell_denial(request: Request, response: Response) -> None:
    asked = isinstance(getattr(request, "exception", None), ProofNeeded)
    if response.status_code == 403 and not asked:
        request.registry.notify(Denied(request, request.identity.user_id))


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


class IdentityStatement(NamedTuple):
    """A statement that finds who it is, and the names of the further values in its rows."""

    statement: Select[Any, *tuple[Any, ...]]
    names: tuple[str, ...]


def _statement(registry: Registry) -> IdentityStatement:
    known = select_identity(
        registry,
        UserSession,
        UserSession.id.label("session_id"),
        UserSession.last_used_at,
        UserSession.expires_at,
        UserSession.proven_at,
        UserSession.remember,
    )
    found = known.statement.where(UserSession.digest == bindparam("digest"), UserSession.awaits_code.is_(False))
    return known._replace(statement=found)


def select_identity(registry: Registry, credential: Any, *columns: Any) -> IdentityStatement:
    """The statement for `columns` of rows of `credential`, with what `make_identity` wants of their members.

    `credential` is a mapped class with `user_id` and `credentials_version`: a row from before the last change of
    password or address is not found (SES-04), nor that of a member who is disabled. Which row it is the caller adds.
    """
    values = identity_columns(registry)
    second_factor = (
        select(SecondFactor.user_id)
        .where(SecondFactor.user_id == User.id, SecondFactor.confirmed_at.is_not(None))
        .exists()
    )
    statement = (
        select(
            *columns,
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
            *values.values(),
        )
        .select_from(credential)
        .join(User, User.id == credential.user_id)
        .join(Role, Role.id == User.role_id)
        .where(credential.credentials_version == User.credentials_version, User.disabled_at.is_(None))
    )
    return IdentityStatement(statement, tuple(values))


def make_identity(
    work: Work,
    row: Any,
    names: tuple[str, ...],
    *,
    session_id: int = 0,
    proven_at: datetime = NEVER,
) -> Identity:
    """The identity of a row of `select_identity`, with the permissions of this moment."""
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
        language=row.language or None,
        timezone=row.timezone,
        avatar_version=row.avatar_version,
        session_id=session_id,
        proven_at=proven_at,
        deletion_due_at=row.deletion_due_at,
        needs_second_factor=needs_second_factor,
        values={name: row._mapping[name] for name in names},  # noqa: SLF001 - a public name of SQLAlchemy's
    )
