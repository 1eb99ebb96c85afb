"""The clock: queues the jobs of schedules, once for each interval however many processes look at it.

What is kept is the beginning of the last interval that a job was queued for; whoever moves it on queues the job, in
the same transaction. Intervals that nobody saw, as the site was off, are made up for by one job, not by many.
"""

from __future__ import annotations

import logging
from datetime import datetime

from pyramid.registry import Registry
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.jobs.contracts import Schedule, schedules
from flasky.jobs.models import BackgroundJob, BackgroundSchedule, Status
from flasky.jobs.services import add

logger = logging.getLogger(__name__)


class Clock:
    """The schedules of one site, as one worker sees them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._database = get_database(registry)
        self._schedules = schedules(registry)
        #: The interval of each that was dealt with already, by this process or another: no need to ask again.
        self._seen: dict[str, datetime] = {}

    def queue_due(self) -> None:
        """Queue the job of every schedule whose interval has begun."""
        now = utc_now()
        waiting = [item for item in self._schedules.values() if self._seen.get(item.name) != item.begun(now)]
        if not waiting:
            return
        with self._database.read_engine.connect() as connection:
            stored = dict(connection.execute(select(BackgroundSchedule.name, BackgroundSchedule.begun_at)).all())
        for schedule in waiting:
            begun = schedule.begun(now)
            if _is_due(schedule, stored.get(schedule.name), begun, now):
                with self._database.writer.begin() as session:
                    self._advance(session, schedule, begun, now)
            self._seen[schedule.name] = begun

    def _advance(self, session: Session, schedule: Schedule, begun: datetime, now: datetime) -> None:
        row = session.get(BackgroundSchedule, schedule.name, with_for_update=True)
        if row is None:
            # A schedule that is new begins with the next interval: "daily at 3" does not mean the noon of its birth.
            _remember(session, schedule.name, begun)
            return
        if not _is_due(schedule, row.begun_at, begun, now):
            return
        row.begun_at = begun
        unfinished = select(BackgroundJob.id).where(
            BackgroundJob.name == schedule.name,
            BackgroundJob.scheduled.is_(True),
            BackgroundJob.status.in_((Status.QUEUED, Status.RUNNING)),
        )
        if session.execute(unfinished.limit(1)).first() is None:
            add(self._registry, session, BackgroundJob(name=schedule.name, arguments={}, scheduled=True))
        else:
            logger.warning("The job %s comes round, and the last one is not done: none is added", schedule.name)


def _is_due(schedule: Schedule, stored: datetime | None, begun: datetime, now: datetime) -> bool:
    """Whether an interval has begun since; also when what is stored was written by a clock that was wrong (F34)."""
    return stored is None or stored < begun or stored > now + schedule.interval


def _remember(session: Session, name: str, begun: datetime) -> None:
    try:
        # A savepoint: another process may have been first.
        with session.begin_nested():
            session.add(BackgroundSchedule(name=name, begun_at=begun))
            session.flush()
    except IntegrityError:
        logger.debug("another process has noted the schedule %s", name)
