"""What the blog has stored, to be compared: after what was refused nothing is different."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.database import Base


def dump(db: Session) -> dict[str, list[Any]]:
    """Every row of the blog's tables and of users."""
    names = ("posts", "comments", "follows", "tags", "post_tags", "reports", "notices", "users")
    tables = [Base.metadata.tables[name] for name in names]
    rows = {table.name: sorted(map(repr, db.execute(select(table)))) for table in tables}
    db.rollback()
    return rows
