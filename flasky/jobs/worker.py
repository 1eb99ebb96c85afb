"""The worker: takes due jobs, one at a time, and sees that each is done or given up visibly.

Any number of workers can share the table (`flasky.queues`). A job runs in one transaction together with the note that
it is done: what it does to the database happens once. What it does elsewhere can happen twice, as the process may
die in between. While it runs its lease is renewed beside it (docs/decisions/0065-long-jobs.md). Quick jobs have
a worker of their own beside the one that does the others (docs/decisions/0066-quick-jobs.md).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import and_, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flasky.background import background_request, new_request_id
from flasky.database import get_database, utc_now
from flasky.errors.failures import report_hook, text_of
from flasky.jobs.clock import Clock
from flasky.jobs.contracts import Job, jobs, other_jobs, quick_jobs
from flasky.jobs.models import BackgroundJob, Status
from flasky.jobs.services import COMMIT_PART, quick_wake_event, wake_event
from flasky.logs import current_request_id
from flasky.ownership import owner_of_module
from flasky.queues.claims import Claims, Rules
from flasky.queues.lease import kept
from flasky.queues.worker import Worker, WorkerThread
from flasky.site import get_site
from flasky.statistics.meter import JOB, get_meter

logger = logging.getLogger(__name__)

#: How often the table is looked at when nobody says that something came in.
POLL_SECONDS = 5.0
#: For so long a job stays with a worker that nobody hears of, on a machine that cannot be asked. The clocks of several
#: machines may differ by the difference of the two.
LEASE = timedelta(minutes=2)
#: How often the lease of a job that runs is renewed.
RENEW_SECONDS = 30.0
#: Housekeeping is done so rarely because nothing depends on it.
_HOUSEKEEPING = timedelta(hours=1)


class LeaseLost(Exception):
    """A job is another worker's meanwhile: what this attempt has not committed may not be stored."""


class _Claim(NamedTuple):
    """What a worker needs of a job that it holds."""

    id: int
    name: str
    arguments: dict[str, Any]
    request_id: str


class _Lease:
    """The time that a job which runs still has: its limit, counted from its begin or its last part."""

    def __init__(self, limit: timedelta) -> None:
        self._limit = limit
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self._begun = monotonic()

    @property
    def length(self) -> timedelta:
        """How long the lease is, as long as there is time; zero or less when that is over."""
        return min(LEASE, self._limit - timedelta(seconds=monotonic() - self._begun))


@dataclass
class Tally:
    """What one run did."""

    done: int = 0
    postponed: int = 0
    given_up: int = 0


class JobWorker(Worker):
    """Does the jobs of one site: `only` these, or all of them. Not to be shared between threads."""

    refused = "Jobs cannot be done"
    doing = "The work on jobs"
    logger = logger

    def __init__(self, registry: Registry, only: Mapping[str, Job] | None = None) -> None:
        super().__init__(registry)
        self._database = get_database(registry)
        self._jobs = jobs(registry) if only is None else only
        self._clock = Clock(registry)
        self._keep = timedelta(seconds=get_site(registry).settings["flasky.jobs_keep"])
        self._next_housekeeping = utc_now()
        rules = Rules(
            BackgroundJob,
            held=Status.RUNNING,
            failed=Status.FAILED,
            noun="job",
            worker="worker",
            lease=lambda job: min(LEASE, self._jobs[job.name].limit),
            given_up=self._given_up,
            # A job of a plug-in that is switched off waits until that is back.
            mine=BackgroundJob.name.in_(list(self._jobs)),
            planned=BackgroundJob.due_at.is_not(None),
        )
        self._claims = Claims(self._database, rules, logger)

    @property
    def poll_seconds(self) -> float:
        """How often the table is looked at."""
        return POLL_SECONDS

    def turn(self, stop: threading.Event) -> float:
        """Do what is due; return the seconds until the next look."""
        self.run_once(stop)
        return POLL_SECONDS

    def run_once(self, stop: threading.Event | None = None) -> Tally:
        """Do every job that is due; ends early, between two jobs, when `stop` is set."""
        tally = Tally()
        self._clock.queue_due()
        if self._claims.something_waits():
            self._claims.release_abandoned()
            while not (stop and stop.is_set()):
                claim = self._claims.take(_copied)
                if claim is None:
                    break
                self._do(claim, tally)
        self._housekeeping()
        return tally

    def _do(self, claim: _Claim, tally: Tally) -> None:
        token = current_request_id.set(claim.request_id)
        try:
            self._try(claim, tally)
        finally:
            current_request_id.reset(token)

    def _try(self, claim: _Claim, tally: Tally) -> None:
        job = self._jobs[claim.name]
        lease = _Lease(job.limit)
        try:
            with kept(partial(self._renew, claim, lease), RENEW_SECONDS), background_request(self.registry) as request:
                request.environ[COMMIT_PART] = partial(self._commit_part, request, claim, lease)
                key = (owner_of_module(self.registry, job.package).name, JOB)
                function = partial(job.function, **claim.arguments)
                get_meter(self.registry).run(key, claim.name, function, request)
                request.db.flush()
                self._note_done(request.db, claim)
        except LeaseLost:
            logger.warning("Job %d (%s) took too long: another worker has it now", claim.id, claim.name)
            tally.postponed += 1
        except Exception as error:  # noqa: BLE001 - whatever a stranger's job raises, the others go on
            self._note_failed(claim, error, tally)
        else:
            logger.info("Job %d (%s) is done", claim.id, claim.name)
            tally.done += 1

    def _renew(self, claim: _Claim, lease: _Lease) -> bool:
        # Once its limit is over the job is left to whoever takes it, and held again from its next part on.
        length = lease.length
        return length <= timedelta(0) or self._claims.renew(claim.id, length)

    def _commit_part(self, request: Request, claim: _Claim, lease: _Lease) -> None:
        """Commit what the job has done so far, if it is still ours; raises LeaseLost when not."""
        lease.begin()
        request.db.flush()
        # In the same transaction: on SQLite it has kept the renewing out. It also keeps another worker from taking
        # the job before the commit.
        if not self._claims.renew_in(request.db, claim.id, lease.length):
            raise LeaseLost
        request.tm.commit()
        request.tm.begin()

    def _note_done(self, session: Session, claim: _Claim) -> None:
        """Say in the job's own transaction that it is done; raises LeaseLost when it is ours no longer."""
        ours = and_(
            BackgroundJob.id == claim.id,
            BackgroundJob.claimed_by == self._claims.owner,
            BackgroundJob.status == Status.RUNNING,
        )
        done = {"status": Status.DONE, "attempts": BackgroundJob.attempts + 1, "finished_at": utc_now()}
        free = {"claimed_by": None, "claimed_until": None, "last_error": None}
        if session.execute(update(BackgroundJob).where(ours).values(**done, **free)).rowcount != 1:  # type: ignore[attr-defined]
            raise LeaseLost

    def _note_failed(self, claim: _Claim, error: Exception, tally: Tally) -> None:
        with self._database.writer.begin() as session:
            row = self._claims.held(session, claim.id)
            if row is not None:
                self._claims.postpone(row, _reason(error))
            given_up = row is not None and row.status == Status.FAILED
            then = "it is given up" if given_up else "it is tried again"
        tally.given_up += given_up
        tally.postponed += not given_up
        package = self._jobs[claim.name].package
        hook = f"the job {claim.name} ({claim.id})"
        report_hook(logger, self.registry, error, kind="job", hook=hook, package=package, then=then)

    def _given_up(self, row: BackgroundJob) -> str:
        most = self._jobs[row.name].attempts
        return f"{row.attempts} attempt{'s' if row.attempts != 1 else ''}" if row.attempts >= most else ""

    def _housekeeping(self) -> None:
        """Forget jobs that have been done for longer than `flasky.jobs_keep`."""
        now = utc_now()
        if now < self._next_housekeeping < now + 2 * _HOUSEKEEPING:
            return
        self._next_housekeeping = now + _HOUSEKEEPING
        old = and_(BackgroundJob.status == Status.DONE, BackgroundJob.finished_at < now - self._keep)
        with self._database.read_engine.connect() as connection:
            if connection.execute(select(BackgroundJob.id).where(old).limit(1)).first() is None:
                return
        with self._database.writer.begin() as session:
            session.execute(delete(BackgroundJob).where(old))


def start_worker(registry: Registry) -> WorkerThread:
    """Start doing the site's jobs that may take long in a thread of this process."""
    thread = WorkerThread(JobWorker(registry, other_jobs(registry)), wake_event(registry), "job-worker")
    thread.start()
    return thread


def start_quick_worker(registry: Registry) -> WorkerThread:
    """Start doing its quick jobs in another, so that they wait for none of the others."""
    thread = WorkerThread(JobWorker(registry, quick_jobs(registry)), quick_wake_event(registry), "quick-job-worker")
    thread.start()
    return thread


def _copied(job: BackgroundJob) -> _Claim:
    # A new id for each attempt: its lines in the log stand alone.
    job.request_id = new_request_id()
    return _Claim(job.id, job.name, dict(job.arguments), job.request_id)


def _reason(error: Exception) -> str:
    # SQLAlchemy's own text repeats the statement with its parameters.
    return text_of(error.orig if isinstance(error, DBAPIError) and error.orig else error)
