"""What several services do with tables: adding a row unless it is there, counting up, and locking in one order.

Statements are sent on the session's connection: as ORM statements they cost twice the CPU time, which whoever reads at
the same time waits for. Objects in the session are stored before and left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, SelectBase, bindparam, case, func, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flasky.database import Base, utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog import kept
from flasky.plugins.blog.models import BlogAuthor, BlogMember, ListVersion

#: Seconds since then fit the column until 2088.
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
#: The number of the moment, so that none comes again when an older copy takes the place of the database: browsers have
#: pages that are named by what came after the copy was made.
_LISTS_CHANGED = update(ListVersion).values(
    version=case((ListVersion.version >= bindparam("now"), ListVersion.version + 1), else_=bindparam("now"))
)


@contextmanager
def looking(work: Work) -> Iterator[Session]:
    """A session that only reads, beside the transaction: what it finds belongs to none, and locks nothing."""
    with work.reading() as connection, Session(connection, autoflush=False) as session:
        yield session
        session.expunge_all()


def add_unless_there(db: Session, model: type[Base], **values: Any) -> bool:
    """Insert a row unless one with the same key is there; returns whether it was inserted.

    On PostgreSQL it waits for a transaction that is just inserting the same.
    """
    db.flush()
    connection = db.connection()
    statement = _insert(connection.dialect.name, model, tuple(values))
    return connection.execute(statement, values).first() is not None


@lru_cache(maxsize=64)
def _insert(dialect: str, model: type[Base], names: tuple[str, ...]) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return insert(model).values(values).on_conflict_do_nothing().returning(*inspect(model).primary_key)


def note_published(db: Session, moments: Mapping[int, datetime]) -> None:
    """Remember when members published, by their ids, unless they published later (`BlogAuthor`)."""
    db.flush()
    connection = db.connection()
    rows = [{"user_id": user_id, "published_at": moment} for user_id, moment in sorted(moments.items())]
    connection.execute(_published(connection.dialect.name), rows)


@cache
def _published(dialect: str) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(BlogAuthor).values(user_id=bindparam("user_id"), published_at=bindparam("published_at"))
    new = statement.excluded.published_at
    return statement.on_conflict_do_update(
        index_elements=["user_id"], set_={"published_at": new}, where=new > BlogAuthor.published_at
    )


def changed(db: Session, statement: Any, values: Mapping[str, Any] | None = None) -> int:
    """Send an UPDATE or DELETE with `values` for its parameters; returns how many rows it changed."""
    db.flush()
    number: int = db.connection().execute(statement, values).rowcount
    return number


def holding(ids: SelectBase) -> Select[int]:
    """A statement for `hold_members`, made once: `ids` selects the ids of members, with parameters."""
    return select(User.id).where(User.id.in_(ids)).order_by(User.id).with_for_update(read=True, key_share=True)


def hold_members(db: Session, held: Select[int], values: Mapping[str, Any]) -> None:
    """Have whoever erases one of these members wait until the transaction ends; `held` is made by `holding`.

    All who change something lock in this order: members, posts, comments, reports, decisions, notices, counters, and
    the version of the lists; and of each, the lower id first. Who changes several rows locks them all before the first
    of them changes (`lock`): an UPDATE takes them as they come. Otherwise two would wait for each other: who erases
    locks the member and then what they wrote, reported and decided, and who hides that tells the member, whose row a
    notice refers to. SQLite has one writer at a time, and nothing to be locked.

    Members are also locked by what refers to them: by a row that is new, one whose reference changes, and one that
    changes for the second time in a transaction, whose references PostgreSQL checks once more. So who decides is held
    with the others, and where a row of somebody else has two columns to be changed, one statement changes both.

    Whom a text calls, and who answered before, is held when they are told, behind the texts. Where one of them is
    erased at that moment, PostgreSQL stops one of the two after a second, and it is tried again.
    """
    if _has_locks(db):
        db.flush()
        db.connection().execute(held, values)


def lock(db: Session, which: ColumnElement[bool], *key: Any) -> None:
    """Lock the rows for which `which` holds in the order of their `key`; nothing of them is fetched."""
    if _has_locks(db):
        db.flush()
        rows = select(*key).where(which).order_by(*key).with_for_update(key_share=True)
        db.connection().execute(select(func.count()).select_from(rows.subquery()))


def _has_locks(db: Session) -> bool:
    return db.get_bind().dialect.name == "postgresql"


def lists_changed(db: Session) -> None:
    """Say that lists show something else now; what was kept of them is made anew. The last thing a service does.

    It is one row that every such transaction changes: they commit one after the other.
    """
    changed(db, _LISTS_CHANGED, {"now": int((utc_now() - _BEGINNING).total_seconds())})
    request = db.info.get("request")
    if request is not None:
        kept.renew_afterwards(request)


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
