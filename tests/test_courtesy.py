"""Who changes something lets those go first who read: for moments, and bounded in all."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from flasky import courtesy
from flasky.courtesy import Readers, courteous, give_way
from flasky.database.engine import make_engine, make_read_engine

SECONDS = 10


class Noting(Readers):
    """Readers who never end; it notes for how long it was waited for them, which takes as long on the test's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.waited: list[float] = []
        monkeypatch.setattr(courtesy, "perf_counter", lambda: sum(self.waited))

    def wait_for_none(self, seconds: float) -> None:
        """Note it."""
        self.waited.append(seconds)


def test_a_writer_stops_until_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "AT_ONCE", SECONDS)
    monkeypatch.setattr(courtesy, "IN_ALL", SECONDS)
    readers, said = Readers(), list[str]()
    readers.come()
    readers.come()

    def write() -> None:
        with courteous(readers):
            said.append("written")

    writer = threading.Thread(target=write)
    writer.start()
    for number in (1, 2):
        said.append(f"read {number}")
        readers.leave()
    writer.join(SECONDS)
    assert said == ["read 1", "read 2", "written"]


def test_it_stops_for_some_milliseconds_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = Noting(monkeypatch)
    with courteous(readers):
        give_way()
        assert not readers.waited
        readers.come()
        for _ in range(5):
            give_way()
    assert readers.waited == [courtesy.AT_ONCE] * round(courtesy.IN_ALL / courtesy.AT_ONCE)
    # The next request has its own.
    with courteous(readers):
        pass
    assert sum(readers.waited) == courtesy.IN_ALL + courtesy.AT_ONCE


def test_who_reads_stops_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = Noting(monkeypatch)
    readers.come()
    give_way()
    assert not readers.waited


def test_each_statement_that_may_write_gives_way(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    readers = Noting(monkeypatch)
    readers.come()
    waited = []
    for make in (make_engine, make_read_engine):
        engine = make(database_url)
        with engine.connect() as connection:
            before = len(readers.waited)
            with courteous(readers):
                connection.execute(text("SELECT 1"))
        waited.append(len(readers.waited) - before)
        engine.dispose()
    # One moment at the beginning, and one at the statement.
    assert waited == [2, 1]
