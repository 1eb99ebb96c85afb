"""What the site has committed to send, for tests."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from pyramid.registry import Registry
from sqlalchemy import select

from flasky.database import get_database
from flasky.jobs.worker import JobWorker
from flasky.mail.models import OutgoingMail


class Mailbox:
    """The outbox of an application, whether or not a message was sent already: committed mails and nothing else."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def messages(self) -> list[EmailMessage]:
        """Every message, oldest first."""
        with get_database(self._registry).read_engine.connect() as connection:
            rows = connection.execute(select(OutgoingMail.raw).order_by(OutgoingMail.id)).scalars().all()
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in rows]

    def to(self, address: str) -> list[EmailMessage]:
        """The messages for one address, oldest first."""
        return [message for message in self.messages if address in str(message["To"])]

    @property
    def last(self) -> EmailMessage:
        """The newest message; raises IndexError when there is none."""
        return self.messages[-1]


class PromptMailbox(Mailbox):
    """The same where mails are written by background jobs: what is queued is done before the outbox is read."""

    @property
    def messages(self) -> list[EmailMessage]:
        """Every message, oldest first, those of the jobs that are due among them."""
        JobWorker(self._registry).run_once()
        return super().messages


def text_of(message: EmailMessage) -> str:
    """The plain-text part of a message."""
    part = message.get_body(("plain",))
    return "" if part is None else str(part.get_content())


def html_of(message: EmailMessage) -> str:
    """The HTML part of a message."""
    part = message.get_body(("html",))
    return "" if part is None else str(part.get_content())
