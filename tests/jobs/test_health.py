"""The health check: jobs that nobody does are told, and the site stays ready."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from sqlalchemy import text

from flasky.database import utc_now
from flasky.jobs.health import jobs_are_done, tell_who_does_jobs
from flasky.server import _workers


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


def test_a_quick_job_that_nobody_takes_is_told_sooner(registry, queued, change) -> None:
    """Somebody waits for it; another job may stand behind one that takes long."""
    for name in ("sample.quick", "sample.look"):
        change(
            queued(name, **({"to": "ann@example.com"} if name == "sample.quick" else {})),
            next_attempt_at=utc_now() - timedelta(minutes=3),
        )
    told = jobs_are_done(registry)
    assert told.startswith("1 quick jobs are due, the oldest since ")
    assert ";" not in told


def test_where_the_server_does_none_it_is_asked_who_does(registry, queued, change, jobs_run) -> None:
    change(queued("sample.quick", to="ann@example.com"), next_attempt_at=utc_now() - timedelta(minutes=3))
    jobs_run(True)
    assert "flasky jobs run" not in jobs_are_done(registry)
    jobs_run(False)
    assert jobs_are_done(registry).endswith(
        "flasky.jobs_run is false, so that `flasky jobs run` has to do them: is it running?"
    )


class TestAtStart:
    @pytest.fixture(autouse=True)
    def _log(self, caplog) -> None:
        caplog.set_level(logging.INFO, "flasky.jobs")

    def test_a_server_that_does_no_jobs_says_who_has_to(self, registry, jobs_run, caplog) -> None:
        """After an upgrade nothing waits yet: what will is named."""
        jobs_run(False)
        with _workers(registry):
            pass
        assert (
            "`flasky jobs run` has to do the background jobs, those that somebody waits for among them (sample.quick)"
            in caplog.text
        )

    def test_what_waits_already_is_a_warning(self, registry, jobs_run, queued, caplog) -> None:
        queued("sample.look")
        jobs_run(False)
        tell_who_does_jobs(registry)
        (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert "flasky.jobs_run is false, and 1 background jobs are due, the oldest since " in record.getMessage()
        assert "`flasky jobs run`" in record.getMessage()

    def test_a_server_that_does_them_says_nothing(self, registry, jobs_run, queued, caplog) -> None:
        queued("sample.look")
        jobs_run(True)
        tell_who_does_jobs(registry)
        assert caplog.text == ""

    def test_a_database_that_is_not_migrated_yet_keeps_no_server_from_starting(
        self, registry, jobs_run, db, caplog
    ) -> None:
        jobs_run(False)
        db.execute(text("ALTER TABLE background_jobs RENAME TO elsewhere"))
        db.commit()
        try:
            tell_who_does_jobs(registry)
        finally:
            db.execute(text("ALTER TABLE elsewhere RENAME TO background_jobs"))
            db.commit()
        assert caplog.text == ""
