"""UTCDateTime: the same moment out as in, on both databases (P24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from flasky_shelf.models import Shelf
from sqlalchemy import select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from flasky.database.types import utc_now


def stored(db: Session, moment: datetime | None) -> datetime | None:
    db.add(Shelf(name="timed", built_at=moment))
    db.commit()
    db.expire_all()
    return db.scalars(select(Shelf.built_at)).one()


def test_p24_a_moment_comes_back_in_utc_and_with_its_zone(db: Session) -> None:
    shanghai = timezone(timedelta(hours=8))
    found = stored(db, datetime(2026, 3, 1, 7, 30, 15, 123456, tzinfo=shanghai))
    assert found == datetime(2026, 2, 28, 23, 30, 15, 123456, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_p24_comparing_with_a_moment_of_another_zone_finds_the_same_rows(db: Session) -> None:
    stored(db, datetime(2026, 3, 1, 12, tzinfo=UTC))
    later = datetime(2026, 3, 1, 20, 30, tzinfo=timezone(timedelta(hours=8)))
    assert db.scalars(select(Shelf.name).where(Shelf.built_at < later)).all() == ["timed"]


def test_nothing_stays_nothing(db: Session) -> None:
    assert stored(db, None) is None


def test_a_moment_without_a_zone_is_refused(db: Session) -> None:
    db.add(Shelf(name="naive", built_at=datetime(2026, 3, 1)))  # noqa: DTZ001 - that is the point
    with pytest.raises(StatementError, match=r"has no time zone: use datetime\.now"):
        db.flush()


def test_now_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC
    assert abs(utc_now() - datetime.now(UTC)) < timedelta(seconds=5)
