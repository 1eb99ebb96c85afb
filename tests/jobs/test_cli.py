"""`flasky jobs`: what an owner sees of the jobs and can do about them."""

from __future__ import annotations

import json
import threading

import pytest
from click.testing import CliRunner

from flasky.cli import main
from flasky.cli.context import Context
from flasky.jobs.models import Status
from flasky.testing.waiting import wait_until

pytestmark = pytest.mark.databases("sqlite")  # what the commands ask for is asked on both in the other modules


@pytest.fixture
def flasky_jobs(app, monkeypatch):
    monkeypatch.setattr(Context, "application", app)
    return lambda *arguments: CliRunner().invoke(main, ["jobs", *arguments])


def test_the_list_shows_what_became_of_each(flasky_jobs, queued, change) -> None:
    queued("sample.look")
    change(queued("sample.fail"), status=Status.FAILED, attempts=3, last_error="RuntimeError: the poll is stuck")
    head, first, second = flasky_jobs("list").output.splitlines()
    assert head.split()[:3] == ["ID", "Status", "Job"]
    assert "failed" in first
    assert first.endswith("RuntimeError: the poll is stuck")
    assert "sample.look" in second
    assert "queued" in second


def test_the_list_can_be_narrowed_and_is_json_for_programs(flasky_jobs, queued, change) -> None:
    number = queued("sample.send", to="胡同")
    change(queued("sample.fail"), status=Status.FAILED)
    (job,) = json.loads(flasky_jobs("list", "--name", "sample.send", "--json").output)
    assert (job["id"], job["arguments"], job["plugin"]) == (number, {"to": "胡同"}, "sample_jobs")
    assert job["created_at"].endswith("+00:00")
    assert [item["name"] for item in json.loads(flasky_jobs("list", "--status", "failed", "--json").output)] == [
        "sample.fail"
    ]
    assert flasky_jobs("list", "--status", "running").output == "There is no such job.\n"
    assert flasky_jobs("list", "--status", "lost").exit_code == 2


def test_no_job(flasky_jobs) -> None:
    assert flasky_jobs("list").output == "There is no job.\n"
    assert json.loads(flasky_jobs("list", "--json").output) == []


def test_one_job_with_the_way_to_its_log(flasky_jobs, queued, worker, row) -> None:
    number = queued("sample.fail")
    worker.run_once()
    output = flasky_jobs("show", str(number)).output
    assert "RuntimeError: the poll is stuck" in output
    assert f"`flasky log {row(number).request_id}`" in output
    assert json.loads(flasky_jobs("show", str(number), "--json").output)["status"] == "queued"
    result = flasky_jobs("show", "999")
    assert (result.exit_code, result.output) == (
        1,
        "Error: There is no job 999: `flasky jobs list` shows the newest.\n",
    )


def test_a_job_of_nobody_is_said_to_wait(flasky_jobs, queued, change) -> None:
    number = queued("sample.look")
    change(number, name="gone.thing")
    assert "No enabled plug-in declares this job: it waits" in flasky_jobs("show", str(number)).output


def test_a_job_that_was_given_up_is_tried_again(flasky_jobs, queued, change, row, jobs_run) -> None:
    number = queued("sample.look")
    change(number, status=Status.FAILED, attempts=10)
    assert "1 queued. The running server, or `flasky jobs run`" in flasky_jobs("retry", str(number)).output
    assert (row(number).status, row(number).attempts) == (Status.QUEUED, 0)
    assert "is queued: only failed jobs" in flasky_jobs("retry", str(number)).output
    jobs_run(False)
    change(number, status=Status.FAILED)
    assert "1 queued. flasky.jobs_run is false" in flasky_jobs("retry", "--failed").output
    assert flasky_jobs("retry").exit_code == 2
    assert flasky_jobs("retry", "1", "--failed").exit_code == 2


def test_what_is_due_is_done_once(flasky_jobs, queued, mailbox, monkeypatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_arguments: None)  # pytest's own stays
    queued("sample.send", to="ann@example.com")
    queued("sample.fail")
    assert flasky_jobs("run", "--once").output == "1 done, 1 to be tried again, 0 given up.\n"
    assert len(mailbox.messages) == 1


def test_a_process_does_quick_jobs_beside_one_that_takes_long(
    flasky_jobs, queued, row, registry, mailbox, monkeypatch
) -> None:
    stop, wake = threading.Event(), threading.Event()
    monkeypatch.setattr("flasky.queues.worker.until_told", lambda: (stop, wake))
    numbers = []

    def take_long(_request) -> None:
        numbers.append(queued("sample.quick", to="ann@example.com"))
        try:
            wait_until(lambda: row(numbers[0]).status == Status.DONE, "the quick job to be done")
        finally:
            stop.set()
            wake.set()

    registry["sample.meanwhile"] = take_long
    queued("sample.meet")
    assert flasky_jobs("run").output.endswith("No longer doing jobs.\n")
    assert len(mailbox.messages) == 1


def test_the_schedules(flasky_jobs, worker) -> None:
    worker.run_once()
    assert "daily at 03:30 UTC" in flasky_jobs("schedules").output
    found = {item["name"]: item for item in json.loads(flasky_jobs("schedules", "--json").output)}
    assert found["sample.look"]["when"] == "every 1:00:00"
    assert found["sample.look"]["last_interval"] < found["sample.look"]["next"]
