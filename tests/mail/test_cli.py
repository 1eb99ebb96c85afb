"""`flasky mail`: what an owner sees of the outbox and can do about it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyramid.registry import Registry
from sqlalchemy import select, update
from warm import Forked, WarmConsole

from flasky.cli import main
from flasky.cli.context import Context
from flasky.mail import send_mail
from flasky.mail.models import OutgoingMail, Status
from flasky.site import get_site
from flasky.testing.waiting import wait_until
from flasky.wsgi import Application

Command = Callable[..., Result]


@pytest.fixture
def flasky_mail(app: Application, monkeypatch: pytest.MonkeyPatch) -> Command:
    # The application of the other fixtures: what another one committed would not be brought back after the test.
    monkeypatch.setattr(Context, "application", app)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["mail", *arguments])

    return run


@pytest.fixture
def queued(registry: Registry, db) -> Callable[..., int]:
    def queue(name: str, **values: Any) -> int:
        mail = send_mail(registry, db, f"{name}@example.com", "Hello 胡同", "sample/greeting", name="胡同")
        db.commit()
        number = mail.id
        if values:
            db.execute(update(OutgoingMail).where(OutgoingMail.id == number).values(**values))
            db.commit()
        db.rollback()
        return number

    return queue


def test_a_test_mail_is_queued_and_it_is_said_what_happens_next(flasky_mail: Command, mailbox) -> None:
    """Also while nothing listens where the SMTP server should be."""
    result = flasky_mail("test", "ann@example.com")
    assert result.exit_code == 0, result.output
    assert "to ann@example.com is queued." in result.output
    assert "127.0.0.1 port 1" in result.output
    assert "while that cannot be reached the mail is kept and tried again" in result.output
    assert mailbox.last["Subject"] == "[Flasky] Test mail"


def test_a_test_mail_in_chinese(flasky_mail: Command, mailbox) -> None:
    flasky_mail("test", "ann@example.com", "--language", "zh")
    assert mailbox.last["Subject"] == "[Flasky] 测试邮件"


def test_a_site_that_does_not_deliver_says_who_has_to(app: Application, flasky_mail: Command, monkeypatch) -> None:
    value = get_site(app.registry).settings.values_by_name["flasky.mail_deliver"]
    monkeypatch.setitem(
        get_site(app.registry).settings.values_by_name, "flasky.mail_deliver", value._replace(value=False)
    )
    assert "flasky.mail_deliver is false: `flasky mail deliver` hands it" in flasky_mail("test", "a@example.com").output


@pytest.mark.parametrize("address", ["", "ann", "a@example.com,b@example.com", "ünï@example.com", "a@b@example.com"])
def test_a_wrong_address_is_a_clear_error(flasky_mail: Command, mailbox, address: str) -> None:
    result = flasky_mail("test", address)
    assert result.exit_code == 1
    assert f"Got {address!r}." in result.output
    assert "Traceback" not in result.output
    assert mailbox.messages == []


def test_the_list_shows_what_became_of_each(flasky_mail: Command, queued) -> None:
    queued("ann")
    queued("bob", status=Status.FAILED, last_error="the server answered 550 no such user")
    result = flasky_mail("list")
    head, first, second = result.output.splitlines()
    assert head.split()[:2] == ["ID", "Status"]
    assert "failed" in first
    assert "bob@example.com" in first
    assert first.endswith("550 no such user")
    assert "queued" in second
    assert "[Flasky] Hello 胡同" in second


def test_the_list_can_be_narrowed(flasky_mail: Command, queued) -> None:
    queued("ann")
    queued("bob", status=Status.FAILED)
    assert "ann" not in flasky_mail("list", "--status", "failed").output
    assert "There is no mail with the status parked." in flasky_mail("list", "--status", "parked").output
    assert flasky_mail("list", "--status", "lost").exit_code == 2


def test_an_empty_outbox(flasky_mail: Command) -> None:
    assert flasky_mail("list").output == "There is no mail.\n"
    assert json.loads(flasky_mail("list", "--json").output) == []


def test_the_list_as_json(flasky_mail: Command, queued) -> None:
    number = queued("ann")
    (mail,) = json.loads(flasky_mail("list", "--json").output)
    assert (mail["id"], mail["status"], mail["recipient"]) == (number, "queued", "ann@example.com")
    assert mail["created_at"].endswith("+00:00")
    assert "raw" not in mail


def test_one_mail_with_headers_and_text(flasky_mail: Command, queued) -> None:
    output = flasky_mail("show", str(queued("ann"))).output
    assert "status:          queued" in output
    assert "Subject: [Flasky] Hello 胡同" in output
    assert "Welcome, 胡同" in output


def test_a_mail_whose_body_is_forgotten(flasky_mail: Command, queued) -> None:
    output = flasky_mail("show", str(queued("ann", status=Status.SENT, raw=b""))).output
    assert "the body is forgotten" in output


@pytest.mark.parametrize("arguments", [("show", "99"), ("retry", "99")])
def test_a_mail_that_does_not_exist(flasky_mail: Command, arguments: tuple[str, ...]) -> None:
    result = flasky_mail(*arguments)
    assert result.exit_code == 1
    assert "There is no mail 99: `flasky mail list` shows the newest." in result.output


def test_one_mail_is_queued_again(flasky_mail: Command, queued, db) -> None:
    number = queued("ann", status=Status.FAILED, attempts=9)
    other = queued("bob", status=Status.FAILED)
    assert flasky_mail("retry", str(number)).output.startswith("1 queued.")
    states = dict(db.execute(select(OutgoingMail.id, OutgoingMail.status)).all())
    assert states == {number: "queued", other: "failed"}


def test_all_mails_that_were_given_up_are_queued_again(flasky_mail: Command, queued, db) -> None:
    for status in Status:
        queued(status, status=status)
    assert flasky_mail("retry", "--failed").output.startswith("2 queued.")
    assert sorted(db.scalars(select(OutgoingMail.status))) == ["queued", "queued", "queued", "sending", "sent"]


def test_a_mail_that_is_sent_cannot_be_sent_again_by_mistake(flasky_mail: Command, queued) -> None:
    result = flasky_mail("retry", str(queued("ann", status=Status.SENT)))
    assert result.exit_code == 1
    assert "is sent: only failed and parked mails can be retried." in result.output


@pytest.mark.parametrize("arguments", [(), ("1", "--failed")])
def test_retry_wants_to_know_which(flasky_mail: Command, arguments: tuple[str, ...]) -> None:
    result = flasky_mail("retry", *arguments)
    assert result.exit_code == 2
    assert "flasky mail retry ID, or flasky mail retry --failed" in result.output


@pytest.mark.parametrize(("number", "cold"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_the_delivering_process_ends_politely(
    ini_file, warm_console: WarmConsole, tmp_path: Path, number: signal.Signals, *, cold: bool
) -> None:
    """Also without a database that answers: that is logged, and no reason to end."""
    said, errors = tmp_path / "said", tmp_path / "errors"
    arguments = ("--ini", str(ini_file(flasky__plugins="main")), "mail", "deliver")
    process: subprocess.Popen[bytes] | Forked
    if cold:
        with said.open("wb") as output, errors.open("wb") as faults:
            process = subprocess.Popen([sys.executable, "-m", "flasky", *arguments], stdout=output, stderr=faults)
    else:
        process = warm_console.start("flasky", *arguments, environ=os.environ, output=said, errors=errors)
    try:
        beginning = "Delivering mails through 127.0.0.1 port 1"
        wait_until(lambda: said.exists() and said.read_text().startswith(beginning), "the process to begin")
        process.send_signal(number)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(10)
    assert said.read_text().partition("\n")[2] == "No longer delivering mails.\n"
    assert "Traceback" not in errors.read_text()
