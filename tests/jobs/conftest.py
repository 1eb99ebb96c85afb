"""What the tests of the jobs share: an application with sample jobs, and rows that can be looked at and changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flasky.database import get_database
from flasky.jobs.models import BackgroundJob
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.site import get_site


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"pyramid.includes": "sample_jobs", "flasky.plugins": "main"}


@pytest.fixture
def worker(registry: Registry) -> JobWorker:
    return JobWorker(registry)


@pytest.fixture
def queued(registry: Registry) -> Callable[..., int]:
    """A function that queues a job in a transaction of its own, and returns its number."""

    def queue(name: str, /, **arguments: Any) -> int:
        with get_database(registry).writer() as session:
            job = enqueue(registry, session, name, **arguments)
            session.commit()
            return job.id

    return queue


@pytest.fixture
def row(db: Session) -> Callable[[int], BackgroundJob]:
    """A function that returns a job as it is stored; no transaction stays open behind it."""

    def find(job_id: int) -> BackgroundJob:
        found = db.scalars(select(BackgroundJob).where(BackgroundJob.id == job_id)).one()
        db.refresh(found)
        db.expunge(found)
        db.rollback()
        return found

    return find


@pytest.fixture
def jobs_run(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """A function that gives the setting `flasky.jobs_run` a value."""
    values = get_site(registry).settings.values_by_name

    def give(value: bool) -> None:
        monkeypatch.setitem(values, "flasky.jobs_run", values["flasky.jobs_run"]._replace(value=value))

    return give


@pytest.fixture
def change(db: Session) -> Callable[..., None]:
    """A function that changes columns of a job."""

    def write(job_id: int, **values: Any) -> None:
        db.execute(update(BackgroundJob).where(BackgroundJob.id == job_id).values(**values))
        db.commit()

    return write
