"""Faults F14-F18: a deliverer, a database and SMTP servers that misbehave, all real; only the clock is moved."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_smtp import HANG_UP, FakeSMTP, self_signed
from pyramid.registry import Registry
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.mail import send_mail
from flasky.mail.deliverer import Deliverer
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.services import outbox_state
from flasky.mail.transport import make_mailer
from flasky.site import load_site
from flasky.testing.smtp import SMTPServer


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"flasky.plugins": "main"}


@pytest.fixture
def deliverer_to(registry: Registry) -> Callable[..., Deliverer]:
    """A function that makes a deliverer for the server at a port."""

    def make(port: int, **settings: Any) -> Deliverer:
        given = {"mail.host": "127.0.0.1", "mail.port": port, "mail.tls": False, "mail.timeout": 3, **settings}
        return Deliverer(
            registry,
            make_mailer(
                load_site({}, {"sqlalchemy.url": "sqlite://", "flasky.environment": "testing", **given}, {}).settings
            ),
        )

    return make


@pytest.fixture
def queue(registry: Registry) -> Callable[..., None]:
    def queue(*names: str) -> None:
        with get_database(registry).writer() as session:
            for name in names:
                send_mail(registry, session, f"{name}@example.com", "Hello", "mail/test")
            session.commit()

    return queue


def _later(db: Session) -> None:
    """Let every pause be over."""
    db.execute(update(OutgoingMail).values(next_attempt_at=utc_now()))
    db.commit()


def _statuses(db: Session) -> dict[str, str]:
    rows = db.execute(select(OutgoingMail.recipient, OutgoingMail.status)).all()
    db.rollback()
    return {recipient.partition("@")[0]: status for recipient, status in rows}


def _recipients(server: FakeSMTP) -> list[str]:
    return [line.partition("<")[2].partition("@")[0] for line in server.commands if line.lower().startswith("rcpt")]


@pytest.mark.parametrize("answer", [b"421 closing", b"451 try again"])
def test_f14_a_server_that_puts_us_off_gets_the_mail_later(deliverer_to, queue, db, answer: bytes) -> None:
    queue("ann")
    with FakeSMTP(RCPT=answer) as server:
        deliverer = deliverer_to(server.port)
        deliverer.run_once()
        assert _statuses(db) == {"ann": "queued"}
        assert answer.decode()[:3] in str(db.scalar(select(OutgoingMail.last_error)))
        db.rollback()
        server.answers["RCPT"] = b"250 OK"
        _later(db)
        assert deliverer.run_once().sent == 1
        assert len(server.taken) == 1


def test_f14_after_its_time_a_mail_is_given_up_and_can_be_seen(deliverer_to, queue, db) -> None:
    queue("ann")
    db.execute(update(OutgoingMail).values(queued_at=utc_now() - timedelta(days=4, minutes=1)))
    db.commit()
    with FakeSMTP(RCPT=b"451 try again") as server:
        deliverer_to(server.port).run_once()
    state = outbox_state(db)
    assert (state.waiting, state.failed) == (0, 1)


def test_f15_one_recipient_is_unknown_and_the_others_get_their_mail(deliverer_to, queue, db) -> None:
    queue("ann", "bob", "cy")

    def rcpt(line: str) -> bytes:
        return b"550 5.1.1 no such user" if "bob" in line else b"250 OK"

    with FakeSMTP(RCPT=rcpt) as server:
        deliverer = deliverer_to(server.port)
        tally = deliverer.run_once()
        assert (tally.sent, tally.given_up) == (2, 1)
        _later(db)
        deliverer.run_once()
        assert Counter(_recipients(server)) == {"ann": 1, "bob": 1, "cy": 1}
    assert _statuses(db) == {"ann": "sent", "bob": "failed", "cy": "sent"}
    error = db.scalar(select(OutgoingMail.last_error).where(OutgoingMail.status == Status.FAILED))
    assert error == "the server answered 550 5.1.1 no such user"


@pytest.mark.parametrize("where", ["DATA", "dot"])
def test_f16_a_connection_that_breaks_leads_to_at_most_one_duplicate(deliverer_to, queue, db, where: str) -> None:
    queue("ann", "bob")
    with FakeSMTP(**{where: HANG_UP}) as server:
        deliverer = deliverer_to(server.port)
        tally = deliverer.run_once()
        assert (tally.sent, tally.postponed) == (0, 2)
        server.answers["DATA"], server.answers["."] = b"354 go on", b"250 taken"
        _later(db)
        assert deliverer.run_once().sent == 2
        assert deliverer.run_once().sent == 0
        # Whether the server kept what it had when it hung up nobody knows: at most twice, with the same bytes.
        assert set(Counter(server.seen).values()) == ({1} if where == "DATA" else {2})
        assert len(server.taken) == 2


@pytest.mark.databases("sqlite")
def test_f16_a_server_that_hangs_up_after_each_mail_gets_each_twice_at_most(deliverer_to, queue, db) -> None:
    queue("ann", "bob")
    with FakeSMTP(dot=HANG_UP) as server:
        deliverer = deliverer_to(server.port)
        for _ in range(4):
            deliverer.run_once()
            _later(db)
        assert set(Counter(server.seen).values()) == {2}
    assert _statuses(db) == {"ann": "failed", "bob": "failed"}
    db.rollback()
    assert outbox_state(db).failed == 2


def test_f17_a_wrong_certificate_keeps_the_mail_in_the_outbox(deliverer_to, queue, db, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    server = SMTPServer(tls_context=context, require_starttls=True)
    server.start()
    try:
        queue("ann")
        tally = deliverer_to(server.port, **{"mail.tls": True, "mail.host": "localhost"}).run_once()
        assert tally.pause > 5
        assert _statuses(db) == {"ann": "queued"}
        assert "mail.ca_file" in str(db.scalar(select(OutgoingMail.last_error)))
        db.rollback()
        trusted = {"mail.tls": True, "mail.host": "localhost", "mail.ca_file": str(tmp_path / "localhost.crt")}
        assert deliverer_to(server.port, **trusted).run_once().sent == 1
    finally:
        server.stop()


def test_f17_a_server_without_starttls_keeps_the_mail_in_the_outbox(
    deliverer_to, queue, db, smtp_server: SMTPServer
) -> None:
    queue("ann")
    deliverer_to(smtp_server.port, **{"mail.tls": True}).run_once()
    assert _statuses(db) == {"ann": "queued"}
    assert smtp_server.messages == []


@pytest.mark.parametrize(
    "damage",
    [
        {"recipient": "ünï@example.com"},
        {"recipient": "ann@example.com>,<eve@example.com"},
        {"recipient": "ann@example.com\r\nDATA"},
        {"recipient": "-oQ@example.com"},
        {"recipient": ""},
        {"sender": "flasky@example.com> BODY=8BITMIME\r\nRSET"},
        {"raw": b""},
    ],
    ids=str,
)
def test_f18_a_row_that_cannot_be_sent_is_parked_and_blocks_nobody(
    deliverer_to, queue, db, damage: dict[str, Any]
) -> None:
    queue("bad", "good")
    db.execute(update(OutgoingMail).where(OutgoingMail.recipient == "bad@example.com").values(**damage))
    db.commit()
    with FakeSMTP() as server:
        deliverer = deliverer_to(server.port)
        tally = deliverer.run_once()
        assert (tally.sent, tally.given_up) == (1, 1)
        assert deliverer.run_once().given_up == 0
        assert _recipients(server) == ["good"]
    assert sorted(_statuses(db).values()) == ["parked", "sent"]
