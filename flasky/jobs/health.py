"""The health check of the jobs: whether somebody does them."""

from __future__ import annotations

from datetime import timedelta

from pyramid.registry import Registry
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.jobs.services import backlog

#: A job waits behind others for minutes; after this somebody should look.
LATEST_JOB = timedelta(minutes=15)


def jobs_are_done(registry: Registry) -> str | None:
    """Look for jobs that nobody has taken for too long."""
    with Session(get_database(registry).read_engine) as session:
        found = backlog(registry, session)
    if found.oldest is None or utc_now() - found.oldest < LATEST_JOB:
        return None
    return f"{found.due} jobs are due, the oldest since {found.oldest.isoformat(timespec='seconds')}"
