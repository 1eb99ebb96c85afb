"""Threads of the server: those who write do not keep all of them."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flasky import courtesy
from flasky.courtesy import give_way
from flasky.dispatching import WRITERS_TURN, Dispatcher

SECONDS = 10


class Channel:
    """A connection whose request is answered when it may be; it says when it begins, and when it is cancelled."""

    def __init__(self, method: str, name: str, said: queue.Queue[str], may_end: threading.Event | None = None) -> None:
        self.requests = [SimpleNamespace(command=method) if method else SimpleNamespace(error=True)]
        self._name, self._said, self._may_end = name, said, may_end

    def service(self) -> None:
        """Answer."""
        self._said.put(self._name)
        if self._may_end is not None:
            assert self._may_end.wait(SECONDS)

    def cancel(self) -> None:
        """Answer nothing."""
        self._said.put(f"{self._name} cancelled")


@pytest.fixture
def begin() -> Iterator[Callable[[int], Dispatcher]]:
    """A function that starts so many threads."""
    made: list[Dispatcher] = []

    def start(threads: int) -> Dispatcher:
        dispatcher = Dispatcher(threads)
        dispatcher.set_thread_count(threads)
        made.append(dispatcher)
        return dispatcher

    yield start
    for dispatcher in made:
        dispatcher.shutdown()


def said(what: queue.Queue[str], number: int) -> list[str]:
    """The next things that are said."""
    return [what.get(timeout=SECONDS) for _ in range(number)]


@pytest.mark.parametrize(("threads", "writers"), [(2, 1), (4, 3), (8, 6)])
def test_who_reads_is_served_however_many_wait_to_write(threads: int, writers: int, begin: Any) -> None:
    dispatcher, what, end = begin(threads), queue.Queue[str](), threading.Event()
    for number in range(20):
        dispatcher.add_task(Channel("POST", f"write {number}", what, end))
    assert sorted(said(what, writers)) == sorted(f"write {number}" for number in range(writers))
    for method in ("GET", "HEAD", ""):
        dispatcher.add_task(Channel(method, "read", what))
        # Nobody else has begun to write meanwhile.
        assert said(what, 1) == ["read"]
    end.set()
    # Those who waited are served then, each once.
    assert sorted(said(what, 20 - writers)) == sorted(f"write {number}" for number in range(writers, 20))


def test_one_thread_serves_everybody_in_turn(begin: Any) -> None:
    dispatcher, what, end = begin(1), queue.Queue[str](), threading.Event()
    dispatcher.add_task(Channel("GET", "first", what, end))
    assert said(what, 1) == ["first"]
    for name, method in (("second", "POST"), ("third", "GET"), ("fourth", "DELETE"), ("fifth", "GET")):
        dispatcher.add_task(Channel(method, name, what))
    end.set()
    assert said(what, 4) == ["second", "third", "fourth", "fifth"]


def test_a_request_that_fails_keeps_no_place(begin: Any) -> None:
    dispatcher, what = begin(2), queue.Queue[str]()

    class Failing(Channel):
        def service(self) -> None:
            raise RuntimeError

    for _ in range(3):
        dispatcher.add_task(Failing("POST", "", what))
    dispatcher.add_task(Channel("POST", "after them", what))
    assert said(what, 1) == ["after them"]


def test_at_the_end_all_that_wait_are_cancelled(begin: Any) -> None:
    dispatcher, what, end = begin(2), queue.Queue[str](), threading.Event()
    for number in range(3):
        dispatcher.add_task(Channel("POST", f"write {number}", what, end))
    assert said(what, 1) == ["write 0"]
    ended = threading.Thread(target=lambda: dispatcher.shutdown(timeout=0.1))
    ended.start()
    ended.join(SECONDS)
    assert said(what, 2) == ["write 1 cancelled", "write 2 cancelled"]
    end.set()


def test_who_writes_gives_way_to_who_waits_to_read(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "AT_ONCE", SECONDS)
    monkeypatch.setattr(courtesy, "IN_ALL", SECONDS)
    dispatcher, what, end, may_go_on = begin(2), queue.Queue[str](), threading.Event(), threading.Event()

    class Writing(Channel):
        def service(self) -> None:
            super().service()
            assert may_go_on.wait(SECONDS)
            give_way()
            self._said.put("written")

    dispatcher.add_task(Channel("GET", "long read", what, end))
    assert said(what, 1) == ["long read"]
    end.set()
    dispatcher.add_task(Writing("POST", "write", what))
    assert said(what, 1) == ["write"]
    end.clear()
    for name in ("read", "another read"):
        dispatcher.add_task(Channel("GET", name, what, end))
    may_go_on.set()
    # The second has no thread yet: it is known all the same.
    assert said(what, 1) == ["read"]
    end.set()
    assert said(what, 2) == ["another read", "written"]


def test_threads_change_quickly_only_while_something_is_changed_and_nobody_reads(begin: Any) -> None:
    usual = sys.getswitchinterval()
    dispatcher, what = begin(4), queue.Queue[str]()
    write_ends, read_ends = threading.Event(), threading.Event()

    dispatcher.add_task(Channel("POST", "write", what, write_ends))
    assert said(what, 1) == ["write"]
    assert sys.getswitchinterval() == pytest.approx(WRITERS_TURN)
    dispatcher.add_task(Channel("GET", "read", what, read_ends))
    assert said(what, 1) == ["read"]
    assert sys.getswitchinterval() == pytest.approx(usual)
    read_ends.set()
    write_ends.set()
    dispatcher.shutdown()
    assert sys.getswitchinterval() == pytest.approx(usual)
