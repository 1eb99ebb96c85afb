"""The first administrator: the owner whom the settings name, or whoever uses the claim link (PWD-05)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from pyramid.interfaces import IRoutesMapper
from sqlalchemy import func, select

from flasky.languages import _
from flasky.mail.services import administrator
from flasky.plugins.accounts.errors import InvalidToken
from flasky.plugins.accounts.models import SecondFactor, User
from flasky.plugins.accounts.roles import administrators, assign, lock_administrators
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.work import Work
from flasky.security.keys import Signer

CLAIM_LIFETIME = timedelta(hours=24)


class Step(NamedTuple):
    """One of the first things to do on a new site; `route` is where, None where it is not a page."""

    title: Any
    done: bool
    route: str | None


def is_owner(work: Work, user: User) -> bool:
    """Whether `flasky.admin` names this member's confirmed address."""
    owner = administrator(work.registry)
    return owner is not None and user.confirmed_at is not None and user.email_key == owner.lower()


def promote_owner(work: Work, user: User) -> bool:
    """Make the member Administrator if `flasky.admin` names their confirmed address and they are not one yet.

    Called wherever an address becomes confirmed and at each signing in, so that it also holds for a setting that
    was set later.
    """
    if not is_owner(work, user):
        return False
    role = lock_administrators(work)
    if user.role_id == role.id:
        return False
    assign(work, user, role)
    return True


def claim_secret(work: Work) -> str | None:
    """What the claim link ends with; None on a site that has an administrator.

    It is signed, not stored: printing it at start must not write. It works once, as nobody can claim a site that has
    an administrator, and for a day.
    """
    if has_administrator(work):
        return None
    return Signer(work.registry, "accounts.claim").sign(str(int(work.now().timestamp())))


def claim_link(work: Work) -> str | None:
    """The address that makes its visitor the first administrator; None on a site that has one."""
    secret = claim_secret(work)
    if secret is None:
        return None
    path: str = work.registry.getUtility(IRoutesMapper).generate("accounts.claim", {"token": secret})
    return f"{work.settings['flasky.base_url']}{path}"


def may_claim(work: Work, secret: str) -> bool:
    """Whether the link is good and the site has no administrator. It only reads."""
    issued = Signer(work.registry, "accounts.claim").verify(secret)
    if issued is None or not 0 <= work.now().timestamp() - int(issued) < CLAIM_LIFETIME.total_seconds():
        return False
    return not has_administrator(work)


def claim(work: Work, secret: str, user: User) -> None:
    """Make the member the first Administrator, their address confirmed. Raises InvalidToken.

    Whoever reads the site's terminal or log is trusted like its settings, so the address needs no mail.
    """
    administrator_role = lock_administrators(work)
    if not may_claim(work, secret):
        raise InvalidToken
    user.confirmed_at = user.confirmed_at or work.now()
    record(work, Event.CLAIMED, user.id)
    assign(work, user, administrator_role)


def has_administrator(work: Work) -> bool:
    """Whether anybody can administer this site. It only reads."""
    return work.db.scalar(select(func.count()).select_from(administrators().subquery())) != 0


def first_steps(work: Work) -> list[Step]:
    """What the owner of a new site has to do, and what of that is done. It only reads."""
    members = select(func.count()).select_from(select(User.id).limit(2).subquery()).scalar_subquery()
    guarded = select(SecondFactor.user_id).where(
        SecondFactor.confirmed_at.is_not(None), SecondFactor.user_id.in_(administrators())
    )
    # One statement, as the home page of an administrator asks for it too.
    row = work.db.execute(select(administrators().exists(), guarded.exists(), members)).one()
    has_owner_setting = administrator(work.registry) is not None
    return [
        Step(_("Become the administrator of this site"), bool(row[0]), None),
        Step(_("Name the owner's address in the setting flasky.admin"), has_owner_setting, None),
        Step(_("Add a second factor to your account"), bool(row[1]), "accounts.two_factor"),
        Step(_("Welcome a second member"), row[2] > 1, "accounts.people"),
    ]
