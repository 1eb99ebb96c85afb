"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, types


class UTCDateTime(types.TypeDecorator[datetime]):
    """A moment in UTC, always with its zone.

    SQLite forgets zones, so a plain `DateTime(timezone=True)` comes back naive from it (P24). A value without
    a zone is refused with ValueError: nobody can know which moment it meant.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring `value` to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: use datetime.now(UTC)")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give `value` the zone that it was stored in."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def utc_now() -> datetime:
    """The present moment, in UTC and with its zone."""
    return datetime.now(UTC)


def names_contributions() -> dict[str, Any]:
    """`info` of a text column whose rows name what plug-ins bring, as `polls.open`: a permission, a job.

    When a plug-in is removed with its data, the rows that name something of its go with it (`flasky.removal`).
    """
    return {"flasky.names_contributions": True}
