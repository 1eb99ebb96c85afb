"""Leaving: everything that the site holds about a member as one file, and erasing the account after some days.

Every plug-in adds its part with `config.add_personal_data(name, export=…, erase=…)`. What a member wrote may stay
for others to read; that it was them does not.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import joinedload

from flasky.extension_points import ExtensionPoint
from flasky.mail.services import forget_recipient
from flasky.plugins.accounts import roles, sessions, tokens
from flasky.plugins.accounts.authentication import own_member
from flasky.plugins.accounts.events import Deleted, ProfileChanged
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import Avatar, Invitation, SecurityEvent, User, UserSession
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.work import Work, open_work

logger = logging.getLogger(__name__)

#: How many events are noted by one statement: one of PostgreSQL's has at most 65,535 parameters.
_PORTION = 1000

PERSONAL_DATA = ExtensionPoint("accounts.personal_data", "personal data")

#: Returns the plug-in's data about a member: JSON values, times included; bytes become files of their own.
Export = Callable[[Work, User], dict[str, Any]]
#: Deletes it, or takes the member's name off what stays.
Erase = Callable[[Work, User], None]


class PersonalData(NamedTuple):
    """What one plug-in holds about members."""

    name: str
    export: Export
    erase: Erase


def add_personal_data(config: Configurator, name: str, *, export: Export | str, erase: Erase | str) -> None:
    """Directive `config.add_personal_data("blog", export=function, erase=function)`.

    `export(work, user)` returns a mapping from file names without ending to JSON values or bytes; `erase(work, user)`
    deletes or makes anonymous, in the transaction that then deletes the account. Both may be dotted names.
    """
    part = PersonalData(name, config.maybe_dotted(export), config.maybe_dotted(erase))
    PERSONAL_DATA.contribute(config, name, part)


def personal_data(registry: Registry) -> list[PersonalData]:
    """Every plug-in's part, by name."""
    parts: dict[str, PersonalData] = PERSONAL_DATA.contributions(registry)
    return [parts[name] for name in sorted(parts)]


def export(work: Work, user: User) -> bytes:
    """Everything that the site holds about the member: a ZIP with a folder for each plug-in."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in personal_data(work.registry):
            for name, content in part.export(work, user).items():
                if isinstance(content, bytes):
                    archive.writestr(f"{part.name}/{name}", content)
                else:
                    text = json.dumps(content, ensure_ascii=False, indent=2, default=_plain)
                    archive.writestr(f"{part.name}/{name}.json", text)
    record(work, Event.EXPORTED, user.id)
    return buffer.getvalue()


def ask_to_leave(work: Work, password: str) -> datetime:
    """Let the account of whoever is signed in be erased after the days of grace; returns when. All sessions end.

    Raises Fault for `password`, Refused for the last administrator, TooManyTries, Busy.
    """
    user = own_member(work, password, field="password")
    if user.role_id == roles.lock_administrators(work).id:
        roles.keep_an_administrator(work, user)
    due = work.now() + timedelta(days=work.settings["accounts.deletion_grace"])
    leave_on(work, user, due)
    return due


def leave_on(work: Work, user: User, due: datetime) -> None:
    """Note that the account is to be erased then, tell its owner by mail, and end all sessions."""
    user.deletion_due_at = due
    work.db.flush()
    tokens.void(work, user, *tokens.Purpose)
    sessions.end_sessions(work, user.id)
    record(work, Event.LEAVING, user.id)
    send_to_member(work, "mail/leaving", user, due=due)
    work.registry.notify(ProfileChanged(work, user))


def stay(work: Work, user: User) -> None:
    """Take the wish to leave back."""
    user.deletion_due_at = None
    work.db.flush()
    record(work, Event.STAYED, user.id)
    work.registry.notify(ProfileChanged(work, user))


def erase(work: Work, user: User) -> None:
    """Delete the account now, and what every plug-in holds about the member. Raises Refused for the last administrator.

    What stays of it in the record of events has no member and no address; its details are which parts took leave.
    """
    if user.role_id == roles.lock_administrators(work).id:
        roles.keep_an_administrator(work, user)
    work.registry.notify(Deleted(work, user))
    parts = personal_data(work.registry)
    for part in parts:
        part.erase(work, user)
    work.db.flush()
    # By names of others: beside the details they could be called what `record` calls its own, and nobody could leave.
    record(work, Event.ERASED, parts={part.name: True for part in parts})
    work.db.execute(delete(User).where(User.id == user.id))
    work.db.expunge(user)


def erased_without(work: Work, name: str) -> list[int]:
    """The events of accounts that were erased while this part was not there, as its plug-in was switched off.

    They are for `note_erased`, once that plug-in has done what it can without knowing who it was. It only reads.
    """
    # Nobody's event: the index begins with the member.
    erased = select(SecurityEvent.id).where(SecurityEvent.user_id.is_(None), SecurityEvent.event == Event.ERASED.value)
    with work.reading() as connection:
        missed = erased.where(SecurityEvent.details["parts"][name].as_boolean().is_(None))
        return list(connection.scalars(missed.order_by(SecurityEvent.id)))


def note_erased(work: Work, name: str, events: Collection[int]) -> None:
    """Note that this part has taken leave of them, too; they may be any number."""
    ids = sorted(events)
    for start in range(0, len(ids), _PORTION):
        portion = select(SecurityEvent.id, SecurityEvent.details).where(
            SecurityEvent.id.in_(ids[start : start + _PORTION])
        )
        # Locked: another part may be noting the same ones.
        rows = work.db.execute(portion.order_by(SecurityEvent.id).with_for_update()).all()
        noted = [
            {"id": row.id, "details": {**row.details, "parts": {**row.details.get("parts", {}), name: True}}}
            for row in rows
        ]
        if noted:
            work.db.execute(update(SecurityEvent), noted)


def erase_due(registry: Registry) -> int:
    """Erase the accounts whose days of grace are over, each in a transaction of its own; returns how many."""
    with open_work(registry) as work:
        due = list(work.db.scalars(select(User.id).where(User.deletion_due_at <= work.now())))
    return sum(_erase_one(registry, user_id) for user_id in due)


def _erase_one(registry: Registry, user_id: int) -> bool:
    try:
        with open_work(registry) as work:
            # Locked and looked at again: they may have decided to stay, or another process was faster.
            user = work.db.scalars(
                select(User)
                .where(User.id == user_id, User.deletion_due_at <= work.now())
                .options(joinedload(User.role))
                .with_for_update(of=User)
            ).one_or_none()
            if user is None:
                return False
            erase(work, user)
    except SQLAlchemyError:
        logger.exception("the account %s is due and could not be erased", user_id)
        return False
    return True


def export_account(work: Work, user: User) -> dict[str, Any]:
    """This plug-in's part: the account, its sessions, and the record of its events."""
    account = {
        column.name: getattr(user, column.name)
        for column in User.__table__.columns
        if column.name not in {"password_hash", "username_key", "username_skeleton", "email_key", "role_id"}
    }
    own = select(UserSession).where(UserSession.user_id == user.id).order_by(UserSession.id)
    happened = select(SecurityEvent).where(SecurityEvent.user_id == user.id).order_by(SecurityEvent.id)
    invited = select(Invitation).where(Invitation.invited_by_id == user.id).order_by(Invitation.id)
    picture = work.db.get(Avatar, user.id)
    return {
        "account": {**account, "role": user.role.name},
        "sessions": [
            {"created_at": row.created_at, "last_used_at": row.last_used_at, "address": row.address, "agent": row.agent}
            for row in work.db.scalars(own)
        ],
        "events": [{"at": row.at, "event": row.event, "details": row.details} for row in work.db.scalars(happened)],
        "invitations": [
            {"email": row.email, "created_at": row.created_at, "used_at": row.used_at}
            for row in work.db.scalars(invited)
        ],
        **({f"picture.{picture.media_type.rpartition('/')[2]}": picture.image} if picture else {}),
    }


def erase_account(work: Work, user: User) -> None:
    """This plug-in's part: what is tied to the account goes with its row; the record of events is made anonymous.

    Their address also stands elsewhere: in invitations to them, in the events of whoever invited them, and on the
    mails to them. Invitations that they sent and nobody used go too: nobody stands for these any more.
    """
    about = (SecurityEvent.user_id == user.id) | (SecurityEvent.actor_id == user.id)
    own = Invitation.invited_by_id == user.id
    if user.email_key is not None:
        own |= func.lower(Invitation.email) == user.email_key
        about |= func.lower(SecurityEvent.details["email"].as_string()) == user.email_key
        forget_recipient(work.db, user.email_key)
    work.db.execute(delete(Invitation).where(own))
    work.db.execute(update(SecurityEvent).where(about).values(address_hash="", details={}))


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"personal data must be JSON values, times or bytes, not {type(value).__name__}")


def includeme(config: Configurator) -> None:
    """Let other plug-ins add their part."""
    config.add_extension_point(PERSONAL_DATA, add_personal_data)
