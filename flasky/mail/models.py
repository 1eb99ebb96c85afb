"""The outbox: one row for each mail, written by the transaction that wants it sent."""

# Annotations are not postponed: SQLAlchemy would evaluate the text of each, twice (docs/decisions/0072-quick-start.md).

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from flasky.database.base import Base
from flasky.database.types import UTCDateTime, utc_now
from flasky.queues.claims import QueueColumns


class Status(StrEnum):
    """Where a mail stands: the first two are on their way, the last two wait for somebody to look at them."""

    QUEUED = "queued"
    #: A deliverer holds it, until `claimed_until`.
    SENDING = "sending"
    SENT = "sent"
    #: The server refused it for good, it was too old when another attempt was due, or it may have arrived already.
    FAILED = "failed"
    #: It cannot be handed to any server as it is: no attempt would ever help.
    PARKED = "parked"


_STATUSES = ", ".join(f"'{status}'" for status in Status)


class OutgoingMail(QueueColumns, Base):
    """A mail of this site.

    `message_id` and `raw` are fixed when the row is written: every attempt sends the same bytes, so that a mail
    that arrives twice can be recognised. `raw` is the whole MIME message and is emptied in production once the
    mail is sent, as it may hold a link that signs somebody in. `last_error` never holds a part of the mail.
    """

    __tablename__ = "outgoing_mails"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        # What a deliverer asks for: the mails that are due, oldest first; then those whose lease has run out.
        Index("ix_outgoing_mails_due", "status", "next_attempt_at"),
        Index("ix_outgoing_mails_leases", "status", "claimed_until"),
    )

    #: With its angle brackets, as in the header.
    message_id: Mapped[str] = mapped_column(String(255), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    #: Bare addresses, as in the envelope.
    sender: Mapped[str] = mapped_column(String(254))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(255))
    template: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(16))
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    #: When the server had it in whole; unless `status` is sent, nobody knows whether it took it.
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __repr__(self) -> str:
        return f"<OutgoingMail {self.id} {self.status}>"
