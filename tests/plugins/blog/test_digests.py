"""The digest comes round by the clock: nobody has to set a timer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.jobs.contracts import schedules
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import open_work
from flasky.plugins.blog import digests
from flasky.plugins.blog.models import Notice
from flasky.testing.mailbox import Mailbox


@pytest.fixture
def three(member: Any, write: Any, choose: Any) -> None:
    """Three members who have a notice and get mails once a day."""
    names = ["bob", "carl", "dora"]
    for name in names:
        choose(member(name), "daily")
    write(member("anna"), " ".join(f"@{name}" for name in names))


@pytest.mark.usefixtures("three")
def test_the_job_mails_everybody_who_is_due(
    registry: Any, db: Session, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.execute(update(Notice).values(mail_due=utc_now() - timedelta(minutes=1)))
    enqueue(registry, db, "blog.digest")
    db.commit()
    # More are due than are looked for at once.
    monkeypatch.setattr(digests, "_LISTED", 2)
    assert JobWorker(registry).run_once().done == 1
    assert len(mailbox.messages) == 3


@pytest.mark.databases("sqlite")  # nothing is asked
def test_it_comes_every_hour(registry: Any) -> None:
    assert schedules(registry)["blog.digest"].shown == "every 1:00:00"


@pytest.mark.usefixtures("three")
def test_a_mail_that_cannot_be_made_keeps_nobody_elses_back(
    registry: Any, db: Session, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    # As no form would let it in.
    db.execute(update(User).where(User.username == "bob").values(email="bob\n@example.com"))
    db.commit()

    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 2
    assert [mail["To"] for mail in mailbox.messages] == ["carl@example.com", "dora@example.com"]
    assert "digest of the member" in caplog.text
    db.execute(update(User).where(User.username == "bob").values(email="bob@example.com"))
    db.commit()
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1


@pytest.mark.usefixtures("three")
def test_who_is_shut_out_or_wants_to_leave_after_they_were_found_gets_it_once_they_are_back(
    registry: Any, db: Session, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking for who is due and the mail to the last of them others are mailed."""
    find_due, now = digests._due, utc_now()
    away = {"bob": {"disabled_at": now}, "carl": {"deletion_due_at": now + timedelta(days=14)}}

    def found(found_in: Any, moment: datetime) -> list[int]:
        due = list(find_due(found_in, moment))
        for name, values in away.items():
            db.execute(update(User).where(User.username == name).values(**values))
        db.commit()
        return due

    tomorrow = now + timedelta(days=1, minutes=1)
    with monkeypatch.context() as between:
        between.setattr(digests, "_due", found)
        assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    assert [mail["To"] for mail in mailbox.messages] == ["dora@example.com"]
    db.execute(update(User).values(disabled_at=None, deletion_due_at=None))
    db.commit()
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 2


@pytest.mark.databases("postgresql")
def test_a_digest_does_not_wait_for_who_comments_nor_they_for_it(
    registry: Any, member: Any, write: Any, choose: Any
) -> None:
    """A comment holds the row of its author, as what refers to it does, and then wants that of whom it tells."""
    anna, bob = member("anna"), member("bob")
    for user_id in (anna, bob):
        choose(user_id, "daily")
    write(anna, "@bob")
    write(bob, "@anna")
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    with ThreadPoolExecutor() as pool, open_work(registry) as work:
        key_share = select(User.id).where(User.id.in_([anna, bob])).with_for_update(read=True, key_share=True)
        assert len(work.db.execute(key_share).all()) == 2
        assert pool.submit(digests.send_digests, registry, clock=lambda: tomorrow).result(timeout=10) == 2


@pytest.mark.parametrize("most", [1, 1000])
def test_what_is_told_while_a_digest_is_made_is_in_the_next_one(
    registry: Any, member: Any, write: Any, choose: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(digests, "_READ_AT_ONCE", most)
    anna, bob = member("anna"), member("bob")
    choose(bob, "daily")
    titles = ["Walk 1", "Walk 2"]
    for title in titles:
        write(anna, "@bob", title=title)

    def mention() -> None:
        titles.append(f"Walk {len(titles) + 1}")
        write(anna, "@bob", title=titles[-1])

    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    with _before_each_look_at_notices(registry, mention):
        assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    assert len(titles) > 3
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    first, second = (mail.get_body("plain").get_content() for mail in mailbox.messages)
    assert [title for title in titles if (title in first) + (title in second) != 1] == []
    assert "Walk 2" in first
    assert titles[-1] in second
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 0


@contextmanager
def _before_each_look_at_notices(registry: Any, write: Callable[[], None]) -> Iterator[None]:
    """Have another connection `write` before each statement about notices of the one that sends digests.

    PostgreSQL commits it before the statement; on SQLite it waits until the digest is committed.
    """
    engine, here, writing = get_database(registry).engine, threading.get_ident(), list[Future[None]]()

    def interfere(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if threading.get_ident() == here and "notices" in statement:
            writing.append(pool.submit(write))
            if engine.dialect.name == "postgresql":
                writing[-1].result(timeout=10)

    with ThreadPoolExecutor(1) as pool:
        event.listen(engine, "before_cursor_execute", interfere)
        try:
            yield
            for done in writing:
                done.result(timeout=10)
        finally:
            event.remove(engine, "before_cursor_execute", interfere)
