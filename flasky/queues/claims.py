"""Claiming: how one of many workers takes a row, holds it, and gives it back or settles it.

Each claims a row by writing its name and a lease into it, in a transaction of its own. A row whose worker died is
taken up again: at once if its process is known to be gone, else when the lease has run out.
"""

# Annotations are not postponed: SQLAlchemy would evaluate the text of each, twice (docs/decisions/0072-quick-start.md).

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, String, Text, and_, false, or_, select, true, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from flasky.database.session import Database
from flasky.database.types import UTCDateTime, utc_now
from flasky.queues.owner import is_gone, new_owner

#: What a row that waits to be taken has as its status, in every queue.
QUEUED = "queued"
#: The pauses of one row that failed: 10 s, 20 s, 40 s, … at most an hour, each ± 20 %.
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
#: A moment further ahead than this was written by a clock that was wrong (F34).
BEYOND_REASON = timedelta(seconds=2 * LONGEST_PAUSE)


class QueueColumns:
    """The columns that make a model a queue."""

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(16), default=QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    #: When it was queued, or queued again by somebody who looked at it: its age counts from here.
    queued_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    next_attempt_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    #: Which worker holds it, and until when nobody else may take it.
    claimed_by: Mapped[str | None] = mapped_column(String(100))
    claimed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: What the last attempt ended with: for whoever looks after the site.
    last_error: Mapped[str | None] = mapped_column(Text)


_ALL, _NONE = true(), false()

Row = TypeVar("Row", bound=QueueColumns)
Claim = TypeVar("Claim")


class Rules(NamedTuple, Generic[Row]):
    """What differs between queues.

    `held` and `failed` are the statuses of a row that somebody works on, and of one that was given up. `noun` and
    `worker` are what the two are called in the log. `lease` says how long a row may be held, `given_up` why it is
    not tried again (an empty text: it is), `died_once_too_often` the same of a row whose worker died. `mine` limits a
    worker to rows that it can deal with; `planned` are rows that may lie far ahead, as somebody wanted them then.
    """

    model: type[Row]
    held: str
    failed: str
    noun: str
    worker: str
    lease: Callable[[Row], timedelta]
    given_up: Callable[[Row], str]
    mine: ColumnElement[bool] = _ALL
    planned: ColumnElement[bool] = _NONE
    died_once_too_often: Callable[[Row], str] = lambda _row: ""


class Claims(Generic[Row]):
    """The rows of one queue as one worker sees them. Its name stands in every row that it holds."""

    def __init__(self, database: Database, rules: Rules[Row], logger: logging.Logger) -> None:
        self._database = database
        self._rules = rules
        self._logger = logger
        self.owner = new_owner()

    def something_waits(self) -> bool:
        """Whether anything is due or held. It only reads: claiming would take SQLite's one write lock every time."""
        model = self._rules.model
        waiting = select(model.id).where(
            self._rules.mine, or_(self._is_due(utc_now()), model.status == self._rules.held)
        )
        with self._database.read_engine.connect() as connection:
            return connection.execute(waiting.limit(1)).first() is not None

    def release_abandoned(self) -> None:
        """Queue again what a worker left behind that died."""
        now, rules = utc_now(), self._rules
        held = select(rules.model).where(rules.mine, rules.model.status == rules.held)
        with self._database.writer.begin() as session:
            for row in session.scalars(held.with_for_update(skip_locked=True)):
                lease = row.claimed_until or now
                if lease <= now or lease > now + BEYOND_REASON or is_gone(row.claimed_by or ""):
                    self._logger.warning(
                        "The %s of %s %d ended without a word: it is tried again", rules.worker, rules.noun, row.id
                    )
                    reason = f"its {rules.worker} ended in the middle of it"
                    if why := rules.died_once_too_often(row):
                        row.attempts += 1
                        self._end(row, f"given up, as {why}; at last: {reason}")
                    else:
                        self.postpone(row, reason, at_once=row.attempts == 0)

    def take(self, copy: Callable[[Row], Claim]) -> Claim | None:
        """Hold the row that has been due for longest, and return what `copy` makes of it; None when nothing is due."""
        now, model = utc_now(), self._rules.model
        due = select(model).where(self._rules.mine, self._is_due(now)).order_by(model.next_attempt_at, model.id)
        with self._database.writer.begin() as session:
            # SQLite has no SKIP LOCKED and needs none: its write transactions follow one another.
            row = session.scalars(due.limit(1).with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            row.status = self._rules.held
            row.claimed_by = self.owner
            row.claimed_until = now + self._rules.lease(row)
            return copy(row)

    def renew(self, row_id: int, lease: timedelta) -> bool:
        """Hold the row for `lease` from now on, in a transaction of its own; False when it is ours no longer."""
        with self._database.writer.begin() as session:
            return self.renew_in(session, row_id, lease)

    def renew_in(self, session: Session, row_id: int, lease: timedelta) -> bool:
        """`renew` as a part of somebody's transaction."""
        model = self._rules.model
        ours = and_(model.id == row_id, model.claimed_by == self.owner, model.status == self._rules.held)
        renewed = session.execute(update(model).where(ours).values(claimed_until=utc_now() + lease))
        return bool(renewed.rowcount == 1)  # type: ignore[attr-defined]

    def held(self, session: Session, row_id: int) -> Row | None:
        """The row, locked, if it is still ours; None when the lease ran out and somebody else took it."""
        row = session.get(self._rules.model, row_id, with_for_update=True)
        if row is None or row.claimed_by != self.owner or row.status != self._rules.held:
            self._logger.warning(
                "%s %d took longer than its lease: another %s has it now",
                self._rules.noun.capitalize(),
                row_id,
                self._rules.worker,
            )
            return None
        return row

    def settle(self, row: Row, status: str, reason: str | None) -> None:
        """Note how the last attempt ended."""
        row.status = status
        row.attempts += 1
        row.last_error = reason
        row.claimed_by = row.claimed_until = None

    def give_back(self, row: Row, reason: str) -> None:
        """Let the row wait as it was: it is not to blame. One that has waited too long is given up."""
        if not self._give_up(row, reason):
            row.status = QUEUED
            row.claimed_by = row.claimed_until = None
            row.last_error = reason

    def postpone(self, row: Row, reason: str, *, at_once: bool = False) -> None:
        """Note a failed attempt: the row waits, longer each time, or is given up."""
        row.attempts += 1
        if self._give_up(row, reason):
            return
        pause = 0.0 if at_once else growing(row.attempts, FIRST_PAUSE, LONGEST_PAUSE)
        row.status = QUEUED
        row.next_attempt_at = utc_now() + timedelta(seconds=pause)
        row.claimed_by = row.claimed_until = None
        row.last_error = reason

    def _give_up(self, row: Row, reason: str) -> bool:
        why = self._rules.given_up(row)
        if not why:
            return False
        self._end(row, f"given up after {why}; at last: {reason}")
        return True

    def _end(self, row: Row, reason: str) -> None:
        row.status = self._rules.failed
        row.claimed_by = row.claimed_until = None
        row.last_error = reason
        self._logger.error("%s %d is %s", self._rules.noun.capitalize(), row.id, reason)

    def _is_due(self, now: datetime) -> ColumnElement[bool]:
        when: Any = self._rules.model.next_attempt_at
        wrong_clock = and_(when > now + BEYOND_REASON, ~self._rules.planned)
        return and_(self._rules.model.status == QUEUED, or_(when <= now, wrong_clock))


def queue_again(row: QueueColumns) -> None:
    """Let somebody who looked at a row that was given up have it tried once more, from the beginning."""
    row.status = QUEUED
    row.attempts = 0
    row.queued_at = row.next_attempt_at = utc_now()
    row.claimed_by = row.claimed_until = None


def growing(times: int, first: float, longest: float) -> float:
    """The pause after the `times`-th failure in a row: doubled each time, and never the same for two workers."""
    # The exponent is bounded, as 2.0 ** 2000 is an error.
    return min(longest, first * 2.0 ** min(times - 1, 30)) * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
