"""How long what belongs to whom took, and how many statements it sent: counted where it happens.

Everything that a plug-in hooks in (a view, a slot, a subscriber, a tween, a job) is run by `Meter.run`. Of what runs
inside of another each is counted for its own owner: the time of a slot is not also the time of the page that shows
it, so that the numbers of all plug-ins add up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

from pyramid.registry import Registry

_REGISTRY_KEY = "flasky.statistics.meter"

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

#: Whose something is and what it is called: ("polls", "slot").
Key = tuple[str, str]

VIEW, SLOT, SUBSCRIBER, TWEEN, JOB = "view", "slot", "subscriber", "tween", "job"
#: What a tween passes a request on to: nobody's time, as what runs in there is counted by itself.
BELOW = "below a tween"


@dataclass(frozen=True)
class Total:
    """What the runs of one kind of one plug-in came to, without what ran inside of them for others."""

    runs: int
    seconds: float
    statements: int


class Listener(Protocol):
    """Who wants to know of every run in a thread, as the trace of a request does."""

    def begin(self) -> None:
        """Something begins to run."""
        ...

    def end(self, key: Key, name: str, started: float, seconds: float, statements: int) -> None:
        """It has run, from `started` (of `perf_counter`) on and for `seconds`, all that ran inside of it included."""
        ...


class _Thread:
    """What one thread spent and sent so far, in runs that have ended, and what that came to by key.

    Only the thread itself writes here, so that nobody has to wait: a lock for each run would cost as much as the rest.
    """

    __slots__ = ("counted", "listener", "spent", "statements", "thread", "totals")

    def __init__(self) -> None:
        self.spent = 0.0
        self.counted = 0
        self.statements = 0
        self.listener: Listener | None = None
        self.thread = threading.current_thread()
        #: Runs, seconds and statements.
        self.totals: dict[Key, list[Any]] = {}


class Meter:
    """Runs things and notes what they cost. Safe to be used by several threads."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._threads: list[_Thread] = []
        #: What threads came to that have ended.
        self._ended: dict[Key, list[Any]] = {}

    def run(self, key: Key, name: str, function: Callable[[Unpack[Ts]], R], *arguments: *Ts) -> R:
        """Call `function` and note the run under `key`; `name` says which one it was."""
        try:
            here: _Thread = self._local.here
        except AttributeError:
            here = self._begin_thread()
        spent, counted, before, listener = here.spent, here.counted, here.statements, here.listener
        if listener is not None:
            listener.begin()
        started = perf_counter()
        try:
            return function(*arguments)
        finally:
            seconds = perf_counter() - started
            sent = here.statements - before
            total = here.totals.get(key)
            if total is None:
                total = here.totals[key] = [0, 0.0, 0]
            total[0] += 1
            total[1] += seconds - here.spent + spent
            total[2] += sent - here.counted + counted
            here.spent, here.counted = spent + seconds, counted + sent
            if listener is not None:
                listener.end(key, name, started, seconds, sent)

    def note_statement(self) -> None:
        """This thread sends a statement."""
        self._here().statements += 1

    def listen(self, listener: Listener | None) -> None:
        """Tell `listener` of what runs in this thread from now on; None ends it."""
        self._here().listener = listener

    def listener(self) -> Listener | None:
        """Who listens to what runs in this thread."""
        return self._here().listener

    def sent(self) -> int:
        """How many statements this thread has sent so far."""
        return self._here().statements

    def totals(self) -> dict[Key, Total]:
        """What everything came to since the process began."""
        with self._lock:
            sums: dict[Key, list[Any]] = {}
            _add(sums, self._ended)
            for one in self._threads:
                # A copy is made in one step, whatever the thread does meanwhile.
                _add(sums, dict(one.totals))
        return {key: Total(*numbers) for key, numbers in sums.items()}

    def _here(self) -> _Thread:
        here: _Thread | None = getattr(self._local, "here", None)
        return here or self._begin_thread()

    def _begin_thread(self) -> _Thread:
        here = self._local.here = _Thread()
        with self._lock:
            # A server may make a thread for each request: what has ended is added up, and forgotten.
            for one in [one for one in self._threads if not one.thread.is_alive()]:
                _add(self._ended, one.totals)
                self._threads.remove(one)
            self._threads.append(here)
        return here


def _add(sums: dict[Key, list[Any]], totals: dict[Key, list[Any]]) -> None:
    for key, numbers in totals.items():
        known = sums.setdefault(key, [0, 0.0, 0])
        for position, number in enumerate(numbers):
            known[position] += number


class NoMeter(Meter):
    """For a site that does not want to measure (`flasky.measure`)."""

    def run(self, key: Key, name: str, function: Callable[[Unpack[Ts]], R], *arguments: *Ts) -> R:
        """Call `function`."""
        return function(*arguments)


def get_meter(registry: Registry) -> Meter:
    """The meter of an application."""
    meter: Meter = registry[_REGISTRY_KEY]
    return meter


def set_meter(registry: Registry, meter: Meter) -> None:
    """Keep the meter where everything finds it."""
    registry[_REGISTRY_KEY] = meter
