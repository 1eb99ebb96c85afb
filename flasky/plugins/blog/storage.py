"""What several services do with tables: adding a row unless it is there, and counting up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flasky.database import Base
from flasky.plugins.blog.models import BlogMember, ListVersion


def add_unless_there(db: Session, model: type[Base], **values: Any) -> bool:
    """Insert a row unless one with the same key is there; returns whether it was inserted.

    On PostgreSQL it waits for a transaction that is just inserting the same.
    """
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    key = inspect(model).primary_key
    added = db.execute(insert(model).values(**values).on_conflict_do_nothing().returning(*key))
    return added.first() is not None


def changed(db: Session, statement: Any) -> int:
    """Send an UPDATE or DELETE; returns how many rows it changed. Objects in the session are left as they are."""
    result: Any = db.execute(statement, execution_options={"synchronize_session": False})
    number: int = result.rowcount
    return number


def lists_changed(db: Session) -> None:
    """Say that lists show something else now; what was kept of them is made anew. The last thing a service does.

    It is one row that every such transaction changes: they commit one after the other.
    """
    changed(db, update(ListVersion).values(version=ListVersion.version + 1))


def count(db: Session, user_id: int, *, followers: int = 0, following: int = 0) -> None:
    """Change a member's counters by so many."""
    add_unless_there(db, BlogMember, user_id=user_id)
    changed(
        db,
        update(BlogMember)
        .where(BlogMember.user_id == user_id)
        .values(
            follower_count=BlogMember.follower_count + followers,
            following_count=BlogMember.following_count + following,
        ),
    )
