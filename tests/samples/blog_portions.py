"""What tests of decisions about all that a member wrote do: the job that goes on with one, and what a page says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.background import background_request
from flasky.jobs.models import BackgroundJob
from flasky.plugins.blog import hiding


def alert(page: Any) -> str:
    return " ".join(" ".join(found.get_text() for found in page.html.select(".alert")).split())


def do_next(registry: Any, db: Session) -> bool:
    """Do the job that goes on with a decision; False when there is none."""
    job = db.scalars(select(BackgroundJob).where(BackgroundJob.name == "blog.hide_all")).first()
    if job is None:
        db.rollback()
        return False
    arguments = job.arguments
    db.delete(job)
    db.commit()
    with background_request(registry) as request:
        hiding.go_on(request, **arguments)
    return True
