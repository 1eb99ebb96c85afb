"""What is over is cleared away by the clock: also where nobody signs in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyramid.registry import Registry
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.jobs.contracts import schedules
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.registration import register
from flasky.testing.mailbox import Mailbox


def _do(registry: Registry, db: Session, name: str) -> int:
    enqueue(registry, db, name)
    db.commit()
    return JobWorker(registry).run_once().done


def _join(work: Any, password: str, name: str) -> None:
    with work(address="192.0.2.1") as opened:
        register(opened, username=name, email=f"{name}@example.com", password=password)
    JobWorker(opened.registry).run_once()


def test_an_account_is_erased_when_its_days_are_over(registry: Registry, db: Session, work: Any, password: str) -> None:
    _join(work, password, "anna")
    _join(work, password, "bob")
    db.execute(update(User).where(User.username == "anna").values(deletion_due_at=utc_now() - timedelta(seconds=1)))
    assert _do(registry, db, "accounts.clear_away") == 1
    assert db.scalars(select(User.username).where(User.email.is_not(None))).all() == ["bob"]


def test_mai_05_the_owner_hears_of_those_who_joined_beyond_the_hours_mails(
    registry: Registry, db: Session, work: Any, password: str, mailbox: Mailbox
) -> None:
    _join(work, password, "anna")
    long_ago = utc_now() - timedelta(hours=2)
    db.execute(update(User).values(announcement_due=True, announced_at=None, created_at=long_ago))
    assert _do(registry, db, "accounts.announce") == 1
    assert str(mailbox.to("owner@example.com")[-1]["Subject"]) == "[Flasky] 1 new members"


def test_both_come_round(registry: Registry) -> None:
    found = {name: item.shown for name, item in schedules(registry).items()}
    assert (found["accounts.clear_away"], found["accounts.announce"]) == ("every 1:00:00", "every 0:15:00")
