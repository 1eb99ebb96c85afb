"""Queueing: a mail belongs to its transaction (P18, MAI-04)."""

from __future__ import annotations

import pytest
import transaction
from pyramid.registry import Registry
from pyramid.request import Request, apply_request_extensions
from sqlalchemy import select
from webtest import TestApp

from flasky.mail import InvalidAddress, administrator, send_mail
from flasky.mail.declarations import UndeclaredMail
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.services import MailInReadOnlyRequest, outbox_state, retry, wake_event


def test_a_committed_request_leaves_its_mail(testapp: TestApp, mailbox) -> None:
    testapp.post("/sample/mail", {"to": "ann@example.com", "name": "胡同"})
    (message,) = mailbox.messages
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "[Flasky] Welcome, 胡同"
    assert message["From"] == "Flasky Admin <flasky@example.com>"


def test_a_request_that_fails_leaves_none(testapp: TestApp, mailbox) -> None:
    testapp.post("/sample/mail", {"to": "ann@example.com", "fail": "1"}, status=400)
    assert mailbox.messages == []


def test_the_row_says_everything_a_deliverer_needs(testapp: TestApp, db, mailbox) -> None:
    testapp.post("/sample/mail", {"to": "ann@EXAMPLE.com"})
    row = db.scalars(select(OutgoingMail)).one()
    assert (row.status, row.attempts, row.recipient) == (Status.QUEUED, 0, "ann@example.com")
    assert (row.sender, row.template) == ("flasky@example.com", "sample/greeting")
    assert row.message_id == mailbox.last["Message-ID"]
    assert row.next_attempt_at == row.queued_at == row.created_at


def test_the_visitor_s_language_is_the_default(testapp: TestApp, db) -> None:
    testapp.post("/sample/mail", {"to": "ann@example.com"}, headers={"Accept-Language": "zh"})
    testapp.post("/sample/mail", {"to": "ann@example.com", "language": "en"}, headers={"Accept-Language": "zh"})
    assert list(db.scalars(select(OutgoingMail.language).order_by(OutgoingMail.id))) == ["zh", "en"]


def test_links_do_not_follow_the_host_header(testapp: TestApp, mailbox) -> None:
    """RED-02: a reset mail asked for with a forged Host must not lead to the forger."""
    for headers in ({"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        testapp.post("/sample/mail", {"to": "ann@example.com"}, headers=headers, expect_errors=True)
    testapp.post("/sample/mail", {"to": "ann@example.com"}, headers={"Host": "evil.example"}, expect_errors=True)
    assert mailbox.messages
    assert all(b"evil" not in bytes(message) for message in mailbox.messages)


def test_a_request_that_reads_cannot_send(registry: Registry, testapp: TestApp, mailbox) -> None:
    request = Request.blank("/sample/mail?to=ann@example.com")
    request.registry = registry
    apply_request_extensions(request)
    with pytest.raises(MailInReadOnlyRequest, match=r"GET /sample/mail tried to send the mail 'mail/test'.*POST"):
        request.send_mail("ann@example.com", "Hello", "mail/test")
    testapp.get("/sample/mail?to=ann@example.com", status=500)
    assert mailbox.messages == []


def test_a_wrong_address_is_refused_before_anything_is_written(registry: Registry, db) -> None:
    with pytest.raises(InvalidAddress):
        send_mail(registry, db, "a@example.com, b@example.com", "Hello", "mail/test")
    assert not db.new


def test_a_mail_that_nobody_declared_is_refused(registry: Registry, db) -> None:
    with pytest.raises(UndeclaredMail, match=r"config\.add_mail\('mail/other'"):
        send_mail(registry, db, "ann@example.com", "Hello", "mail/other")


def test_a_mail_can_be_sent_outside_of_a_request(registry: Registry, db, mailbox) -> None:
    send_mail(registry, db, "ann@example.com", "Hello", "mail/test", language="zh")
    assert mailbox.messages == []
    db.commit()
    assert mailbox.last["Content-Language"] == "zh"


def test_a_commit_wakes_the_deliverer_and_nothing_else_does(registry: Registry, db) -> None:
    wake = wake_event(registry)
    wake.clear()
    send_mail(registry, db, "ann@example.com", "Hello", "mail/test")
    db.flush()
    assert not wake.is_set()
    db.rollback()
    assert not wake.is_set()
    send_mail(registry, db, "ann@example.com", "Hello", "mail/test")
    db.commit()
    assert wake.is_set()


def test_two_mails_of_one_transaction_have_their_own_ids(testapp: TestApp, mailbox) -> None:
    testapp.post("/sample/mail", [("to", "ann@example.com"), ("to", "bob@example.com")])
    assert len({message["Message-ID"] for message in mailbox.messages}) == 2


def test_the_state_of_the_outbox_is_one_statement(registry: Registry, db) -> None:
    for status in (Status.QUEUED, Status.SENDING, Status.SENT, Status.FAILED, Status.PARKED):
        send_mail(registry, db, "ann@example.com", "Hello", "mail/test").status = status
    db.commit()
    state = outbox_state(db)
    assert (state.waiting, state.failed, state.parked) == (2, 1, 1)
    assert state.oldest is not None
    assert state.oldest.tzinfo is not None


def test_the_state_of_an_empty_outbox(db) -> None:
    state = outbox_state(db)
    assert (state.waiting, state.oldest, state.failed, state.parked) == (0, None, 0, 0)


def test_a_retried_mail_keeps_its_bytes_and_starts_anew(registry: Registry, db) -> None:
    mail = send_mail(registry, db, "ann@example.com", "Hello", "mail/test")
    mail.status, mail.attempts = Status.FAILED, 9
    db.commit()
    before = (mail.message_id, mail.raw, mail.created_at)
    retry(db, mail)
    db.commit()
    assert (mail.message_id, mail.raw, mail.created_at) == before
    assert (mail.status, mail.attempts) == (Status.QUEUED, 0)
    assert mail.queued_at > mail.created_at


def test_the_administrator_s_address_is_bare(make_app) -> None:
    assert administrator(make_app(flasky__admin="The Owner <owner@example.com>").registry) == "owner@example.com"
    assert administrator(make_app(flasky__admin="").registry) is None


def test_a_mail_joins_a_transaction_that_somebody_else_aborts(registry: Registry, mailbox) -> None:
    """The transaction decides, not the request: pyramid_tm aborts after a veto, too."""
    request = Request.blank("/", POST={})
    request.registry = registry
    apply_request_extensions(request)
    request.tm = transaction.TransactionManager(explicit=True)
    request.tm.begin()
    request.locale_name = "en"
    request.send_mail("ann@example.com", "Hello", "mail/test")
    request.tm.abort()
    assert mailbox.messages == []
