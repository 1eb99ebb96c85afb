"""Queueing mails: the message is finished here, and its row belongs to the caller's transaction.

Rolled back means never sent; committed means sent, even if the process is killed the next instant (P18).
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.database.session import changes_are_possible
from flasky.logs import shown_path
from flasky.mail.addresses import clean_address, split_sender
from flasky.mail.declarations import declared_mail
from flasky.mail.message import Envelope, build, new_message_id
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.rendering import RenderedMail, render_mail
from flasky.queues import wake
from flasky.queues.claims import queue_again
from flasky.site import get_site

#: The outbox among the queues of the site.
_QUEUE = "mail"


class MailInReadOnlyRequest(Exception):
    """A view that answers a safe method tried to send a mail."""


class OutboxState(NamedTuple):
    """How the outbox stands: mails on their way, when the oldest of them was queued, and mails given up."""

    waiting: int
    oldest: datetime | None
    failed: int
    parked: int


def send_mail(
    registry: Registry,
    session: Session,
    to: str,
    subject: str,
    template: str,
    *,
    language: str = "en",
    **values: Any,
) -> OutgoingMail:
    """Queue a mail in `session`; it is sent once that session has committed.

    `to` is one bare address; `subject` and `template` are as in `flasky.mail.rendering.render_mail`. Raises
    InvalidAddress, and outside of production UndeclaredMail. A lone template is a TemplateNotFound.
    """
    recipient = clean_address(to)
    site = get_site(registry)
    if not site.in_production:
        declared_mail(registry, template)
    return queue(registry, session, recipient, template, render_mail(registry, template, subject, values, language))


def queue(registry: Registry, session: Session, recipient: str, template: str, rendered: RenderedMail) -> OutgoingMail:
    """Queue a mail that is already rendered; `recipient` must come from `clean_address`."""
    settings = get_site(registry).settings
    sender = split_sender(settings["flasky.mail_sender"])
    now = utc_now()
    message_id = new_message_id(settings["flasky.base_url"])
    envelope = Envelope(sender, recipient, message_id, now, rendered.language)
    mail = OutgoingMail(
        message_id=message_id,
        created_at=now,
        queued_at=now,
        next_attempt_at=now,
        sender=sender[1],
        recipient=recipient,
        subject=rendered.subject,
        template=template,
        language=rendered.language,
        raw=build(envelope, rendered.subject, rendered.text, rendered.html, rendered.unsubscribe),
        status=Status.QUEUED,
        attempts=0,
    )
    session.add(mail)
    wake.wake_after_commit(registry, session, _QUEUE)
    return mail


def send_request_mail(
    request: Request, to: str, subject: str, template: str, *, language: str | None = None, **values: Any
) -> OutgoingMail:
    """`request.send_mail(to, subject, template, **values)`: queue a mail in the request's transaction.

    It is written in `language`, the visitor's if nothing is said: give the recipient's when it is somebody else.
    Raises what `send_mail` raises, and MailInReadOnlyRequest in a request that must not change anything.
    """
    if not changes_are_possible(request):
        raise MailInReadOnlyRequest(
            f"{request.method} {shown_path(request.environ)} tried to send the mail {template!r}: only POST, PUT, "
            "PATCH and DELETE may. Move it to a view with request_method='POST'."
        )
    spoken = language or request.locale_name
    return send_mail(request.registry, request.db, to, subject, template, language=spoken, **values)


def administrator(registry: Registry) -> str | None:
    """The bare address of the site's owner (`flasky.admin`), or None if none is set."""
    text: str = get_site(registry).settings["flasky.admin"]
    return split_sender(text)[1] if text else None


def retry(session: Session, mail: OutgoingMail) -> None:
    """Queue a mail once more that was given up; its age counts from now. Its bytes and Message-ID stay."""
    queue_again(mail)
    session.flush()


def forget_recipient(session: Session, address: str) -> None:
    """Remove every mail to `address` from the outbox, sent or not: whoever it was is to be forgotten."""
    session.execute(delete(OutgoingMail).where(func.lower(OutgoingMail.recipient) == address.lower()))


def outbox_state(session: Session) -> OutboxState:
    """How the outbox stands, in one statement; for health checks."""
    waiting = OutgoingMail.status.in_((Status.QUEUED, Status.SENDING))
    row = session.execute(
        select(
            func.count().filter(waiting),
            func.min(OutgoingMail.queued_at).filter(waiting),
            func.count().filter(OutgoingMail.status == Status.FAILED),
            func.count().filter(OutgoingMail.status == Status.PARKED),
        ).where(OutgoingMail.status != Status.SENT)
    ).one()
    return OutboxState(*row)


def wake_event(registry: Registry) -> threading.Event:
    """Set when a mail was committed in this process; the deliverer's thread waits for it."""
    return wake.wake_event(registry, _QUEUE)


def prepare_wake_event(registry: Registry) -> None:
    """Keep the event where a request and the deliverer's thread both find it."""
    wake.prepare_wake_event(registry, _QUEUE)
