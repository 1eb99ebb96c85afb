"""Joining: who may, and the account of whoever does.

An address that already has an account is answered like any other, with the same work (ENU-02, ENU-03): its owner gets a
mail that says so. A name that is taken is said to be taken: names are public.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from translationstring import TranslationString

from flasky.languages import _
from flasky.mail.addresses import InvalidAddress, clean_address
from flasky.plugins.accounts import limits, tokens
from flasky.plugins.accounts.errors import Fault, Faults, InvalidToken, Refused
from flasky.plugins.accounts.events import Confirmed, Registered
from flasky.plugins.accounts.grants import USER
from flasky.plugins.accounts.later_mails import queue_after_joining
from flasky.plugins.accounts.mails import send
from flasky.plugins.accounts.models import Invitation, Role, User
from flasky.plugins.accounts.ownership import promote_owner
from flasky.plugins.accounts.passwords import check_password, get_hasher
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.usernames import canonical, check_username, skeleton
from flasky.plugins.accounts.work import Work

OPEN, INVITATION, CLOSED = MODES = ("open", "invitation", "closed")
INVITATION_LIFETIME = timedelta(days=7)


class Outcome(NamedTuple):
    """What registering led to. `user` is None when the address has an account: the page must not show it."""

    user: User | None


class Invited(NamedTuple):
    """Whom an invitation was mailed to."""

    id: int
    email: str


class NoSuchRole(LookupError):
    """A role was named that does not exist."""


def is_open(work: Work) -> bool:
    """Whether anybody may join."""
    return bool(work.settings["accounts.registration"] == OPEN)


def register(work: Work, *, username: str, email: str, password: str, invitation: str = "") -> Outcome:
    """Make an account and send its owner the link that confirms the address.

    `invitation` is the token of a mailed invitation: its address counts as confirmed. Raises Faults for what was
    typed, Refused when the site does not let people join, InvalidToken for a bad invitation, TooManyTries, Busy.
    """
    invited = find_invitation(work, invitation) if invitation else None
    _check_mode(work, invited)
    limits.spend(work, (limits.REGISTRATIONS, limits.peer_key(work)))
    shown, address = _check_form(work, username, email, password)
    # Hashed whether or not the address is known, and before the database is locked for writing.
    password_hash = get_hasher(work.registry).hash(password)
    owner_id = _owner_of(work, shown, address)
    return _join(work, User(username=shown, email=address, password_hash=password_hash), invited, owner_id)


def create(
    work: Work,
    *,
    username: str,
    email: str | None,
    password: str | None,
    role: str = USER,
    confirmed: bool = True,
) -> User:
    """Make an account from the command line: no mail, no limit, and no list of reserved names.

    Raises Faults, NoSuchRole and Busy.
    """
    faults = {}
    found = find_role(work, role)
    try:
        address = clean_address(email) if email else None
    except InvalidAddress as error:
        faults["email"] = error.reason
    try:
        shown = check_username(username, reserved=True)
        if password is not None:
            check_password(work, password, username=username, email=email or "")
    except Fault as fault:
        faults[fault.field] = fault.reason
    if faults:
        raise Faults(faults)
    if _owner_of(work, shown, address) is not None:
        raise Faults({"email": _("There is an account with this address.")})
    user = User(username=shown, email=address)
    user.password_hash = None if password is None else get_hasher(work.registry).hash(password)
    user.confirmed_at = work.now() if confirmed and address else None
    if not _insert(work, user, found):
        raise Faults({"username": _taken()})
    record(work, Event.REGISTERED, user.id)
    work.registry.notify(Registered(work, user))
    return user


def invite(work: Work, email: str) -> Invitation:
    """Mail somebody a link with which they can join, whatever the mode. Raises Fault for a bad address."""
    try:
        address = clean_address(email)
    except InvalidAddress as error:
        raise Fault("email", error.reason) from error
    if work.db.scalar(select(User.id).where(User.email_key == address.lower())) is not None:
        raise Fault("email", _("There is an account with this address."))
    secret = tokens.new_secret()
    inviter = work.identity.user_id if work.identity else None
    invitation = Invitation(
        digest=tokens.fingerprint(secret),
        email=address,
        invited_by_id=inviter,
        created_at=work.now(),
        expires_at=work.now() + INVITATION_LIFETIME,
    )
    work.db.add(invitation)
    work.db.flush()
    send(work, "mail/invitation", address, token=secret, days=INVITATION_LIFETIME.days)
    record(work, Event.INVITED, email=address)
    return invitation


def forget_old_invitations(work: Work) -> None:
    """Remove invitations that expired: they hold addresses of people who may never have asked for one."""
    work.db.execute(delete(Invitation).where(Invitation.expires_at <= work.now()))


def find_invitation(work: Work, secret: str) -> Invited:
    """The invitation that was mailed with this token. It only reads. Raises InvalidToken."""
    digest = tokens.fingerprint(secret)
    if digest is None:
        raise InvalidToken
    query = select(Invitation.id, Invitation.email).where(
        Invitation.digest == digest, Invitation.used_at.is_(None), Invitation.expires_at > work.now()
    )
    with work.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise InvalidToken
    return Invited(row.id, row.email)


def find_role(work: Work, name: str) -> Role:
    """The role of that name. Raises NoSuchRole, which names the ones that exist."""
    role = work.db.scalars(select(Role).filter_by(name=name)).one_or_none()
    if role is None:
        names = ", ".join(work.db.scalars(select(Role.name).order_by(Role.id)))
        raise NoSuchRole(f"There is no role {name!r}. There are: {names or 'none; run the migrations'}.")
    return role


def _check_mode(work: Work, invited: Invited | None) -> None:
    mode = work.settings["accounts.registration"]
    if mode == CLOSED:
        raise Refused(_("This site does not take new members."))
    if mode == INVITATION and invited is None:
        raise Refused(_("Joining this site needs an invitation."))


def _check_form(work: Work, username: str, email: str, password: str) -> tuple[str, str]:
    faults, shown, address = {}, "", ""
    try:
        shown = check_username(username)
    except Fault as fault:
        faults["username"] = fault.reason
    try:
        address = clean_address(email.strip())
    except InvalidAddress as error:
        faults["email"] = error.reason
    try:
        check_password(work, password, username=username, email=email)
    except Fault as fault:
        faults["password"] = fault.reason
    if faults:
        raise Faults(faults)
    return shown, address


def _owner_of(work: Work, shown: str, address: str | None) -> int | None:
    """Whose account has the address. Raises Faults when the name is taken."""
    same_name = or_(User.username_key == canonical(shown), User.username_skeleton == skeleton(shown))
    same_address = User.email_key == (address or "").lower()
    # One statement sees one moment: of two, the second could see an account that the first did not.
    found = work.db.execute(select(User.id, same_name).where(or_(same_name, same_address))).all()
    if any(has_name for _user_id, has_name in found):
        raise Faults({"username": _taken()})
    return found[0].id if found else None


def _taken() -> TranslationString:
    return _("This name is taken, or looks like one that is. Choose another.")


def _join(work: Work, user: User, invited: Invited | None, owner_id: int | None) -> Outcome:
    role = find_role(work, USER)
    user.language = work.language
    user.created_at = work.now()
    if invited is not None and invited.email == user.email:
        user.confirmed_at = work.now()
    # Tried for a known address too, where the database refuses it: the same work (ENU-03).
    if not _insert(work, user, role):
        return _refuse_known(work, owner_id or _owner_of(work, user.username, user.email))
    if invited is not None:
        _use_up(work, invited)
    record(work, Event.REGISTERED, user.id)
    queue_after_joining(work, user.id, is_new=True)
    work.registry.notify(Registered(work, user))
    if user.confirmed_at is not None:
        work.registry.notify(Confirmed(work, user))
        promote_owner(work, user)
    return Outcome(user)


def _insert(work: Work, user: User, role: Role) -> bool:
    """Store the account; False when a parallel request stored one with the same name or address first (CON-01)."""
    try:
        # A savepoint: without it the failed statement would take the whole transaction with it.
        with work.db.begin_nested():
            work.db.add(user)
            user.role = role
            work.db.flush()
    except IntegrityError:
        return False
    return True


def _refuse_known(work: Work, owner_id: int | None) -> Outcome:
    assert owner_id is not None  # noqa: S101 - narrows the type: the name is free, so it was the address
    record(work, Event.ADDRESS_USED, owner_id)
    queue_after_joining(work, owner_id, is_new=False)
    return Outcome(None)


def _use_up(work: Work, invited: Invited) -> None:
    used = work.db.execute(
        update(Invitation)
        .where(Invitation.id == invited.id, Invitation.used_at.is_(None))
        .values(used_at=work.now())
        .returning(Invitation.id)
    )
    if used.one_or_none() is None:
        raise InvalidToken
