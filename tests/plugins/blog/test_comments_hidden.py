"""Lists of comments with hidden ones in between: each reader has their own, and nobody passes those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, text
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.blog import commented, reading
from flasky.plugins.blog.models import Comment
from flasky.plugins.blog.reading import Bounds, Part, Reader

#: What reads a part of a list.
Read = Callable[[Bounds], Part]


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "carl": member("carl")}


@pytest.fixture
def add(db: Session) -> Callable[..., list[int]]:
    """A function that stores comments, each by its post, its author and whether it is hidden; returns their ids."""

    def store(*comments: tuple[int, int, bool]) -> list[int]:
        now = utc_now()
        same = {"body": "words", "html": "<p>words", "pipeline": 1, "created_at": now, "version": 3}
        rows = [
            {**same, "post_id": post, "author_id": author, "hidden_at": now if is_hidden else None}
            for post, author, is_hidden in comments
        ]
        last = db.scalar(select(Comment.id).order_by(Comment.id.desc()).limit(1)) or 0
        db.execute(insert(Comment.__table__), rows)
        db.commit()
        return list(db.scalars(select(Comment.id).where(Comment.id > last).order_by(Comment.id)))

    return store


def walked(read: Read) -> tuple[list[list[int]], list[list[int]]]:
    """The ids of the pages of a list, on to its end, and from there back to its beginning."""
    parts = [read(Bounds())]
    while parts[-1].on is not None:
        assert len(parts) < 20
        parts.append(read(on_from(parts)))
    back = [parts[-1]]
    while back[-1].back is not None:
        assert len(back) < 20
        back.append(read(back_from(back, parts)))
    return [ids_of(part) for part in parts], [ids_of(part) for part in back]


def goes_up(parts: list[Part]) -> bool:
    return bool(parts[0].rows[0].id < parts[-1].rows[-1].id)


def on_from(parts: list[Part]) -> Bounds:
    edge = parts[-1].on or 0
    return Bounds(above=edge) if goes_up(parts) else Bounds(below=edge)


def back_from(back: list[Part], parts: list[Part]) -> Bounds:
    edge = back[-1].back or 0
    return Bounds(below=edge) if goes_up(parts) else Bounds(above=edge)


def ids_of(part: Part) -> list[int]:
    return [row.id for row in part.rows]


def in_twos(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + 2] for start in range(0, len(ids), 2)]


def check_pages(read: Read, expected: list[int]) -> None:
    """The list has these, two on a page, in both directions."""
    forth, back = walked(read)
    assert forth == in_twos(expected)
    # Behind "back" there are two on each page, counted from the last one that was read.
    last = in_twos(expected)[-1]
    before = expected[: len(expected) - len(last)]
    assert sorted(comment_id for page in back for comment_id in page) == sorted(expected)
    assert back[0] == last
    assert back[1] == before[-2:]


def test_acl_02_each_reads_below_a_post_what_they_may_see_in_its_order_and_from_both_ends(
    people: Any, write: Any, add: Any, db: Session
) -> None:
    anna, bob, carl = people.values()
    post, other = write(anna), write(anna)
    stored = [
        (post, carl if number % 5 else bob, number % 3 == 0) if number % 7 else (other, bob, number % 2 == 0)
        for number in range(30)
    ]
    ids = add(*stored)
    connection = db.connection()
    for reader in (Reader(), Reader(anna), Reader(bob), Reader(carl), Reader(anna, moderates=True)):
        seen = [
            comment_id
            for comment_id, (where, author, is_hidden) in zip(ids, stored, strict=True)
            if where == post and (not is_hidden or author == reader.user_id or reader.moderates)
        ]
        check_pages(lambda bounds, who=reader: reading.comments_of(connection, post, who, bounds, 2), seen)
        whole = reading.comments_for_programs(connection, post, reader, Bounds(), 30)
        assert [(row.id, row.version, row.author_id) for row in whole.rows] == [
            (comment_id, 3, stored[ids.index(comment_id)][1]) for comment_id in seen
        ]


def test_acl_02_each_reads_of_a_member_what_they_may_see_in_its_order_and_from_both_ends(
    people: Any, write: Any, add: Any, db: Session
) -> None:
    anna, bob, carl = people.values()
    shown, gone = write(anna), write(anna)
    db.execute(text("UPDATE posts SET listed_at = NULL, hidden_at = published_at WHERE id = :id"), {"id": gone})
    stored = [
        (gone if number % 5 == 1 else shown, bob if number % 7 else carl, number % 3 == 0) for number in range(30)
    ]
    ids = add(*stored)
    connection = db.connection()
    for reader in (Reader(), Reader(anna), Reader(bob), Reader(carl), Reader(carl, moderates=True)):
        sees_all = reader.moderates or reader.user_id == bob
        sees_gone = reader.moderates or reader.user_id == anna
        seen = [
            comment_id
            for comment_id, (where, author, is_hidden) in zip(ids, stored, strict=True)
            if author == bob and (sees_all or not is_hidden) and (sees_gone or where == shown)
        ]
        seen.reverse()
        check_pages(lambda bounds, who=reader: commented.of_member(connection, bob, who, bounds, 2), seen)


@pytest.fixture
def crowd(people: Any, write: Any, add: Any) -> list[tuple[str, Callable[[Connection], Part]]]:
    """What somebody asks for of both lists: each time a page with 2,000 hidden comments in its midst."""
    anna, bob, carl = people.values()
    post, other = write(anna), write(anna)
    first, *_rest, before = add(*[(post, bob, False)] * 3)
    # Of carl as many below another post, shown ones too, as hidden ones below this one.
    add(*[(post, carl, True)] * 2000, *[(other, carl, False)] * 500)
    last, *_rest = add(*[(post, bob, False)] * 3)
    own = add((post, bob, True), (post, bob, False))
    mixed = add(*[(other, bob, False)] * 3, *[(other, bob, True)] * 2000, *[(other, bob, False)] * 3)

    def on_post(reader: Reader, bounds: Bounds, which: int = post) -> Callable[[Connection], Part]:
        return lambda connection: reading.comments_of(connection, which, reader, bounds, 3)

    def of_bob(reader: Reader, bounds: Bounds) -> Callable[[Connection], Part]:
        return lambda connection: commented.of_member(connection, bob, reader, bounds, 5)

    assert first < before < last < own[0] < mixed[0]
    return [
        *((f"{way} of a post, {reader}", on_post(reader, bounds))
          for way, bounds in (("on", Bounds(above=first)), ("back", Bounds(below=own[1])))
          for reader in (Reader(), Reader(anna), Reader(bob), Reader(anna, moderates=True))),
        ("as who wrote much of it and sees all of that", on_post(Reader(carl), Bounds(), other)),
        # Behind five hundred that others wrote.
        *((f"far below a post, {reader}", on_post(reader, Bounds(above=mixed[0]), other))
          for reader in (Reader(), Reader(anna), Reader(bob), Reader(anna, moderates=True))),
        *((f"{way} of a member, {reader}", of_bob(reader, bounds))
          for way, bounds in (("on", Bounds()), ("back", Bounds(above=mixed[1])))
          for reader in (Reader(), Reader(anna), Reader(bob), Reader(anna, moderates=True))),
    ]  # fmt: skip


def steps(db: Session, ask: Callable[[Connection], Part]) -> int:
    """How many of SQLite's own steps it takes, in tens."""
    number = 0

    def count() -> int:
        nonlocal number
        number += 1
        return 0

    driver: Any = db.connection().connection.driver_connection
    driver.set_progress_handler(count, 10)
    found = ask(db.connection())
    driver.set_progress_handler(None, 0)
    assert len(found.rows) >= 3
    return number


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", ["post_id_id", "shown_post_id_id", "author_id_post_id", "shown_author_id_id"])
def test_sqlite_passes_no_hidden_comment_whichever_index_is_the_youngest(name: str, crowd: Any, db: Session) -> None:
    """Of two indexes that begin with the same columns it may take the one that was made last."""
    made = db.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": f"ix_comments_{name}"})
    db.execute(text(f"DROP INDEX ix_comments_{name}"))
    db.execute(text(str(made)))
    db.commit()
    assert {name: number for name, ask in crowd if (number := steps(db, ask)) > 100} == {}


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("is_known", [True, False])
def test_postgresql_passes_no_hidden_comment_whatever_it_knows_of_the_table(
    is_known: bool, crowd: Any, db: Session
) -> None:
    if is_known:
        db.execute(text("ANALYZE comments"))
    assert {name: number for name, ask in crowd if (number := most_read(db, ask)) > 30} == {}


def most_read(db: Session, ask: Callable[[Connection], Part]) -> int:
    """How many rows that part of a statement looks at which looks at the most."""
    connection, asked = db.connection(), []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    assert len(ask(connection).rows) >= 3
    event.remove(connection, "before_cursor_execute", note)
    ((statement, values),) = asked
    (found,) = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).scalar_one()
    return max(looked_at(found["Plan"]))


def looked_at(plan: dict[str, Any]) -> Iterator[int]:
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    yield int((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    for part in plan.get("Plans", []):
        yield from looked_at(part)
