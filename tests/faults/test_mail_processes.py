"""Faults F01-F04, F11-F13 with real processes: a mail is sent if and only if its transaction committed (MAI-04).

Each test kills or starves something for real, ends the fault, and looks at what a real SMTP server received.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_smtp import DrippingSMTP
from sqlalchemy import create_engine, text
from warm import Forked, WarmConsole

from flasky.testing.live import LiveSite
from flasky.testing.smtp import SMTPServer
from flasky.testing.waiting import wait_until

SAMPLES = Path(__file__).parents[1] / "samples"
#: What FAULTS allows between the end of a fault and the mail's arrival.
RECOVERY_SECONDS = 10

#: How a mail is claimed and its lease found again differs between the databases (F03, two deliverers: both). What
#: comes before a commit, after the note or from the SMTP server does not: those start their processes once.
one_database = pytest.mark.databases("sqlite")


@pytest.fixture
def mail_site(make_live_site: Callable[..., LiveSite], smtp_server: SMTPServer) -> Callable[..., LiveSite]:
    """A function that starts a site whose page /sample/mail sends mails to `smtp_server`."""

    def make(failpoint: str = "", **settings: Any) -> LiveSite:
        environ = {"PYTHONPATH": str(SAMPLES)}
        if failpoint:
            environ["FLASKY_FAILPOINT"] = failpoint
        given = {"mail__port": smtp_server.port, "pyramid__includes": "sample_mails", "mail__timeout": 3}
        # The kernel alone: no plug-in's mails come between.
        return make_live_site(environ=environ, **{**given, "flasky__plugins": "main", **settings})

    return make


def _post(site: LiveSite, *addresses: str) -> float:
    """Let the site send mails; returns the seconds that the answer took."""
    body = urllib.parse.urlencode([("to", address) for address in addresses]).encode()
    started = time.monotonic()
    with urllib.request.urlopen(f"{site.url}/sample/mail", data=body, timeout=30) as answer:  # noqa: S310 - our own site
        assert answer.read() == b"sent"
    return time.monotonic() - started


def _post_until_killed(site: LiveSite, address: str) -> None:
    """Let the site send a mail whose delivery kills it.

    The commit wakes the deliverer, so the kill may come before, within or after the answer: what the browser sees of
    it decides nothing.
    """
    with contextlib.suppress(OSError, http.client.HTTPException):
        _post(site, address)
    _until_killed(site)


def _statuses(site: LiveSite) -> list[str]:
    url = next(
        line.split(" = ", 1)[1] for line in site.ini.read_text().splitlines() if line.startswith("sqlalchemy.url")
    )
    engine = create_engine(url.replace("%%", "%"))
    try:
        with engine.connect() as connection:
            return list(connection.execute(text("SELECT status FROM outgoing_mails ORDER BY id")).scalars())
    finally:
        engine.dispose()


def _until_killed(site: LiveSite) -> None:
    assert site.process is not None
    assert site.process.wait(20) == -signal.SIGKILL


def _restart_without_failpoint(site: LiveSite) -> None:
    site.environ.pop("FLASKY_FAILPOINT")
    site.restart()


def test_f03_killed_between_commit_and_delivery(mail_site, smtp_server: SMTPServer) -> None:
    site = mail_site("before_smtp:kill")
    _post_until_killed(site, "ann@example.com")
    assert smtp_server.messages == []
    assert _statuses(site) == ["sending"]

    _restart_without_failpoint(site)
    (message,) = smtp_server.wait_for(1, seconds=RECOVERY_SECONDS)
    assert message["To"] == "ann@example.com"
    wait_until(lambda: _statuses(site) == ["sent"], "the note that it was sent")
    assert len(smtp_server.messages) == 1


@one_database
def test_f04_killed_before_the_note_that_it_was_sent(mail_site, smtp_server: SMTPServer) -> None:
    site = mail_site("after_smtp:kill")
    _post_until_killed(site, "ann@example.com")
    assert len(smtp_server.messages) == 1

    _restart_without_failpoint(site)
    first, second = smtp_server.wait_for(2, seconds=RECOVERY_SECONDS)
    assert first["Message-ID"] == second["Message-ID"]
    assert smtp_server.envelopes[0].content == smtp_server.envelopes[1].content
    wait_until(lambda: _statuses(site) == ["sent"], "the note that it was sent")
    assert len(smtp_server.messages) == 2


@one_database
def test_f02_killed_after_the_commit_the_mail_is_sent(
    mail_site, smtp_server: SMTPServer, warm_console: WarmConsole
) -> None:
    """Killed before the answer: what was committed is there."""
    # The deliverer is off at first: it must not be quicker than the kill.
    site = mail_site("after_commit:kill", flasky__mail_deliver=False)
    with pytest.raises((OSError, http.client.HTTPException)):
        _post(site, "ann@example.com")
    _until_killed(site)
    assert _statuses(site) == ["queued"]

    with _deliver_process(site, warm_console):
        (message,) = smtp_server.wait_for(1)
    assert message["To"] == "ann@example.com"


@one_database
def test_f01_killed_before_the_commit_there_is_no_mail(mail_site, smtp_server: SMTPServer) -> None:
    """Killed in the middle of the transaction: nothing of it is there."""
    site = mail_site("before_commit:kill")
    with pytest.raises((OSError, http.client.HTTPException)):
        _post(site, "ann@example.com")
    _until_killed(site)
    assert _statuses(site) == []
    assert smtp_server.messages == []


@one_database
def test_f12_f13_a_request_never_waits_for_a_server_that_answers_by_drops(mail_site) -> None:
    """MAI-04: answered within 500 ms, the mail is kept, and the site can be stopped meanwhile."""
    with DrippingSMTP(pause=0.1) as server:
        site = mail_site(mail__port=server.port)
        _post(site, "first@example.com")
        wait_until(lambda: server.connections, "the deliverer to be held up")
        seconds = [_post(site, f"ann{number}@example.com") for number in range(5)]
        assert sorted(seconds)[len(seconds) // 2] < 0.5
        assert set(_statuses(site)) == {"queued", "sending"}
        assert site.stop() == 0


@one_database
def test_f11_what_was_kept_leaves_soon_after_the_server_is_back(mail_site, smtp_server: SMTPServer) -> None:
    smtp_server.stop()
    site = mail_site()
    _post(site, "first@example.com")
    assert _post(site, *(f"ann{number}@example.com" for number in range(4))) < 0.5
    wait_until(lambda: "No mail can be sent, it is kept" in site.log.read_text(encoding="utf-8"), "the first refusal")
    smtp_server.start()
    smtp_server.wait_for(5, seconds=RECOVERY_SECONDS)
    wait_until(lambda: set(_statuses(site)) == {"sent"}, "the notes that they were sent")
    assert len(smtp_server.messages) == 5


@one_database
def test_a_test_mail_survives_a_server_that_is_down_and_a_kill(mail_site, smtp_server: SMTPServer) -> None:
    """Queued by the command while nothing listens, the site killed, both brought back: it arrives once."""
    smtp_server.stop()
    site = mail_site()
    said = subprocess.run(
        [sys.executable, "-m", "flasky", "--ini", str(site.ini), "mail", "test", "ann@example.com"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SAMPLES)},
    ).stdout
    assert "is queued" in said
    assert "while that cannot be reached the mail is kept" in said
    wait_until(lambda: "No mail can be sent, it is kept" in site.log.read_text(encoding="utf-8"), "the first refusal")
    site.kill()
    smtp_server.start()
    site.start()
    (message,) = smtp_server.wait_for(1, seconds=RECOVERY_SECONDS)
    assert message["Subject"] == "[Flasky] Test mail"
    wait_until(lambda: _statuses(site) == ["sent"], "the note that it was sent")
    assert len(smtp_server.messages) == 1


@contextlib.contextmanager
def _deliver_process(site: LiveSite, console: WarmConsole) -> Iterator[Forked]:
    """`flasky mail deliver`, ended politely. (Its cold start: tests/mail/test_cli.py.)"""
    output = site.ini.with_suffix(".deliverer")
    environ = {**os.environ, "PYTHONPATH": str(SAMPLES)}
    process = console.start("flasky", "--ini", str(site.ini), "mail", "deliver", environ=environ, output=output)
    try:
        beginning = "Delivering mails through 127.0.0.1 port "
        wait_until(lambda: output.exists() and output.read_text().startswith(beginning), "the deliverer to begin")
        yield process
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_two_deliverers_send_each_mail_once(mail_site, smtp_server: SMTPServer, warm_console: WarmConsole) -> None:
    """The thread of the server and a process of its own on one outbox."""
    site = mail_site()
    addresses = [f"ann{number}@example.com" for number in range(24)]
    with _deliver_process(site, warm_console):
        _post(site, *addresses)
        smtp_server.wait_for(len(addresses), seconds=40)
        wait_until(lambda: _statuses(site) == ["sent"] * len(addresses), "the notes that they were sent")
    assert sorted(message["To"] for message in smtp_server.messages) == sorted(addresses)
    assert len({message["Message-ID"] for message in smtp_server.messages}) == len(addresses)
