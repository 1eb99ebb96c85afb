"""The deliverer: what becomes of a mail, and who holds it meanwhile (F11-F18)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from fake_smtp import FakeSMTP
from pyramid.paster import get_app
from pyramid.registry import Registry
from sqlalchemy import Engine, event, select, update
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.mail import send_mail
from flasky.mail.deliverer import LONGEST_PROBE, SECOND_TRY, Deliverer, Tally, start_deliverer
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.services import retry, wake_event
from flasky.mail.transport import (
    PermanentFailure,
    ServerRefuses,
    ServerUnavailable,
    TemporaryFailure,
    Unanswered,
    make_mailer,
)
from flasky.queues.claims import FIRST_PAUSE, LONGEST_PAUSE
from flasky.settings import Settings
from flasky.site import load_site
from flasky.testing.schema import migrate
from flasky.testing.waiting import wait_until


class Mailer:
    """Stands for pyramid_mailer's: keeps what it is given, and fails as it is told to, by recipient."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.tried: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.meanwhile: Callable[[], None] = lambda: None

    def send_immediately(self, message: Any) -> None:
        (recipient,) = message.send_to
        self.tried.append(recipient)
        self.meanwhile()
        if failure := self.failures.get(recipient):
            raise failure
        self.sent.append(message)


@pytest.fixture
def mailer() -> Mailer:
    return Mailer()


@pytest.fixture
def deliverer(registry: Registry, mailer: Mailer) -> Deliverer:
    return Deliverer(registry, mailer)


@pytest.fixture
def queue(registry: Registry) -> Callable[..., list[int]]:
    def queue(*names: str) -> list[int]:
        with get_database(registry).writer() as session:
            mails = [send_mail(registry, session, f"{name}@example.com", "Hello", "mail/test") for name in names]
            session.commit()
            return [mail.id for mail in mails]

    return queue


def _row(db: Session, name: str) -> OutgoingMail:
    """The mail to `name` as it is stored; no transaction stays open behind it."""
    row = db.scalars(select(OutgoingMail).where(OutgoingMail.recipient == f"{name}@example.com")).one()
    db.refresh(row)
    db.expunge(row)
    db.rollback()
    return row


def _change(db: Session, name: str, **values: Any) -> None:
    db.execute(update(OutgoingMail).where(OutgoingMail.recipient == f"{name}@example.com").values(**values))
    db.commit()


def test_a_due_mail_is_sent_once(deliverer, mailer, queue, db, mailbox) -> None:
    queue("ann")
    assert deliverer.run_once() == Tally(sent=1)
    assert deliverer.run_once() == Tally()
    (message,) = mailer.sent
    row = _row(db, "ann")
    assert (row.status, row.attempts, row.last_error, row.claimed_by) == (Status.SENT, 1, None, None)
    assert row.sent_at is not None
    assert message.raw == row.raw
    assert len(mailbox.messages) == 1


def test_the_oldest_goes_first(deliverer, mailer, queue) -> None:
    queue("first", "second", "third")
    deliverer.run_once()
    assert mailer.tried == ["first@example.com", "second@example.com", "third@example.com"]


def test_no_transaction_is_open_while_the_server_is_talked_to(deliverer, mailer, queue, registry) -> None:
    queue("ann")

    def write() -> None:
        # On SQLite this would wait for the deliverer in vain: it has one write lock.
        queue("meanwhile")

    mailer.meanwhile = lambda: (setattr(mailer, "meanwhile", lambda: None), write())
    assert deliverer.run_once().sent == 2


def test_a_mail_that_is_held_is_left_alone(deliverer, mailer, queue, registry) -> None:
    queue("ann")
    other = Deliverer(registry, Mailer())
    found: list[Tally] = []
    mailer.meanwhile = lambda: found.append(other.run_once())
    assert deliverer.run_once().sent == 1
    assert found == [Tally()]


def test_a_lease_that_ran_out_is_taken_up_with_the_same_message_id(deliverer, mailer, queue, db) -> None:
    queue("ann")
    _change(
        db, "ann", status=Status.SENDING, claimed_by="elsewhere:1:1:x", claimed_until=utc_now() - timedelta(seconds=1)
    )
    before = _row(db, "ann").message_id
    assert deliverer.run_once().sent == 1
    assert mailer.sent[0].message_id == before == _row(db, "ann").message_id
    assert _row(db, "ann").attempts == 2


def test_a_lease_that_has_not_run_out_is_respected(deliverer, queue, db) -> None:
    queue("ann")
    _change(
        db, "ann", status=Status.SENDING, claimed_by="elsewhere:1:1:x", claimed_until=utc_now() + timedelta(seconds=50)
    )
    assert deliverer.run_once() == Tally()


def test_whoever_overstays_the_lease_does_not_touch_the_row(deliverer, mailer, queue, db, caplog) -> None:
    queue("ann")
    mailer.meanwhile = lambda: _change(db, "ann", claimed_by="somebody else")
    deliverer.run_once()
    assert (_row(db, "ann").status, _row(db, "ann").claimed_by) == (Status.SENDING, "somebody else")
    assert "longer than its lease" in caplog.text


def test_a_mail_whose_deliverer_dies_again_and_again_waits_longer(deliverer, mailer, queue, db) -> None:
    """A mail that kills whoever sends it must not be tried in a tight loop."""
    queue("ann")
    held = {"status": Status.SENDING, "claimed_by": "elsewhere:1:1:x", "claimed_until": utc_now()}
    _change(db, "ann", attempts=1, **held)
    assert deliverer.run_once() == Tally()
    row = _row(db, "ann")
    assert row.status == Status.QUEUED
    assert row.next_attempt_at > utc_now() + timedelta(seconds=FIRST_PAUSE)
    assert "ended in the middle" in row.last_error


def test_a_server_that_is_away_blames_no_mail(deliverer, mailer, queue, db) -> None:
    """F11: one mail probes, the others are not tried, nobody's attempts are used up."""
    queue("ann", "bob")
    mailer.failures = {"ann@example.com": ServerUnavailable("host port 25: refused")}
    tally = deliverer.run_once()
    assert tally.pause > 0
    assert mailer.tried == ["ann@example.com"]
    row = _row(db, "ann")
    assert (row.status, row.attempts, row.last_error) == (Status.QUEUED, 0, "host port 25: refused")
    mailer.failures = {}
    assert deliverer.run_once() == Tally(sent=2)


def test_the_pauses_for_a_server_that_is_away_grow_and_stay_short(deliverer, mailer, queue) -> None:
    """F11: a mail leaves within ten seconds of the server's return."""
    queue("ann")
    mailer.failures = {"ann@example.com": ServerUnavailable("refused")}
    pauses = [deliverer.run_once().pause for _ in range(8)]
    assert pauses[0] < 1.3
    assert pauses[0] < pauses[1] < pauses[2] < pauses[3]
    assert max(pauses) <= LONGEST_PROBE * 1.2 < 10


def test_a_server_that_refuses_us_is_asked_less_often(deliverer, mailer, queue) -> None:
    queue("ann")
    mailer.failures = {"ann@example.com": ServerRefuses("535")}
    pauses = [deliverer.run_once().pause for _ in range(8)]
    assert pauses[0] >= 8
    assert 200 < pauses[-1] <= 360


def test_the_pauses_begin_anew_after_success(deliverer, mailer, queue) -> None:
    queue("ann")
    mailer.failures = {"ann@example.com": ServerUnavailable("refused")}
    for _ in range(5):
        deliverer.run_once()
    mailer.failures = {}
    deliverer.run_once()
    queue("bob")
    mailer.failures = {"bob@example.com": ServerUnavailable("refused")}
    assert deliverer.run_once().pause < 1.3


def test_a_mail_that_is_not_taken_now_waits_longer_each_time(deliverer, mailer, queue, db) -> None:
    """F14: 451."""
    queue("ann", "bob")
    mailer.failures = {"ann@example.com": TemporaryFailure("the server answered 451 greylisted")}
    assert deliverer.run_once() == Tally(sent=1, postponed=1)
    waits = []
    for _ in range(14):
        row = _row(db, "ann")
        assert row.last_error == "the server answered 451 greylisted"
        waits.append((row.next_attempt_at - utc_now()).total_seconds())
        _change(db, "ann", next_attempt_at=utc_now())
        deliverer.run_once()
    assert FIRST_PAUSE * 0.7 < waits[0] < FIRST_PAUSE * 1.3
    assert all(later > earlier for earlier, later in pairwise(waits[:8]))
    assert LONGEST_PAUSE * 0.7 < waits[-1] < LONGEST_PAUSE * 1.3
    assert _row(db, "ann").attempts == 15


@pytest.mark.parametrize("failure", [TemporaryFailure("451"), ServerUnavailable("refused"), ServerRefuses("535")])
def test_a_mail_that_is_too_old_is_given_up_visibly(deliverer, mailer, queue, db, failure, caplog) -> None:
    """F14: after flasky.mail_max_age."""
    queue("ann")
    _change(db, "ann", queued_at=utc_now() - timedelta(days=5))
    mailer.failures = {"ann@example.com": failure}
    deliverer.run_once()
    row = _row(db, "ann")
    assert row.status == Status.FAILED
    assert row.last_error.startswith("given up after 345600 s; at last: ")
    assert "given up" in caplog.text
    deliverer.run_once()
    assert len(mailer.tried) == 1


def test_an_old_mail_gets_its_one_attempt(deliverer, queue, db) -> None:
    """The deliverer may have been off for a week."""
    queue("ann")
    _change(db, "ann", queued_at=utc_now() - timedelta(days=5))
    assert deliverer.run_once().sent == 1


@pytest.mark.databases("sqlite")
def test_f16_a_mail_that_may_have_arrived_goes_out_twice_and_no_more(deliverer, mailer, queue, db, caplog) -> None:
    """Whatever comes in between; somebody who asks for it gets one more."""
    (number,) = queue("ann")
    twice = [Unanswered("no answer: it may have taken it"), ServerUnavailable("refused"), TemporaryFailure("451")]
    tallies = []
    for failure in [*twice, Unanswered("no answer: it may have taken it")]:
        mailer.failures = {"ann@example.com": failure}
        tallies.append(deliverer.run_once())
        _change(db, "ann", next_attempt_at=utc_now())
    assert [(tally.postponed, tally.given_up) for tally in tallies] == [(1, 0), (0, 0), (1, 0), (0, 1)]
    row = _row(db, "ann")
    assert row.status == Status.FAILED
    assert "it may have arrived" in row.last_error
    assert f"Mail {number} (mail/test) of plugin=flasky" in caplog.text
    deliverer.run_once()
    assert len(mailer.tried) == 4

    with get_database(deliverer.registry).writer.begin() as session:
        retry(session, session.get(OutgoingMail, number))
    assert deliverer.run_once().given_up == 1
    assert len(mailer.tried) == 5


@pytest.mark.databases("sqlite")
def test_f16_a_mail_stays_ours_while_the_server_thinks(deliverer, mailer, queue, db, monkeypatch) -> None:
    """It may think for longer than the lease: nobody else sends the mail meanwhile."""
    monkeypatch.setattr("flasky.mail.deliverer.RENEW_SECONDS", 0.01)
    queue("ann")

    def think() -> None:
        soon = utc_now() + timedelta(seconds=1)
        _change(db, "ann", claimed_until=soon)
        wait_until(lambda: _row(db, "ann").claimed_until > soon, "the lease to be renewed")

    mailer.meanwhile = think
    assert deliverer.run_once().sent == 1


@pytest.mark.databases("sqlite")
def test_f16_a_mail_that_may_have_arrived_waits_long_before_its_second_try(deliverer, mailer, queue, db) -> None:
    """What drops connections, a proxy or a server that starts anew, may do so for some minutes."""
    queue("ann")
    mailer.failures = {"ann@example.com": Unanswered("no answer: it may have taken it")}
    deliverer.run_once()
    wait = (_row(db, "ann").next_attempt_at - utc_now()).total_seconds()
    assert SECOND_TRY * 0.7 < wait < SECOND_TRY * 1.3
    assert SECOND_TRY >= 3600


@pytest.mark.databases("sqlite")
def test_f16_a_server_that_does_not_answer_to_a_mail_is_not_said_to_take_mails_again(
    deliverer, mailer, queue, db, caplog
) -> None:
    caplog.set_level(logging.INFO, "flasky")
    queue("ann")
    for failure in (ServerUnavailable("refused"), Unanswered("no answer")):
        mailer.failures = {"ann@example.com": failure}
        deliverer.run_once()
    assert "takes mails again" not in caplog.text
    mailer.failures = {}
    queue("bob")
    deliverer.run_once()
    assert "takes mails again" in caplog.text


@pytest.mark.databases("sqlite")
def test_f16_that_the_server_has_the_whole_mail_is_noted_while_it_thinks(registry, queue, db, monkeypatch) -> None:
    """With the real transport: not before, as then another try does no harm."""
    monkeypatch.setattr("flasky.mail.deliverer.RENEW_SECONDS", 0.01)
    queue("ann")
    seen = []

    def before(_line: str) -> bytes:
        held = _row(db, "ann").claimed_until
        wait_until(lambda: _row(db, "ann").claimed_until > held, "the lease to be renewed")
        seen.append(_row(db, "ann").sent_at)
        return b"250 OK"

    def think(_content: bytes) -> bytes:
        wait_until(lambda: _row(db, "ann").sent_at is not None, "the note that the server has the mail")
        return b"451 no"

    with FakeSMTP(RCPT=before, dot=think) as server:
        original = make_mailer
        settings = _settings_for(server.port)
        monkeypatch.setattr(
            "flasky.mail.deliverer.make_mailer", lambda _settings, handed_in: original(settings, handed_in)
        )
        assert Deliverer(registry).run_once().postponed == 1
    assert seen == [None]
    assert _row(db, "ann").sent_at is None, "it said that it did not take it"


@pytest.mark.databases("sqlite")
def test_f16_a_mail_goes_out_twice_and_no_more_also_when_its_deliverer_ends_meanwhile(
    deliverer, mailer, queue, db, monkeypatch, caplog
) -> None:
    """As by a supervisor that does not wait until the server has said what became of the mail."""
    monkeypatch.setattr("flasky.mail.deliverer.RENEW_SECONDS", 0.01)
    queue("ann")

    class Ended(BaseException):
        pass

    def end_while_it_thinks() -> None:
        deliverer.handed_in.set()
        held = _row(db, "ann").claimed_until
        wait_until(lambda: _row(db, "ann").claimed_until > held, "the lease to be renewed")
        raise Ended

    mailer.meanwhile = end_while_it_thinks
    for _ in range(2):
        with pytest.raises(Ended):
            deliverer.run_once()
        assert _row(db, "ann").status == Status.SENDING
        _change(db, "ann", claimed_until=utc_now())
    assert deliverer.run_once() == Tally()
    row = _row(db, "ann")
    assert row.status == Status.FAILED
    assert "it may have arrived twice" in row.last_error
    assert "it may have arrived twice" in caplog.text
    assert len(mailer.tried) == 2


def test_a_mail_that_is_refused_for_good_fails_and_the_others_go_on(deliverer, mailer, queue, db, caplog) -> None:
    """F15."""
    queue("ann", "bob", "cy")
    mailer.failures = {"bob@example.com": PermanentFailure("the server answered 550 no such user")}
    assert deliverer.run_once() == Tally(sent=2, given_up=1)
    row = _row(db, "bob")
    assert (row.status, row.last_error) == (Status.FAILED, "the server answered 550 no such user")
    assert "550 no such user" in caplog.text


def test_a_poison_mail_is_parked_and_the_others_go_on(deliverer, mailer, queue, db, caplog) -> None:
    """F18: a row that no code of ours wrote."""
    queue("ann", "bob", "cy", "dee")
    _change(db, "ann", sender="flasky@example.com>\nRCPT TO:<eve@example.com")
    _change(db, "bob", raw=b"")
    mailer.failures = {"cy@example.com": RuntimeError("secret-canary")}
    assert deliverer.run_once() == Tally(sent=1, given_up=3)
    for name in ("ann", "bob", "cy"):
        row = _row(db, name)
        assert row.status == Status.PARKED
        assert row.last_error.startswith("it cannot be sent as it is")
    assert mailer.tried == ["cy@example.com", "dee@example.com"]
    assert "secret-canary" not in caplog.text


def test_the_log_holds_no_address_and_no_body(deliverer, mailer, queue, caplog) -> None:
    """LOG-01."""
    caplog.set_level(logging.DEBUG, "flasky")
    queue("canary")
    deliverer.run_once()
    assert "is sent" in caplog.text
    assert "canary" not in caplog.text
    assert "This is a test" not in caplog.text


def test_nothing_is_written_when_nothing_is_due(deliverer, registry, queue, db) -> None:
    """An idle deliverer must not take SQLite's write lock every few seconds."""
    queue("ann")
    _change(db, "ann", next_attempt_at=utc_now() + timedelta(minutes=5))
    with _statements(get_database(registry).engine) as sent:
        deliverer.run_once()
    assert sent == []


def test_a_wrong_clock_delays_no_mail_for_ever(deliverer, queue, db) -> None:
    """F34: the clock was a year ahead when these were written."""
    queue("ann", "bob")
    future = utc_now() + timedelta(days=365)
    _change(db, "ann", next_attempt_at=future)
    _change(db, "bob", status=Status.SENDING, claimed_by="elsewhere:1:1:x", claimed_until=future)
    assert deliverer.run_once().sent == 2


def test_sent_mails_are_forgotten_after_a_while(registry, mailer, queue, db) -> None:
    queue("old", "new", "failed")
    Deliverer(registry, mailer).run_once()
    _change(db, "old", sent_at=utc_now() - timedelta(days=31))
    _change(db, "failed", status=Status.FAILED, sent_at=None, queued_at=utc_now() - timedelta(days=31))
    Deliverer(registry, mailer).run_once()
    db.rollback()
    assert set(db.scalars(select(OutgoingMail.recipient))) == {"new@example.com", "failed@example.com"}


def test_a_commit_is_delivered_at_once(registry, queue, smtp_server, monkeypatch) -> None:
    """The thread is woken by the commit: it does not wait for its next look at the outbox."""
    monkeypatch.setattr("flasky.mail.deliverer.POLL_SECONDS", 60.0)
    monkeypatch.setattr("flasky.mail.deliverer.make_mailer", lambda *_given: _mailer_for(smtp_server.port))
    thread = start_deliverer(registry)
    try:
        wait_until(lambda: not wake_event(registry).is_set(), "the deliverer's first look")
        queue("ann")
        smtp_server.wait_for(1, seconds=10)
    finally:
        assert thread.stop(10)


def test_stopping_wakes_a_sleeping_thread(registry) -> None:
    thread = start_deliverer(registry)
    assert thread.stop(4)


def test_a_database_that_is_away_is_one_line_in_the_log(make_app, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr("flasky.mail.deliverer.POLL_SECONDS", 0.02)
    deliverer = Deliverer(make_app().registry)
    stop, wake = threading.Event(), threading.Event()
    looks = _counted(monkeypatch, deliverer)
    thread = threading.Thread(target=deliverer.run, args=(stop, wake))
    thread.start()
    try:
        wait_until(lambda: looks[0] > 5, "some tries")
    finally:
        stop.set()
        wake.set()
        thread.join(10)
    assert caplog.text.count("Mails cannot be delivered, the database answers") == 1


def test_before_the_first_migration_development_waits_quietly(ini_file, caplog, monkeypatch) -> None:
    """Every page tells of the migration; as soon as it was applied, mails are delivered."""
    monkeypatch.setattr("flasky.mail.deliverer.POLL_SECONDS", 0.02)
    app = get_app(str(ini_file(flasky__environment="development")))
    deliverer = Deliverer(app.registry)
    stop, wake = threading.Event(), threading.Event()
    looks = _counted(monkeypatch, deliverer)
    thread = threading.Thread(target=deliverer.run, args=(stop, wake))
    thread.start()
    try:
        wait_until(lambda: looks[0] > 5, "some tries")
    finally:
        stop.set()
        wake.set()
        thread.join(10)
    get_database(app.registry).dispose()
    assert [record.getMessage() for record in caplog.records if record.name == "flasky.mail.deliverer"] == []


def test_an_error_nobody_foresaw_does_not_end_the_thread(registry, caplog, monkeypatch) -> None:
    monkeypatch.setattr("flasky.mail.deliverer.POLL_SECONDS", 0.02)
    deliverer = Deliverer(registry, Mailer())
    stop, wake = threading.Event(), threading.Event()
    calls: list[int] = []

    def fail(_stop: object) -> Tally:
        calls.append(1)
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(deliverer, "run_once", fail)
    thread = threading.Thread(target=deliverer.run, args=(stop, wake))
    thread.start()
    try:
        wait_until(lambda: len(calls) > 2, "another try")
    finally:
        stop.set()
        wake.set()
        thread.join(10)
    assert "met an error and goes on" in caplog.text


def test_in_production_the_body_goes_when_the_mail_is_sent(make_app, mailer, tmp_path) -> None:
    (tmp_path / "0.sqlite").touch()
    settings = {
        "flasky__environment": "production",
        "flasky__secret_key": "kPq7-3xZ_bLw9TfR2vN8sYcH5mJd6gAeU1oQ4iX0",
        "flasky__base_url": "https://community.example.com",
    }
    migrate(
        {
            "flasky.plugins": "main accounts",
            "sqlalchemy.url": f"sqlite:///{tmp_path}/0.sqlite",
        }
    )
    app = make_app(**settings)
    with get_database(app.registry).writer() as session:
        send_mail(app.registry, session, "ann@example.com", "Hello", "mail/test")
        session.commit()
    Deliverer(app.registry, mailer).run_once()
    assert mailer.sent[0].raw
    with get_database(app.registry).writer() as session:
        row = session.scalars(select(OutgoingMail)).one()
        assert (row.status, row.raw) == (Status.SENT, b"")


def _mailer_for(port: int) -> Any:
    """The site's own kind of mailer, at another port than the settings of the application say."""
    return make_mailer(_settings_for(port))


def _settings_for(port: int) -> Settings:
    given = {"mail.host": "127.0.0.1", "mail.port": port, "mail.tls": False}
    return load_site({}, {"sqlalchemy.url": "sqlite://", "flasky.environment": "testing", **given}, {}).settings


def _counted(monkeypatch: pytest.MonkeyPatch, deliverer: Deliverer) -> list[int]:
    count = [0]
    original = deliverer.run_once

    def run_once(stop: threading.Event | None = None) -> Tally:
        count[0] += 1
        return original(stop)

    monkeypatch.setattr(deliverer, "run_once", run_once)
    return count


class _statements:  # noqa: N801 - used like a function
    """The statements and transactions that an engine begins for a while."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sent: list[str] = []

    def _note(self, _connection: Any, *arguments: Any) -> None:
        self._sent.append(str(arguments[1]) if len(arguments) > 1 else "BEGIN")

    def __enter__(self) -> list[str]:
        event.listen(self._engine, "before_cursor_execute", self._note)
        event.listen(self._engine, "begin", self._note)
        return self._sent

    def __exit__(self, *_error: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)
        event.remove(self._engine, "begin", self._note)
