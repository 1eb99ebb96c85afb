"""What ran inside of something else is counted for its own owner; several threads do not mix."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flasky.statistics import meter as module
from flasky.statistics.meter import Meter, NoMeter, Total


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test turns: its first item is the time."""
    now = [100.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


def test_the_time_and_statements_of_a_slot_are_not_also_those_of_the_page(clock: list[float]) -> None:
    meter = Meter()

    def spend(seconds: float, statements: int) -> None:
        clock[0] += seconds
        for _ in range(statements):
            meter.note_statement()

    def page() -> str:
        spend(1, 1)
        meter.run(("polls", "slot"), "newest", spend, 4, 2)
        meter.run(("polls", "slot"), "footer", spend, 2, 0)
        spend(1, 1)
        return "page"

    assert meter.run(("blog", "view"), "home", page) == "page"
    assert meter.totals() == {("blog", "view"): Total(1, 2.0, 2), ("polls", "slot"): Total(2, 6.0, 2)}


def test_what_raises_is_counted_and_raised(clock: list[float]) -> None:
    meter = Meter()

    def fail() -> None:
        clock[0] += 3
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        meter.run(("polls", "view"), "broken", fail)
    assert meter.totals() == {("polls", "view"): Total(1, 3.0, 0)}


def test_threads_do_not_take_each_others_statements() -> None:
    meter, inside, done = Meter(), threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        assert done.wait(10)

    thread = threading.Thread(target=meter.run, args=(("slow", "view"), "slow", slow))
    thread.start()
    assert inside.wait(10)
    meter.run(("quick", "view"), "quick", meter.note_statement)
    done.set()
    thread.join()
    assert meter.totals()["quick", "view"].statements == 1
    assert meter.totals()["slow", "view"].statements == 0


def test_no_run_is_lost_between_threads() -> None:
    meter = Meter()

    def many() -> None:
        for _ in range(2000):
            meter.run(("polls", "slot"), "", int)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.totals()["polls", "slot"].runs == 8000


def test_a_site_that_does_not_measure_runs_everything_all_the_same() -> None:
    meter: Any = NoMeter()
    assert meter.run(("polls", "view"), "", int, "7") == 7
    assert meter.totals() == {}
