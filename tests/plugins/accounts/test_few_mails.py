"""RTE-02: how many mails one person gets because of what others type, whichever process does the jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import select, update

from flasky.database import utc_now
from flasky.jobs.models import BackgroundJob, Status
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts import authentication, later_mails, registration, security_log
from flasky.plugins.accounts.later_mails import queue_link
from flasky.plugins.accounts.limits import get_limiter
from flasky.plugins.accounts.models import SecurityEvent
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.words import sentence
from flasky.testing.mailbox import Mailbox

Ask = Callable[[int], None]


@pytest.fixture
def run_once(registry: Registry) -> Callable[[], None]:
    """A function that does what is due as `flasky jobs run --once` does: in a process that has counted nothing yet."""

    def run() -> None:
        get_limiter(registry).clear()
        JobWorker(registry).run_once()

    return run


@pytest.fixture
def anna(member: Any, run_once: Any) -> int:
    """The id of a member whose mailbox somebody wants to fill."""
    user_id: int = member("anna")
    run_once()
    return user_id


@pytest.fixture
def asking(work: Any, password: str) -> dict[str, Ask]:
    """What somebody can do for a mail to anna: functions of the number of the try."""

    def ask_for_link(_number: int) -> None:
        with work() as opened:
            authentication.ask_for_link(opened, "anna")

    def join(number: int) -> None:
        with work() as opened:
            registration.register(opened, username=f"bob{'x' * number}", email="anna@example.com", password=password)

    return {"link": ask_for_link, "known_address": join}


def kinds(work: Any, user_id: int, *events: str) -> list[str]:
    """Which of `events` are in the record of the member, oldest first."""
    with work() as opened:
        query = select(SecurityEvent.event).where(SecurityEvent.user_id == user_id, SecurityEvent.event.in_(events))
        return list(opened.db.scalars(query.order_by(SecurityEvent.id)))


@pytest.mark.parametrize(
    ("what", "most", "event", "window"),
    [("link", 5, "link_mailed", timedelta(hours=1)), ("known_address", 3, "address_used_mailed", timedelta(days=1))],
)
def test_rte_02_each_process_that_does_jobs_counts_what_the_others_sent(
    what: str,
    most: int,
    event: str,
    window: timedelta,
    anna: int,
    asking: Any,
    run_once: Any,
    work: Any,
    registry: Registry,
) -> None:
    """Also when many are asked for at once. Mails are counted: going on asking does not keep them away for good."""
    mailbox = Mailbox(registry)
    for number in range(most - 1):
        asking[what](number)
        run_once()
    for number in range(3):
        asking[what](most + number)
    run_once()
    assert len(mailbox.to("anna@example.com")) == most
    assert kinds(work, anna, event) == [event] * most
    with work() as opened:
        opened.db.execute(update(SecurityEvent).where(SecurityEvent.event == event).values(at=utc_now() - window))
    asking[what](most + 3)
    run_once()
    assert len(mailbox.to("anna@example.com")) == most + 1


@pytest.mark.parametrize("what", ["link", "known_address"])
def test_rte_02_a_job_that_is_tried_again_counts_once(
    what: str, anna: int, asking: Any, run_once: Any, work: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is in the transaction of the mail: neither is there without the other."""
    asking[what](0)
    with monkeypatch.context() as patch:
        patch.setattr(later_mails, "send_to_member", _fail)
        run_once()
    events = ("link_mailed", "address_used_mailed")
    assert kinds(work, anna, *events) == []
    with work() as opened:
        queued = BackgroundJob.status == Status.QUEUED
        opened.db.execute(update(BackgroundJob).where(queued).values(next_attempt_at=utc_now()))
    run_once()
    assert len(Mailbox(registry).to("anna@example.com")) == 1
    assert len(kinds(work, anna, *events)) == 1


def test_rte_02_workers_at_once_count_together(anna: int, work: Any, registry: Registry, at_once: Any) -> None:
    """Each has a job of its own for the same member, who may get one mail more."""
    with work() as opened:
        mailed = {"event": "link_mailed", "user_id": anna, "at": utc_now()}
        opened.db.add_all([SecurityEvent(**mailed) for _earlier in range(4)])
        for _job in range(4):
            queue_link(opened, Purpose.SIGN_IN, anna)
    at_once(4, lambda _number: JobWorker(registry).run_once())
    assert len(Mailbox(registry).to("anna@example.com")) == 1


def test_log_02_who_is_mailed_no_more_links_sees_why(anna: int, asking: Any, run_once: Any, work: Any) -> None:
    """A stranger who uses the links up with the member's public name leaves a trace in the member's own record."""
    for number in range(5):
        asking["link"](number)
    run_once()
    with work() as opened:
        authentication.ask_for_link(opened, "anna@example.com")
    assert kinds(work, anna, "limited") == []
    run_once()
    assert kinds(work, anna, "link_mailed", "limited") == ["link_mailed"] * 5 + ["limited"]
    with work() as opened:
        shown = [recorded for _id, recorded in security_log.events(opened, anna)]
    assert shown[0].details == {"limit": "link"}
    assert [sentence(recorded) for recorded in shown[:2]] == ["Too many tries", "Link to sign in mailed"]


def _fail(*_arguments: Any, **_values: Any) -> None:
    raise OSError("no room left")
