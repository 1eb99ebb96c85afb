"""Background jobs with real processes: killed, shared and told to end, each job is done and none is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, text
from warm import WarmConsole

from flasky.database import utc_now
from flasky.jobs.models import BackgroundJob
from flasky.testing.live import LiveSite
from flasky.testing.waiting import wait_until

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the sample job leaves a line before it takes its time."""
    made = tmp_path / "done.txt"
    made.touch()
    return made


@pytest.fixture
def job_site(make_live_site: Callable[..., LiveSite], file: Path) -> Callable[..., LiveSite]:
    """A function that starts a site whose page /sample/jobs queues jobs."""
    environ = {"PYTHONPATH": str(SAMPLES), "SAMPLE_JOBS_FILE": str(file)}
    given = {"pyramid__includes": "sample_jobs", "flasky__plugins": "main", "flasky__mail_deliver": False}
    return lambda **settings: make_live_site(environ=environ, **given, **settings)


def _lines(file: Path) -> list[str]:
    return [line.split(" ", 1)[1] for line in file.read_text().splitlines()]


@contextlib.contextmanager
def _database(site: LiveSite) -> Iterator[Connection]:
    url = next(
        line.split(" = ", 1)[1] for line in site.ini.read_text().splitlines() if line.startswith("sqlalchemy.url")
    )
    engine = create_engine(url.replace("%%", "%"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _statuses(site: LiveSite) -> list[str]:
    with _database(site) as connection:
        return list(connection.execute(text("SELECT status FROM background_jobs ORDER BY id")).scalars())


def _queue(site: LiveSite, *arguments: dict[str, Any]) -> None:
    """Queue jobs without the cost of a server: the rows that one would have written."""
    now = utc_now()
    with _database(site) as connection:
        for given in arguments:
            connection.execute(
                insert(BackgroundJob).values(
                    name="sample.note", arguments=given, created_at=now, queued_at=now, next_attempt_at=now
                )
            )


def _post(site: LiveSite, **values: Any) -> None:
    body = urllib.parse.urlencode(values).encode()
    with urllib.request.urlopen(f"{site.url}/sample/jobs", data=body, timeout=30) as answer:  # noqa: S310 - our own site
        assert answer.read() == b"queued"


@contextlib.contextmanager
def _worker(site: LiveSite) -> Iterator[subprocess.Popen[str]]:
    """`flasky jobs run`, ended politely unless the test ended it."""
    command = [sys.executable, "-m", "flasky", "--ini", str(site.ini), "jobs", "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **site.environ}) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("Doing jobs")
            yield process
        finally:
            process.terminate()
            process.wait(20)


@pytest.mark.databases("sqlite")  # how a lease is found again is shown on both without processes
def test_a_job_whose_server_is_killed_is_done_after_the_restart(job_site, file: Path) -> None:
    """kill -9 in the middle: the dead process is known to be gone, the lease is not waited for."""
    site = job_site()
    _post(site, job="sample.note", text="slow", seconds=1)
    wait_until(lambda: _lines(file) == ["slow"], "the job to begin")
    site.kill()
    assert _statuses(site) == ["running"]
    site.start()
    wait_until(lambda: _statuses(site) == ["done"], "the job to be done")
    assert _lines(file) == ["slow", "slow"]


def test_two_processes_do_each_job_once(job_site, file: Path, warm_console: WarmConsole, tmp_path: Path) -> None:
    site = job_site(start=False)
    environ = {**os.environ, **site.environ}
    command = ("flasky", "--ini", str(site.ini), "jobs", "run")
    outputs = [tmp_path / "one", tmp_path / "two"]
    workers = [warm_console.start(*command, environ=environ, output=output) for output in outputs]
    try:
        for output in outputs:
            # A fork makes its file itself.
            wait_until(lambda output=output: output.exists() and "Doing jobs" in output.read_text(), "both to begin")
        _queue(site, *({"text": f"job {number}", "seconds": 0.02} for number in range(12)))
        wait_until(lambda: _statuses(site) == ["done"] * 12, "the jobs to be done")
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(20)
    assert sorted(_lines(file)) == sorted(f"job {number}" for number in range(12))


@pytest.mark.databases("sqlite")  # it is about the process
def test_sigterm_ends_it_between_two_jobs(job_site, file: Path) -> None:
    site = job_site(start=False)
    _queue(site, *({"text": name, "seconds": 0.5} for name in ("first", "second")))
    with _worker(site) as process:
        wait_until(lambda: _lines(file) == ["first"], "the first job to begin")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert _lines(file) == ["first"]
    assert _statuses(site) == ["done", "queued"]
