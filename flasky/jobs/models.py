"""The table of jobs, one row for each, written by the transaction that wants it done; and what the clock has begun."""

# Annotations are not postponed: SQLAlchemy would evaluate the text of each, twice (docs/decisions/0072-quick-start.md).

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from flasky.database.base import Base
from flasky.database.types import UTCDateTime, names_contributions, utc_now
from flasky.queues.claims import QueueColumns


class Status(StrEnum):
    """Where a job stands: the first two are to be done, the last waits for somebody to look at it."""

    QUEUED = "queued"
    #: A worker does it, until `claimed_until`.
    RUNNING = "running"
    DONE = "done"
    #: It failed as often as its declaration allows.
    FAILED = "failed"


_STATUSES = ", ".join(f"'{status}'" for status in Status)


class BackgroundJob(QueueColumns, Base):
    """A job of this site: which one, and with what.

    `due_at` is when somebody wanted it done who did not want it at once. `scheduled` says that the clock queued it.
    `request_id` is what the lines of its last attempt in the log are found by.
    """

    __tablename__ = "background_jobs"
    __table_args__ = (
        CheckConstraint(f"status IN ({_STATUSES})", name="status"),
        # What a worker asks for: the jobs that are due, oldest first; then those whose lease has run out.
        Index("ix_background_jobs_due", "status", "next_attempt_at"),
        Index("ix_background_jobs_leases", "status", "claimed_until"),
    )

    name: Mapped[str] = mapped_column(String(100), info=names_contributions())
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    scheduled: Mapped[bool] = mapped_column(default=False, server_default=false())
    request_id: Mapped[str] = mapped_column(String(16), default="", server_default="")
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __repr__(self) -> str:
        return f"<BackgroundJob {self.id} {self.name} {self.status}>"


class BackgroundSchedule(Base):
    """How far a schedule has come: the beginning of the last interval that a job was queued for."""

    __tablename__ = "background_schedules"

    name: Mapped[str] = mapped_column(String(100), primary_key=True, info=names_contributions())
    begun_at: Mapped[datetime] = mapped_column(UTCDateTime)
