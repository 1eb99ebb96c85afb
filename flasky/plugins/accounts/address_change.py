"""Another mail address: asked for with the password, confirmed from the new one, told to the old one (PWD-04)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flasky.languages import _
from flasky.mail.addresses import InvalidAddress, clean_address
from flasky.plugins.accounts import limits, sessions, tokens
from flasky.plugins.accounts.authentication import own_member
from flasky.plugins.accounts.confirmation import mark_confirmed
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.work import Work


def ask(work: Work, email: str, password: str) -> None:
    """Mail a link to the new address. Raises Fault for `email` or `password`, TooManyTries, Busy.

    An address that has an account is answered alike, and its owner told (ENU-02).
    """
    try:
        address = clean_address(email.strip())
    except InvalidAddress as error:
        raise Fault("email", error.reason) from error
    user = own_member(work, password, field="password")
    limits.spend(work, (limits.ADDRESS_CHANGES, str(user.id)), user_id=user.id)
    record(work, Event.ADDRESS_CHANGE_ASKED, user.id)
    other = work.db.scalars(select(User).where(User.email_key == address.lower(), User.id != user.id)).one_or_none()
    # Made for both, and one mail for both: the same work (ENU-03). The link of an address that is taken is never sent.
    secret = tokens.issue(work, Purpose.CHANGE_ADDRESS, user, address)
    if other is not None:
        if not limits.get_limiter(work.registry).hit(limits.KNOWN_ADDRESSES, str(other.id)):
            send_to_member(work, "mail/known_address", other)
        return
    hours = tokens.hours(Purpose.CHANGE_ADDRESS)
    send_to_member(work, "mail/change_address", user, to=address, token=secret, hours=hours)


def change(work: Work, secret: str) -> User:
    """Give the member the address that the link was mailed to; every session ends but this browser's.

    Raises InvalidToken, and Refused when somebody else has taken the address meanwhile.
    """
    token = tokens.redeem(work, Purpose.CHANGE_ADDRESS, secret)
    user, former = token.user, token.user.email
    try:
        with work.db.begin_nested():
            user.email = token.email
            user.credentials_version += 1
            work.db.flush()
    except IntegrityError as error:
        raise Refused(_("There is an account with this address.")) from error
    _keep_own_session(work, user)
    tokens.void(work, user, *Purpose)
    record(work, Event.ADDRESS_CHANGED, user.id)
    for address in filter(None, (former, user.email)):
        send_to_member(work, "mail/changed", user, to=address, what="address")
    mark_confirmed(work, user)
    return user


def _keep_own_session(work: Work, user: User) -> None:
    identity = work.identity
    own = identity.session_id if identity is not None and identity.user_id == user.id else None
    sessions.end_sessions(work, user.id, but=own)
    row = sessions.current(work) if own is not None else None
    if row is not None:
        row.credentials_version = user.credentials_version
        work.db.flush()
