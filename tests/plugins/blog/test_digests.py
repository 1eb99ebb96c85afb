"""The digest comes round by the clock: nobody has to set a timer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.jobs.contracts import schedules
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts.services import open_work
from flasky.plugins.blog import notices
from flasky.plugins.blog.models import Notice
from flasky.testing.mailbox import Mailbox


def test_the_job_mails_everybody_who_is_due(
    registry: Any, member: Any, write: Any, db: Session, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["bob", "carl", "dora"]
    for name in names:
        user_id = member(name)
        with open_work(registry) as work:
            notices.choose_mail(work, user_id, "daily")
    write(member("anna"), " ".join(f"@{name}" for name in names))
    db.execute(update(Notice).values(mail_due=utc_now() - timedelta(minutes=1)))
    enqueue(registry, db, "blog.digest")
    db.commit()
    # More are due than one transaction takes: the job queues itself until there are fewer.
    monkeypatch.setattr(notices, "_LISTED", 2)
    assert JobWorker(registry).run_once().done == 2
    assert len(mailbox.messages) == 3


@pytest.mark.databases("sqlite")  # nothing is asked
def test_it_comes_every_hour(registry: Any) -> None:
    assert schedules(registry)["blog.digest"].shown == "every 1:00:00"
