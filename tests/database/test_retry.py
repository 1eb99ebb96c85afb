"""Errors that pass by themselves are tried again, three times at most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flasky_shelf.models import Shelf
from pyramid.events import NewRequest
from pyramid.request import Request
from pyramid_retry import is_error_retryable
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session
from webtest import TestApp

from flasky.database import get_database
from flasky.database.engine import make_engine


@pytest.fixture
def attempts(app: Any) -> list[str]:
    """What was tried; each attempt is a new request to the application."""
    seen: list[str] = []
    app.registry.registerHandler(lambda new: seen.append(new.request.path_info), (NewRequest,))
    app.registry.has_listeners = True
    return seen


def fail_first(app: Any, times: int, statement: str) -> Callable[[], None]:
    """Let the database itself fail `statement` for the first `times` times, with an error that passes."""
    engine = get_database(app.registry).engine
    left = [times]

    def interfere(_connection: Any, cursor: Any, sent: str, parameters: Any, _context: Any, _many: bool) -> Any:
        if statement in sent and left[0]:
            left[0] -= 1
            if engine.dialect.name == "postgresql":
                return "DO $$ BEGIN RAISE EXCEPTION 'crossed' USING ERRCODE = '40001'; END $$", None
            cursor.execute("PRAGMA busy_timeout = 0")
            return "BEGIN IMMEDIATE", ()
        return sent, parameters

    event.listen(engine, "before_cursor_execute", interfere, retval=True)
    return lambda: event.remove(engine, "before_cursor_execute", interfere)


@pytest.fixture
def locked(app: Any) -> Iterator[Any]:
    """Another connection that holds the write lock of SQLite; waiting for it is short here."""
    database = get_database(app.registry)
    if database.engine.dialect.name != "sqlite":
        yield None
        return

    def impatient(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 50")

    event.listen(database.engine, "connect", impatient)
    other = make_engine(database.engine.url)
    connection = other.connect()
    connection.begin()
    yield connection
    connection.close()
    other.dispose()
    event.remove(database.engine, "connect", impatient)
    database.engine.dispose()


def test_f21_a_locked_sqlite_is_tried_three_times_and_then_503(
    testapp: TestApp, locked: Any, attempts: list[str], db: Session
) -> None:
    if locked is None:
        return  # The next tests show PostgreSQL's errors.
    response = testapp.post("/shelf/orm", status=503)
    assert len(attempts) == 3
    assert "Retry-After" in response.headers
    locked.rollback()
    assert db.scalars(select(Shelf.name)).all() == []


def test_a_lock_that_goes_away_meanwhile_is_not_noticed(testapp: TestApp, locked: Any, app: Any, db: Session) -> None:
    if locked is None:
        return
    requests: list[int] = []

    def second(_event: Any) -> None:
        requests.append(1)
        if len(requests) == 2:
            locked.rollback()

    app.registry.registerHandler(second, (NewRequest,))
    testapp.post("/shelf/orm", status=200)
    assert db.scalars(select(Shelf.name)).all() == ["orm"]


@pytest.mark.parametrize(("failures", "status", "stored"), [(1, 200, ["orm"]), (2, 200, ["orm"]), (5, 503, [])])
def test_f32_a_serialization_failure_is_tried_again_and_given_up_after_three(
    testapp: TestApp, app: Any, attempts: list[str], db: Session, failures: int, status: int, stored: list[str]
) -> None:
    if get_database(app.registry).engine.dialect.name != "postgresql":
        return  # SQLite has one writer at a time, so nothing can be crossed.
    stop = fail_first(app, failures, "INSERT INTO shelves")
    testapp.post("/shelf/orm", status=status)
    stop()
    assert len(attempts) == min(failures + 1, 3)
    assert db.scalars(select(Shelf.name)).all() == stored


def test_f22_eight_clients_count_up_through_the_application(app: Any, db: Session) -> None:
    """PITFALLS P1 through the whole stack; on PostgreSQL the read-modify-write runs as SERIALIZABLE with retries."""
    database = get_database(app.registry)
    if database.engine.dialect.name != "sqlite":
        return  # Plain READ COMMITTED loses updates by definition; test_engine shows the locked row.
    db.add(Shelf(id=1, name="counter"))
    db.commit()
    statuses: list[int] = []

    def count() -> None:
        client = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
        statuses.extend(client.post("/shelf/count_up", expect_errors=True).status_int for _ in range(10))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.expire_all()
    assert statuses == [200] * 80
    assert db.get_one(Shelf, 1).number == 80


def test_an_error_that_would_come_back_is_not_tried_again(testapp: TestApp, attempts: list[str]) -> None:
    testapp.post("/shelf/late_failure", expect_errors=True)
    assert attempts == ["/shelf/late_failure"]


def test_a_missing_table_is_not_an_error_that_passes(app: Any) -> None:
    with get_database(app.registry).engine.connect() as connection:
        with pytest.raises(Exception, match="no_such_table") as caught:
            connection.execute(text("SELECT * FROM no_such_table"))
        assert not is_error_retryable(Request.blank("/"), caught.value)
