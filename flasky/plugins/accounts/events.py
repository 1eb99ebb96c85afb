"""What other plug-ins can subscribe to: `config.add_subscriber(function, Registered)`.

Each but `Denied` is published in the transaction of the change, before it commits: what a subscriber stores through
`event.work.db` is there if and only if the change is. One that raises `Fault` or `Refused` of `accounts.services`, an
HTTP exception or another `flasky.events.Refusal` undoes the change; one that fails in any other way is undone alone
and logged with its plug-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pyramid.request import Request
from sqlalchemy.orm import Session

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import Work


@dataclass(frozen=True)
class MemberEvent:
    """Something happened to `user`; `work` holds the session, the registry and who is asking."""

    work: Work
    user: User

    @property
    def session(self) -> Session:
        """The session that holds the transaction of the change."""
        return self.work.db


class Registered(MemberEvent):
    """Somebody joined; their address may not be confirmed yet."""


class Confirmed(MemberEvent):
    """A member proved that they read the mails to their address."""


class SignedIn(MemberEvent):
    """A member signed in."""


@dataclass(frozen=True)
class RoleChanged(MemberEvent):
    """A member got another role; `former` is the name of the role before."""

    former: str


class ProfileChanged(MemberEvent):
    """A member who is disabled or leaving has no profile any more, or has it again (`user.has_profile`): links to it
    come and go. Or somebody who looks after members took texts or the picture away from it."""


class NameChanged(MemberEvent):
    """A member changed the name that others see beside the user name, or it was taken away: `user.name`."""


class Deleted(MemberEvent):
    """A member is being erased; the row of `user` is gone when the transaction commits."""


class Denied(NamedTuple):
    """A member was refused a page, which is their answer: the transaction of the request has ended. One who is only
    asked for their password was not refused."""

    request: Request
    user_id: int
