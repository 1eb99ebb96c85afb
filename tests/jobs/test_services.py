"""Queueing: the row belongs to the transaction that wants it, and what cannot be done is refused at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyramid.request import Request, apply_request_extensions
from sqlalchemy import func, select

from flasky.database import utc_now
from flasky.jobs.models import BackgroundJob
from flasky.jobs.services import JobInReadOnlyRequest, UnknownJob, enqueue, wake_event

#: What is refused before the database is asked.
one_database = pytest.mark.databases("sqlite")


def _count(db) -> int:
    return db.scalar(select(func.count()).select_from(BackgroundJob))


def test_committed_means_queued(testapp, db, registry) -> None:
    wake_event(registry).clear()
    testapp.post("/sample/jobs", {"job": "sample.send", "to": "ann@example.com"})
    job = db.scalars(select(BackgroundJob)).one()
    assert (job.name, job.arguments, job.status) == ("sample.send", {"to": "ann@example.com"}, "queued")
    assert wake_event(registry).is_set()


def test_rolled_back_means_never_queued(testapp, db, registry) -> None:
    wake_event(registry).clear()
    testapp.post("/sample/jobs", {"job": "sample.send", "to": "ann@example.com", "fail": "1"}, status=400)
    assert _count(db) == 0
    assert not wake_event(registry).is_set()


@one_database
def test_a_request_that_reads_cannot_queue(registry, testapp, db) -> None:
    request = Request.blank("/sample/jobs?job=sample.look")
    request.registry = registry
    apply_request_extensions(request)
    with pytest.raises(JobInReadOnlyRequest, match=r"GET /sample/jobs tried to queue the job 'sample.look'.*POST"):
        request.enqueue("sample.look")
    testapp.get("/sample/jobs?job=sample.look", status=500)
    assert _count(db) == 0


@one_database
def test_an_unknown_job_is_refused_with_the_near_one(registry, db) -> None:
    with pytest.raises(UnknownJob, match=r"declares the job 'sample.sent': did you mean 'sample.send'\?"):
        enqueue(registry, db, "sample.sent", to="ann@example.com")
    with pytest.raises(UnknownJob, match=r"config.add_job\('other.thing', function\)"):
        enqueue(registry, db, "other.thing")


@one_database
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing a required argument: 'to'"),
        ({"to": "a", "colour": "red"}, "got an unexpected keyword argument 'colour'"),
        ({"to": datetime(2026, 1, 1, tzinfo=UTC)}, "must be JSON.*Pass ids, not objects"),
        ({"to": float("nan")}, "must be JSON"),
        ({"to": ("a", "b")}, "would come out of JSON as something else"),
        ({"to": {1: "a"}}, "would come out of JSON as something else"),
    ],
)
def test_wrong_arguments_are_told_where_they_are_given(registry, db, arguments, words) -> None:
    """And not by a worker, hours later."""
    with pytest.raises(TypeError, match=f"job 'sample.send'.*{words}"):
        enqueue(registry, db, "sample.send", **arguments)


@one_database
def test_a_moment_without_a_zone_is_refused(registry, db) -> None:
    with pytest.raises(TypeError, match="has no time zone"):
        enqueue(registry, db, "sample.look", due=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the mistake


def test_a_job_for_later_waits_however_far_ahead(queued, worker, row, change) -> None:
    """F34 does not apply: somebody wanted it then."""
    job_id = queued("sample.look", due=utc_now() + timedelta(days=400))
    assert worker.run_once().done == 0
    change(job_id, next_attempt_at=utc_now(), due_at=utc_now())
    assert worker.run_once().done == 1
    assert row(job_id).status == "done"
