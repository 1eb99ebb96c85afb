"""Schedules: once for each interval, whoever looks at the clock, and however long nobody did."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import func, select, update

from flasky.jobs import clock as clock_module
from flasky.jobs.clock import Clock
from flasky.jobs.contracts import Schedule
from flasky.jobs.models import BackgroundJob, BackgroundSchedule, Status

NOON = datetime(2026, 5, 1, 12, 10, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.now = NOON


@pytest.fixture
def moment(monkeypatch) -> Time:
    """What the clock shows."""
    shown = Time()
    monkeypatch.setattr(clock_module, "utc_now", lambda: shown.now)
    return shown


@pytest.fixture
def count(db):
    def count(name: str = "sample.look") -> int:
        db.rollback()
        number = db.scalar(select(func.count()).where(BackgroundJob.name == name, BackgroundJob.scheduled))
        db.rollback()
        return number

    return count


def _finish(db) -> None:
    db.execute(update(BackgroundJob).values(status=Status.DONE))
    db.commit()


def test_the_intervals_are_the_same_for_everybody() -> None:
    hourly = Schedule("a.b", timedelta(hours=1), None)
    assert hourly.begun(NOON) == hourly.begun(NOON + timedelta(minutes=49)) == datetime(2026, 5, 1, 12, tzinfo=UTC)
    daily = Schedule("a.b", None, time(3, 30))
    assert daily.begun(NOON) == datetime(2026, 5, 1, 3, 30, tzinfo=UTC)
    assert daily.begun(NOON.replace(hour=3, minute=29)) == datetime(2026, 4, 30, 3, 30, tzinfo=UTC)


def test_a_new_schedule_begins_with_its_next_interval(registry, moment, count) -> None:
    clock = Clock(registry)
    clock.queue_due()
    assert (count(), count("sample.chain")) == (0, 0)
    moment.now += timedelta(minutes=50)
    clock.queue_due()
    assert (count(), count("sample.chain")) == (1, 0)
    moment.now += timedelta(hours=15)
    clock.queue_due()
    assert count("sample.chain") == 1


def test_once_per_interval_across_processes(registry, moment, count, db) -> None:
    first, second = Clock(registry), Clock(registry)
    first.queue_due()
    for hours in range(1, 4):
        moment.now = NOON + timedelta(hours=hours)
        for one in (first, second, Clock(registry)):
            one.queue_due()
        assert count() == hours
        _finish(db)


def test_who_lost_the_race_queues_nothing(registry, moment, count, db) -> None:
    """Both saw that the interval has begun; the second comes to the row when the first has moved it on."""
    clock = Clock(registry)
    clock.queue_due()
    moment.now += timedelta(hours=1)
    schedule = clock._schedules["sample.look"]
    for _ in range(2):
        clock._advance(db, schedule, schedule.begun(moment.now), moment.now)
        db.commit()
    assert count() == 1


def test_what_nobody_saw_is_made_up_for_once(registry, moment, count) -> None:
    """The site was off for two days."""
    Clock(registry).queue_due()
    moment.now += timedelta(days=2)
    Clock(registry).queue_due()
    Clock(registry).queue_due()
    assert count() == 1


def test_a_run_that_is_not_done_is_not_followed_by_another(registry, moment, count, db, caplog) -> None:
    clock = Clock(registry)
    clock.queue_due()
    for hours in (1, 2):
        moment.now = NOON + timedelta(hours=hours)
        clock.queue_due()
    assert count() == 1
    assert "comes round, and the last one is not done" in caplog.text
    _finish(db)
    moment.now = NOON + timedelta(hours=3)
    clock.queue_due()
    assert count() == 2


def test_a_clock_that_is_a_little_behind_does_not_begin_again(registry, moment, count, db) -> None:
    Clock(registry).queue_due()
    moment.now = NOON.replace(hour=13, minute=0)
    Clock(registry).queue_due()
    _finish(db)
    moment.now -= timedelta(seconds=2)
    Clock(registry).queue_due()
    assert count() == 1


def test_f34_a_clock_that_was_a_year_ahead_stops_nothing(registry, moment, count, db) -> None:
    moment.now += timedelta(days=365)
    Clock(registry).queue_due()
    moment.now = NOON
    Clock(registry).queue_due()
    assert count() == 1
    begun = db.scalar(select(BackgroundSchedule.begun_at).where(BackgroundSchedule.name == "sample.look"))
    assert begun == datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.databases("sqlite")  # the statements are counted, and are the same
def test_looking_again_asks_nobody(registry, moment, db) -> None:
    clock = Clock(registry)
    clock.queue_due()
    clock._database = None  # whoever asks it now fails
    clock.queue_due()
