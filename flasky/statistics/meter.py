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
from typing import Any, ParamSpec, Protocol, TypeVar

from pyramid.registry import Registry

_REGISTRY_KEY = "flasky.statistics.meter"

P = ParamSpec("P")
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


class _Thread(threading.local):
    """What is known of the thread at work: what it spent and sent so far in runs that have ended."""

    spent = 0.0
    counted = 0
    statements = 0
    listener: Listener | None = None


class Meter:
    """Runs things and notes what they cost. Safe to be used by several threads."""

    def __init__(self) -> None:
        self._here = _Thread()
        self._lock = threading.Lock()
        self._totals: dict[Key, list[Any]] = {}

    def run(self, key: Key, name: str, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Call `function` and note the run under `key`; `name` says which one it was."""
        here = self._here
        spent, counted, before, listener = here.spent, here.counted, here.statements, here.listener
        if listener is not None:
            listener.begin()
        started = perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            seconds = perf_counter() - started
            sent = here.statements - before
            self._add(key, seconds - (here.spent - spent), sent - (here.counted - counted))
            here.spent, here.counted = spent + seconds, counted + sent
            if listener is not None:
                listener.end(key, name, started, seconds, sent)

    def note_statement(self) -> None:
        """This thread sends a statement."""
        self._here.statements += 1

    def listen(self, listener: Listener | None) -> None:
        """Tell `listener` of what runs in this thread from now on; None ends it."""
        self._here.listener = listener

    def totals(self) -> dict[Key, Total]:
        """What everything came to since the process began."""
        with self._lock:
            return {key: Total(*numbers) for key, numbers in self._totals.items()}

    def _add(self, key: Key, seconds: float, statements: int) -> None:
        with self._lock:
            total = self._totals.get(key)
            if total is None:
                total = self._totals[key] = [0, 0.0, 0]
            total[0] += 1
            total[1] += seconds
            total[2] += statements


class NoMeter(Meter):
    """For a site that does not want to measure (`flasky.measure`)."""

    def run(self, key: Key, name: str, function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Call `function`."""
        return function(*arguments, **named)


def get_meter(registry: Registry) -> Meter:
    """The meter of an application."""
    meter: Meter = registry[_REGISTRY_KEY]
    return meter


def set_meter(registry: Registry, meter: Meter) -> None:
    """Keep the meter where everything finds it."""
    registry[_REGISTRY_KEY] = meter
