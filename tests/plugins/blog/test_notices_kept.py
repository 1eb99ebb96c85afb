"""How long notices are kept: those that were read for some time, unread ones as long as nobody reads them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.jobs.contracts import schedules
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import following, members, notices, parse_days
from flasky.plugins.blog.models import Notice

LONG_AGO = timedelta(days=100)


@pytest.fixture
def before() -> datetime:
    """The moment before which notices have to be read to be over."""
    return utc_now() - timedelta(days=90)


@pytest.fixture
def told(member: Any, write: Any, registry: Any) -> Any:
    """A function that tells a new member of so many posts; returns their id, and their notices, the oldest first."""

    def tell(name: str, number: int) -> tuple[int, list[int]]:
        anna = member(name)
        author = member(f"{name}s_friend")
        for _post in range(number):
            write(author, f"@{name}")
        with open_work(registry) as work:
            ids = select(Notice.id).where(Notice.user_id == anna).order_by(Notice.id)
            return anna, list(work.db.scalars(ids))

    return tell


@pytest.fixture
def read(registry: Any) -> Any:
    """A function that has notices read so long ago."""

    def do(ids: list[int], ago: timedelta = LONG_AGO) -> None:
        with open_work(registry) as work:
            values = {"read_at": utc_now() - ago, "created_at": utc_now() - 2 * ago}
            work.db.execute(update(Notice).where(Notice.id.in_(ids)).values(values))

    return do


def left(db: Session) -> list[int]:
    found = list(db.scalars(select(Notice.id).order_by(Notice.id)))
    db.rollback()
    return found


def test_the_job_forgets_what_was_read_before_the_days_of_the_setting(
    registry: Any, db: Session, told: Any, read: Any
) -> None:
    _anna, (over, kept, unread) = told("anna", 3)
    read([over], timedelta(days=90, minutes=1))
    read([kept], timedelta(days=89))
    enqueue(registry, db, "blog.forget_notices")
    db.commit()
    assert JobWorker(registry).run_once().done == 1
    assert left(db) == [kept, unread]


@pytest.mark.databases("sqlite")  # nothing is asked
def test_it_comes_every_day_and_nobody_can_keep_them_for_no_time_or_for_ever(registry: Any) -> None:
    assert schedules(registry)["blog.forget_notices"].shown == "every 1 day, 0:00:00"
    assert [parse_days(days) for days in ("1", "36500")] == [1, 36500]
    for days in ("0", "36501", "-1", "a"):
        with pytest.raises(ValueError, match="expected"):
            parse_days(days)


def test_what_was_read_long_ago_goes_and_what_nobody_read_stays_however_old(
    registry: Any, db: Session, told: Any, read: Any, before: datetime
) -> None:
    _anna, (unread, old, recent, new) = told("anna", 4)
    read([old])
    read([recent], timedelta(days=89))
    with open_work(registry) as work:
        work.db.execute(update(Notice).where(Notice.id == unread).values(created_at=utc_now() - 5 * LONG_AGO))
    assert notices.forget_read(registry, before) == 1
    assert left(db) == [unread, recent, new]
    assert notices.forget_read(registry, before) == 0


@pytest.mark.parametrize("number", [4, 5])
def test_many_go_in_portions_each_in_a_transaction_of_its_own(
    registry: Any, db: Session, told: Any, read: Any, before: datetime, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _anna, ids = told("anna", number + 1)
    read(ids[:-1])
    monkeypatch.setattr(notices, "_FORGOTTEN_AT_ONCE", 2)
    opened: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        opened.append(len(left(db)))
        return open_work(*arguments, **options)

    monkeypatch.setattr(notices, "open_work", counted)
    assert notices.forget_read(registry, before) == number
    assert left(db) == ids[-1:]
    assert opened == list(range(number + 1, 1, -2))


@pytest.mark.databases("sqlite")
def test_what_somebody_else_has_forgotten_meanwhile_is_not_taken_for_another(
    registry: Any, db: Session, told: Any, read: Any, before: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite gives the number of the last notice to the next one."""
    anna, (first, last) = told("anna", 2)
    read([first, last])

    def quicker(*arguments: Any, **options: Any) -> Any:
        with open_work(registry) as work:
            work.db.delete(work.db.get(Notice, last))
            work.db.flush()
            work.db.add(Notice(id=last, user_id=anna, kind="follow"))
        return open_work(*arguments, **options)

    monkeypatch.setattr(notices, "open_work", quicker)
    assert notices.forget_read(registry, before) == 1
    assert left(db) == [last]


@pytest.mark.databases("postgresql")
def test_nobody_waits_for_who_holds_a_notice(
    registry: Any, db: Session, told: Any, read: Any, before: datetime
) -> None:
    """Who erases a member takes their notices in an order of its own: each would wait for the other."""
    _anna, (first, last) = told("anna", 2)
    read([first, last])
    with ThreadPoolExecutor() as pool, open_work(registry) as work:
        assert work.db.scalar(select(Notice.id).where(Notice.id == first).with_for_update()) == first
        assert pool.submit(notices.forget_read, registry, before).result(timeout=10) == 1
        assert left(db) == [first]
    assert notices.forget_read(registry, before) == 1


def test_the_pages_the_number_of_unread_ones_and_the_export_have_what_is_left(
    registry: Any, told: Any, read: Any, before: datetime, client: Any, work_as: Any
) -> None:
    anna, (old, unread, recent) = told("anna", 3)
    read([old])
    read([recent], timedelta(days=1))
    browser = client(anna)

    def listed(path: str = "/notices") -> list[str]:
        return [item["id"].removeprefix("notice-") for item in browser.get(path).html.select(".notices > li")]

    assert listed() == [str(recent), str(unread), str(old)]
    open_page = browser.get("/notices")
    assert notices.forget_read(registry, before) == 1
    assert listed() == [str(recent), str(unread)]
    assert listed(f"/notices?before={recent}") == [str(unread)]
    assert listed(f"/notices?before={unread}") == []
    assert "1 unread" in browser.get("/notices").text
    with work_as(anna) as work:
        exported = members.export(work, work.db.get(User, anna))["notices"]
        assert [item["post_id"] for item in exported] == [2, 3]
        assert notices.read_one(work, old) is None
    # The page from before.
    next(form for form in open_page.forms.values() if "up_to" in form.fields).submit("do", value="read")
    assert listed() == [str(recent), str(unread)]
    assert "unread" not in browser.get("/notices").text


def test_who_was_told_long_ago_is_told_again_of_a_follower_who_comes_back(
    registry: Any, db: Session, member: Any, read: Any, before: datetime, work_as: Any
) -> None:
    anna, bob = member("anna"), member("bob")

    def comes_and_goes() -> None:
        for act in (following.follow, following.unfollow):
            with work_as(bob) as work:
                act(work, work.db.get(User, anna))

    comes_and_goes()
    read(left(db))
    comes_and_goes()
    assert len(left(db)) == 1
    notices.forget_read(registry, before)
    assert left(db) == []
    comes_and_goes()
    assert len(left(db)) == 1


def test_who_is_erased_later_leaves_nothing(registry: Any, db: Session, told: Any, read: Any, before: datetime) -> None:
    anna, ids = told("anna", 2)
    read(ids[:1])
    notices.forget_read(registry, before)
    with open_work(registry) as work:
        erase(work, work.db.get(User, anna))
    assert left(db) == []
