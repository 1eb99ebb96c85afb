"""Whether somebody does the jobs: the health check, and what a server that does none says when it begins."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from pyramid.registry import Registry
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.jobs.contracts import jobs, other_jobs, quick_jobs
from flasky.jobs.services import backlog
from flasky.site import get_site

logger = logging.getLogger(__name__)

#: A job waits behind others for minutes; after this somebody should look.
LATEST_JOB = timedelta(minutes=15)
#: A quick one waits behind quick ones only, and a person waits for it.
LATEST_QUICK_JOB = timedelta(minutes=2)


def jobs_are_done(registry: Registry) -> str | None:
    """Look for jobs that nobody has taken for too long."""
    late = []
    with Session(get_database(registry).read_engine) as session:
        for kind, names, longest in (
            ("quick jobs", quick_jobs(registry), LATEST_QUICK_JOB),
            ("jobs", other_jobs(registry), LATEST_JOB),
        ):
            found = backlog(session, names)
            if found.oldest is not None and utc_now() - found.oldest >= longest:
                late.append(f"{found.due} {kind} are due, the oldest since {_shown(found.oldest)}")
    if late and not _done_here(registry):
        late.append("flasky.jobs_run is false, so that `flasky jobs run` has to do them: is it running?")
    return "; ".join(late) or None


def tell_who_does_jobs(registry: Registry) -> None:
    """Say in the log of a server that does no jobs what has to, and what waits for it already."""
    if _done_here(registry):
        return
    try:
        with Session(get_database(registry).read_engine) as session:
            found = backlog(session, jobs(registry))
    except SQLAlchemyError:
        # A database that does not answer, or is not migrated yet, is told by others; the server begins all the same.
        return
    if found.oldest is None:
        names = ", ".join(sorted(quick_jobs(registry)))
        logger.info(
            "flasky.jobs_run is false: `flasky jobs run` has to do the background jobs%s",
            f", those that somebody waits for among them ({names})" if names else "",
        )
    else:
        logger.warning(
            "flasky.jobs_run is false, and %d background jobs are due, the oldest since %s: "
            "they are done when `flasky jobs run` runs beside this server",
            found.due,
            _shown(found.oldest),
        )


def _done_here(registry: Registry) -> bool:
    return bool(get_site(registry).settings["flasky.jobs_run"])


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
