"""The health check: jobs that nobody does are told, and the site stays ready."""

from __future__ import annotations

from datetime import timedelta

from flasky.database import utc_now
from flasky.jobs.health import jobs_are_done


def test_jobs_that_nobody_takes_are_told(registry, testapp, queued, change) -> None:
    number = queued("sample.look")
    assert jobs_are_done(registry) is None
    change(number, next_attempt_at=utc_now() - timedelta(hours=1))
    assert jobs_are_done(registry).startswith("1 jobs are due, the oldest since ")
    answer = testapp.get("/health/ready", status=200)
    assert (answer.json["status"], answer.json["checks"]["jobs"]) == ("warning", "failed")


def test_a_job_for_later_and_one_of_a_plug_in_that_is_off_are_no_trouble(registry, queued, change) -> None:
    queued("sample.look", due=utc_now() + timedelta(days=3))
    change(queued("sample.look"), name="gone.thing", next_attempt_at=utc_now() - timedelta(hours=1))
    assert jobs_are_done(registry) is None
