"""Signing in: by password, by second factor, by a mailed link; proving oneself again; signing out.

A wrong name, a wrong password, a disabled account and one without a password are answered alike and take the time of
one hash (ENU-01). An account whose address is not confirmed signs in, and can do little more than confirm it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from flasky.languages import _
from flasky.plugins.accounts import confirmation, limits, sessions, tokens, two_factor
from flasky.plugins.accounts.errors import Fault, InvalidToken
from flasky.plugins.accounts.events import SignedIn as SignedInEvent
from flasky.plugins.accounts.later_mails import queue_link
from flasky.plugins.accounts.limits import PROOFS, SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS, SIGN_IN_SITE
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.ownership import promote_owner
from flasky.plugins.accounts.passwords import LONGEST_PASSWORD, get_hasher
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.sessions import SignedIn
from flasky.plugins.accounts.sign_in_methods import METHODS
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.usernames import canonical
from flasky.plugins.accounts.work import Work

_LONGEST_LOGIN = 254


class BadCredentials(Exception):
    """The name and the password do not belong together; nothing more is told."""


class Known(NamedTuple):
    """A member as they were when a password was checked."""

    id: int
    password_hash: str | None
    credentials_version: int
    disabled: bool


def sign_in(work: Work, login: str, password: str, *, remember: bool = False) -> SignedIn:
    """Begin a session for the member whose name or address is `login`.

    With a second factor the session awaits its code. Raises BadCredentials, TooManyTries and Busy.
    """
    known = _find(work, login)
    counted = _counted(work, login, known)
    limits.check(work, *counted, user_id=known.id if known else None)
    if not _is_right(work, known, password):
        limits.count(work, *counted)
        record(work, Event.SIGN_IN_FAILED, known.id if known else None)
        raise BadCredentials
    assert known is not None  # noqa: S101 - narrows the type: nobody unknown has the right password
    new_hash = _renewed_hash(work, known, password)
    user = lock_member(work, known)
    if user is None:
        raise BadCredentials
    user.password_hash = new_hash or user.password_hash
    if two_factor.is_on(work, user.id):
        return sessions.start(work, user, remember=remember, awaits_code=True)
    return _enter(work, user, remember=remember, how="password")


def enter_code(work: Work, code: str) -> SignedIn:
    """Complete signing in with the code of the second factor, or with a recovery code.

    Raises InvalidToken when this browser did not give a right password a short while ago, Fault for a wrong code,
    TooManyTries.
    """
    waiting = sessions.pending(work)
    if waiting is None:
        raise InvalidToken
    two_factor.check(work, waiting.user, code)
    return _enter(work, waiting.user, remember=waiting.remember, how="second_factor")


def ask_for_link(work: Work, login: str) -> None:
    """Have a link mailed that signs the member in, if there is one with that name or address. Raises TooManyTries.

    What the visitor sees, and the work, are alike for all (ENU-03).
    """
    known = _find(work, login)
    # By what was typed, for known and unknown alike: counted by the member, a name that is refused after many tries
    # with an address would tell whose address it is. How many mails a member gets at most is for the job.
    key = limits.text_key(canonical(login[:_LONGEST_LOGIN]))
    limits.spend(work, (limits.LINKS, key), (limits.MAILS, limits.peer_key(work)))
    queue_link(work, Purpose.SIGN_IN, known.id if known else None)


def sign_in_by_link(work: Work, secret: str) -> SignedIn:
    """Begin a session for the member to whom the link was mailed; the second factor is still asked for.

    Raises InvalidToken.
    """
    user = tokens.redeem(work, Purpose.SIGN_IN, secret).user
    confirmation.mark_confirmed(work, user)
    if two_factor.is_on(work, user.id):
        return sessions.start(work, user, awaits_code=True)
    return _enter(work, user, remember=False, how="link")


def sign_in_by_method(work: Work, method: str, user_id: int | None, *, remember: bool = False) -> SignedIn:
    """Begin a session for the member whom a sign-in method of another plug-in found; None is nobody.

    With a second factor the session awaits its code. Raises LookupError for a method that was not declared,
    BadCredentials for nobody and for a member who is shut out, TooManyTries.
    """
    if method not in METHODS.contributions(work.registry):
        raise LookupError(f"no plug-in declares the sign-in method {method!r}: call config.add_sign_in_method")
    known = _select(work, User.id == user_id) if user_id is not None else None
    counted = _counted(work, f"method {method}", known)
    limits.check(work, *counted, user_id=known.id if known else None)
    user = lock_member(work, known) if known is not None and not known.disabled else None
    if user is None:
        limits.count(work, *counted)
        record(work, Event.SIGN_IN_FAILED, known.id if known else None, how=method)
        raise BadCredentials
    if two_factor.is_on(work, user.id):
        return sessions.start(work, user, remember=remember, awaits_code=True)
    return _enter(work, user, remember=remember, how=method)


def prove(work: Work, password: str) -> SignedIn:
    """Renew the session of whoever is signed in and gives their password again. Raises Fault, TooManyTries, Busy."""
    user = own_member(work, password, field="password")
    record(work, Event.PROVED, user.id)
    return sessions.renew(work, user)


def own_member(work: Work, password: str, *, field: str) -> User:
    """The member who is signed in, locked, if that is their password. Raises Fault for `field`, TooManyTries, Busy."""
    user = lock_member(work, check_own_password(work, password, field=field))
    if user is None:
        raise _not_your_password(field)
    return user


def check_own_password(work: Work, password: str, *, field: str) -> Known:
    """Whoever is signed in, not locked, if that is their password. Raises Fault for `field`, TooManyTries, Busy.

    Somebody else at an open browser could try as well, so tries are limited here too.
    """
    identity = work.identity
    if identity is None:
        raise InvalidToken
    counted = (PROOFS, str(identity.user_id))
    limits.check(work, counted, user_id=identity.user_id)
    known = _select(work, User.id == identity.user_id)
    if known is None or not _is_right(work, known, password):
        limits.count(work, counted)
        record(work, Event.PROOF_FAILED, identity.user_id)
        raise _not_your_password(field)
    return known


def sign_out(work: Work) -> None:
    """End the session of this browser (SES-03)."""
    if work.identity is not None:
        record(work, Event.SIGNED_OUT, work.identity.user_id)
    sessions.end_current(work)


def _enter(work: Work, user: User, *, remember: bool, how: str) -> SignedIn:
    tokens.void(work, user, Purpose.RESET, Purpose.SIGN_IN)
    promote_owner(work, user)
    record(work, Event.SIGNED_IN, user.id, how=how)
    signed_in = sessions.start(work, user, remember=remember)
    user.last_seen_at = work.now()
    if user.language is None:
        # Whoever was made on the command line: their mails would go on being in the first of the site's languages.
        user.language = work.language
    work.db.flush()
    work.registry.notify(SignedInEvent(work, user))
    return signed_in


def _find(work: Work, login: str) -> Known | None:
    text = limits.storable(login.strip())
    if not text or len(text) > _LONGEST_LOGIN:
        return None
    by_name = User.username_key == canonical(text)
    return _select(work, or_(by_name, User.email_key == text.lower()) if "@" in text else by_name)


def _select(work: Work, condition: Any) -> Known | None:
    # On a reading connection: the hash that follows must not hold the lock for writing.
    query = select(User.id, User.password_hash, User.credentials_version, User.disabled_at.is_not(None))
    with work.reading() as connection:
        row = connection.execute(query.where(condition)).one_or_none()
    return None if row is None else Known(*row)


def _counted(work: Work, login: str, known: Known | None) -> tuple[tuple[limits.Limit, str], ...]:
    peer = limits.peer_key(work)
    # By the member and not by what was typed: a name can be typed in many ways.
    account = str(known.id) if known else limits.text_key(canonical(login[:_LONGEST_LOGIN]))
    return (SIGN_IN_ACCOUNT, f"{account} {peer}"), (SIGN_IN_ADDRESS, peer), (SIGN_IN_SITE, "all")


def _is_right(work: Work, known: Known | None, password: str) -> bool:
    usable = known is not None and not known.disabled
    # What is longer was never accepted; hashing it would only cost.
    right = get_hasher(work.registry).verify(known.password_hash if known else None, password[: LONGEST_PASSWORD + 1])
    return right and usable


def lock_member(work: Work, known: Known) -> User | None:
    """The member, locked; None when their password or state changed since it was checked.

    What refers to them can be stored meanwhile: a notice for who just signs in waits for nothing.
    """
    user = work.db.scalars(
        select(User)
        .where(User.id == known.id)
        .options(joinedload(User.role))
        .with_for_update(of=User, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if user is None or user.credentials_version != known.credentials_version or user.disabled_at is not None:
        return None
    return user


def _renewed_hash(work: Work, known: Known, password: str) -> str | None:
    """The password hashed again if the parameters in the settings changed (PWD-03)."""
    hasher = get_hasher(work.registry)
    outdated = known.password_hash is not None and hasher.is_outdated(known.password_hash)
    return hasher.hash(password) if outdated else None


def _not_your_password(field: str) -> Fault:
    return Fault(field, _("This is not your password."))
