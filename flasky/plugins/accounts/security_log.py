"""The record of what happened to accounts, for their owners and for the administrators (LOG-02).

What was *done* is recorded in the transaction that does it: neither is there without the other. What was *refused*
is recorded afterwards, in a transaction of its own, as the request's own is rolled back with the refusal (P7); on
SQLite, where one transaction writes at a time, it could not even begin earlier. Of what one can be refused without end
(a limit that is reached, a page that is not for them) the first times of a while are recorded, and all are in the log:
each is a write, and they would bury the rest.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from pyramid.registry import Registry
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from flasky.database import get_database
from flasky.plugins.accounts.models import SecurityEvent, User
from flasky.plugins.accounts.work import Work
from flasky.security.keys import Signer

logger = logging.getLogger(__name__)


class Event(StrEnum):
    """What can be in the record."""

    REGISTERED = "registered"
    INVITED = "invited"
    CONFIRMED = "confirmed"
    ADDRESS_USED = "address_used"
    ADDRESS_USED_MAILED = "address_used_mailed"
    LINK_MAILED = "link_mailed"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    PROVED = "proved"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an event
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of an event
    RESET_ASKED = "reset_asked"
    ADDRESS_CHANGED = "address_changed"
    ADDRESS_CHANGE_ASKED = "address_change_asked"
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    ROLE_CHANGED = "role_changed"
    PERMISSION_CHANGED = "permission_changed"
    DISABLED = "disabled"
    ENABLED = "enabled"
    PROFILE_EMPTIED = "profile_emptied"
    EXPORTED = "exported"
    LEAVING = "leaving"
    STAYED = "stayed"
    ERASED = "erased"
    CLAIMED = "claimed"
    TOKEN_MADE = "token_made"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the name of an event
    # Refused:
    SIGN_IN_FAILED = "sign_in_failed"
    CODE_FAILED = "code_failed"
    PROOF_FAILED = "proof_failed"
    LIMITED = "limited"
    DENIED = "denied"


REFUSALS = frozenset({Event.SIGN_IN_FAILED, Event.CODE_FAILED, Event.PROOF_FAILED, Event.LIMITED, Event.DENIED})


class Recorded(NamedTuple):
    """An event for people: when, what, about whom, by whom, in which request."""

    at: datetime
    event: Event
    username: str | None
    actor: str | None
    request_id: str
    details: dict[str, Any]


def record(work: Work, event: Event, user_id: int | None = None, **details: Any) -> None:
    """Record `event` about the member `user_id`; whoever is signed in did it, else the member.

    `details` are JSON values for people. Never a password, token, code or whole address of a peer.
    """
    values = note(work, event, user_id, **details)
    if event in REFUSALS:
        work.afterwards(lambda: _write(work.registry, values))
    else:
        work.db.add(SecurityEvent(**values))


def note(work: Work, event: Event, user_id: int | None = None, **details: Any) -> dict[str, Any]:
    """Write `event` into the log alone, for what comes often; returns what `record` stores of it."""
    identity = work.identity
    values = {
        "at": work.now(),
        "event": event.value,
        "user_id": user_id,
        "actor_id": identity.user_id if identity is not None else user_id,
        "request_id": work.client.request_id,
        "address_hash": hash_address(work.registry, work.client.address),
        "details": details,
    }
    logger.info("%s user=%s actor=%s %s", event.value, values["user_id"], values["actor_id"], details or "")
    return values


def _write(registry: Registry, values: dict[str, Any]) -> None:
    try:
        with get_database(registry).engine.begin() as connection:
            connection.execute(insert(SecurityEvent), values)
    except SQLAlchemyError:
        # The answer is already decided, and the line above is in the log.
        logger.exception("the security event %s could not be stored", values["event"])


def hash_address(registry: Registry, address: str) -> str:
    """A keyed fingerprint of a peer's address: it tells whether two are equal, and not which they are."""
    return Signer(registry, "accounts.address").digest(address) if address else ""


def events(
    work: Work, user_id: int | None = None, *, before: int | None = None, limit: int = 50
) -> list[tuple[int, Recorded]]:
    """The newest events with their ids, of one member or of everybody; `before` is the last id of the page before."""
    subject, actor = aliased(User), aliased(User)
    query = (
        select(SecurityEvent, subject.username, actor.username)
        .outerjoin(subject, subject.id == SecurityEvent.user_id)
        .outerjoin(actor, actor.id == SecurityEvent.actor_id)
        .order_by(SecurityEvent.id.desc())
        .limit(limit)
    )
    if user_id is not None:
        query = query.where(SecurityEvent.user_id == user_id)
    if before is not None:
        query = query.where(SecurityEvent.id < before)
    return [
        (row.id, Recorded(row.at, Event(row.event), username, actor_name, row.request_id, row.details))
        for row, username, actor_name in work.db.execute(query)
    ]


def count(work: Work, event: Event, user_id: int, since: datetime) -> int:
    """How often `event` was recorded about the member later than `since`."""
    query = select(func.count()).select_from(SecurityEvent)
    happened = (SecurityEvent.user_id == user_id, SecurityEvent.at > since, SecurityEvent.event == event.value)
    return work.db.scalar(query.where(*happened)) or 0


def forget_old(work: Work) -> None:
    """Remove events that are older than `accounts.events_kept` days.

    That an account was erased names nobody, and stays: a plug-in that was switched off asks for it once it is back.
    """
    oldest = work.now() - timedelta(days=work.settings["accounts.events_kept"])
    work.db.execute(delete(SecurityEvent).where(SecurityEvent.at < oldest, SecurityEvent.event != Event.ERASED.value))
