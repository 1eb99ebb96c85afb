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
from typing import Protocol, TypeVar, TypeVarTuple, Unpack

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


class _Sum:
    """What the runs of one key in one thread came to so far."""

    __slots__ = ("runs", "seconds", "statements")

    def __init__(self) -> None:
        self.runs = 0
        self.seconds = 0.0
        self.statements = 0

    def add(self, other: _Sum) -> None:
        """Add another one's."""
        self.runs += other.runs
        self.seconds += other.seconds
        self.statements += other.statements


class _Thread:
    """What runs in one thread: the innermost run, what the ended ones spent, and what that came to by key.

    Only the thread itself writes here, so that nobody has to wait: a lock for each run would cost as much as the rest.
    """

    __slots__ = ("current", "listener", "spent", "statements", "sums", "thread")

    def __init__(self) -> None:
        self.spent = 0.0
        self.statements = 0
        #: Whose the next statement is. Outside of every run it is nobody's.
        self.current = _Sum()
        self.listener: Listener | None = None
        self.thread = threading.current_thread()
        self.sums: dict[Key, _Sum] = {}


class Meter:
    """Runs things and notes what they cost. Safe to be used by several threads."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._threads: list[_Thread] = []
        #: What threads came to that have ended.
        self._ended: dict[Key, _Sum] = {}

    def run(self, key: Key, name: str, function: Callable[[Unpack[Ts]], R], *arguments: *Ts) -> R:
        """Call `function` and note the run under `key`; `name` says which one it was."""
        return self.measured(key, name, function)(*arguments)

    def measured(self, key: Key, name: str, function: Callable[[Unpack[Ts]], R]) -> Callable[[Unpack[Ts]], R]:
        """A function that runs `function`; for what runs with every request, made once."""
        local, now, here_for, told = self._local, perf_counter, self._here_for, _told(key, name, function)

        # As short as it can be, and it calls nothing but the clock: this is part of every request.
        def measured(*arguments: *Ts) -> R:
            try:
                here: _Thread = local.here
                own = here.sums[key]
            except (AttributeError, KeyError):
                here = here_for(key)
                own = here.sums[key]
            outer, spent = here.current, here.spent
            here.current = own
            started = now()
            try:
                return function(*arguments) if here.listener is None else told(here, *arguments)
            finally:
                seconds = now() - started
                own.runs += 1
                # Without what ran inside: that has been added to `here.spent` meanwhile.
                own.seconds += seconds - here.spent + spent
                here.spent = spent + seconds
                here.current = outer

        return measured

    def note_statement(self) -> None:
        """This thread sends a statement."""
        here = self._here()
        here.statements += 1
        here.current.statements += 1

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
        sums: dict[Key, _Sum] = {}
        with self._lock:
            _add(sums, self._ended)
            for one in self._threads:
                # A copy is made in one step, whatever the thread does meanwhile.
                _add(sums, dict(one.sums))
        return {key: Total(one.runs, one.seconds, one.statements) for key, one in sums.items() if one.runs}

    def _here(self) -> _Thread:
        here: _Thread | None = getattr(self._local, "here", None)
        return here or self._begin_thread()

    def _here_for(self, key: Key) -> _Thread:
        here = self._here()
        here.sums.setdefault(key, _Sum())
        return here

    def _begin_thread(self) -> _Thread:
        here = self._local.here = _Thread()
        with self._lock:
            # A server may make a thread for each request: what has ended is added up, and forgotten.
            for one in [one for one in self._threads if not one.thread.is_alive()]:
                _add(self._ended, one.sums)
                self._threads.remove(one)
            self._threads.append(here)
        return here


def _add(sums: dict[Key, _Sum], others: dict[Key, _Sum]) -> None:
    for key, one in others.items():
        sums.setdefault(key, _Sum()).add(one)


def _told(key: Key, name: str, function: Callable[[Unpack[Ts]], R]) -> Callable[..., R]:
    """A function that runs `function` in a thread that somebody listens to."""

    def told(here: _Thread, *arguments: *Ts) -> R:
        listener, before = here.listener, here.statements
        assert listener is not None  # noqa: S101 - narrows the type
        listener.begin()
        started = perf_counter()
        try:
            return function(*arguments)
        finally:
            listener.end(key, name, started, perf_counter() - started, here.statements - before)

    return told


class NoMeter(Meter):
    """For a site that does not want to measure (`flasky.measure`)."""

    def measured(self, key: Key, name: str, function: Callable[[Unpack[Ts]], R]) -> Callable[[Unpack[Ts]], R]:
        """`function`."""
        return function


def get_meter(registry: Registry) -> Meter:
    """The meter of an application."""
    meter: Meter = registry[_REGISTRY_KEY]
    return meter


def set_meter(registry: Registry, meter: Meter) -> None:
    """Keep the meter where everything finds it."""
    registry[_REGISTRY_KEY] = meter
