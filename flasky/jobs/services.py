"""Queueing jobs: the row belongs to the caller's transaction.

Rolled back means never done; committed means done at least once, even if the process is killed the next instant.
"""

from __future__ import annotations

import difflib
import json
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.database.session import changes_are_possible
from flasky.jobs.contracts import jobs
from flasky.jobs.models import BackgroundJob, Status
from flasky.logs import shown_path
from flasky.queues import wake
from flasky.queues.claims import queue_again

#: The jobs among the queues of the site: who waits for one of them is not woken for the other.
_QUEUE, _QUICK_QUEUE = "jobs", "quick jobs"
#: Where the request of a job has the function that commits a part of it.
COMMIT_PART = "flasky.jobs.commit_part"


class UnknownJob(LookupError):
    """A job was to be queued that no enabled plug-in declares."""


class NoJob(Exception):
    """Something that is no job tried to commit in parts."""


class JobInReadOnlyRequest(Exception):
    """A view that answers a safe method tried to queue a job."""


class Backlog(NamedTuple):
    """How many jobs are due, and since when the oldest of them."""

    due: int
    oldest: datetime | None


def enqueue(
    registry: Registry, session: Session, name: str, /, *, due: datetime | None = None, **arguments: Any
) -> BackgroundJob:
    """Queue a job in `session`; it is done once that session has committed, not before `due`.

    `arguments` are what its function takes beside the request: texts, numbers, booleans, None, and lists and
    dictionaries of these. Raises UnknownJob, and TypeError for arguments that the function or JSON cannot take.
    """
    known = jobs(registry)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"in an includeme, call config.add_job({name!r}, function)"
        raise UnknownJob(f"no enabled plug-in declares the job {name!r}: {remedy}")
    _check_arguments(name, known[name].refuses(arguments), arguments)
    if due is not None and due.tzinfo is None:
        raise TypeError(f"the job {name!r}: due={due!r} has no time zone")
    return add(registry, session, BackgroundJob(name=name, arguments=arguments, due_at=due))


def _check_arguments(name: str, refused: str, arguments: dict[str, Any]) -> None:
    if refused:
        raise TypeError(f"the job {name!r} cannot be done with these arguments: {refused}")
    try:
        fits = json.loads(json.dumps(arguments, allow_nan=False)) == arguments
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments of the job {name!r} must be JSON: {error}. Pass ids, not objects") from error
    if not fits:
        raise TypeError(f"the arguments of the job {name!r} would come out of JSON as something else: {arguments!r}")


def add(registry: Registry, session: Session, job: BackgroundJob) -> BackgroundJob:
    """Store a new row, and wake who does such jobs in this process when it is committed."""
    now = utc_now()
    job.status, job.attempts = Status.QUEUED, 0
    job.created_at = job.queued_at = now
    job.next_attempt_at = job.due_at or now
    session.add(job)
    wake.wake_after_commit(registry, session, _QUICK_QUEUE if jobs(registry)[job.name].quick else _QUEUE)
    return job


def enqueue_for_request(
    request: Request, name: str, /, *, due: datetime | None = None, **arguments: Any
) -> BackgroundJob:
    """`request.enqueue("polls.close", poll_id=3)`: queue a job in the request's transaction.

    `due` is the earliest moment, with a time zone. Raises what `enqueue` raises, and JobInReadOnlyRequest in a
    request that must not change anything.
    """
    if not changes_are_possible(request):
        raise JobInReadOnlyRequest(
            f"{request.method} {shown_path(request.environ)} tried to queue the job {name!r}: only POST, PUT, "
            "PATCH and DELETE may. Move it to a view with request_method='POST'."
        )
    return enqueue(request.registry, request.db, name, due=due, **arguments)


def commit_part_of_request(request: Request) -> None:
    """`request.commit_part()`, in a job: commit what it has done so far, and begin a new transaction for the rest.

    What was loaded through `request.db` before has to be loaded anew. Raises NoJob in a request that somebody sent,
    which is committed as a whole.
    """
    commit = request.environ.get(COMMIT_PART)
    if commit is None:
        raise NoJob("request.commit_part() is for background jobs: what a view does is committed as a whole")
    commit()


def retry(session: Session, job: BackgroundJob) -> None:
    """Queue a job once more that was given up, with all its attempts before it."""
    queue_again(job)
    session.flush()


def backlog(session: Session, names: Iterable[str]) -> Backlog:
    """What is due of the jobs with these names, in one statement; for health checks."""
    when = BackgroundJob.next_attempt_at
    row = session.execute(
        select(func.count(), func.min(when)).where(
            BackgroundJob.name.in_(list(names)), BackgroundJob.status == Status.QUEUED, when <= utc_now()
        )
    ).one()
    return Backlog(*row)


def wake_event(registry: Registry) -> threading.Event:
    """Set when a job that may take long was committed in this process; the worker's thread waits for it."""
    return wake.wake_event(registry, _QUEUE)


def quick_wake_event(registry: Registry) -> threading.Event:
    """The same for the quick ones, and the thread that does these."""
    return wake.wake_event(registry, _QUICK_QUEUE)


def prepare_wake_events(registry: Registry) -> None:
    """Keep the events where a request and the workers' threads both find them."""
    for queue in (_QUEUE, _QUICK_QUEUE):
        wake.prepare_wake_event(registry, queue)
