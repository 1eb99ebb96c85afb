"""Turns of threads: how long one may go on while others of the process wait.

Python runs one thread at a time. Whoever waits gets a turn when the one that runs waits for something itself, or after
the switch interval, 5 ms; a page that is ready in half a millisecond needs some ten turns. Work that takes long takes
shorter ones (docs/decisions/0073-short-turns.md).
"""

from __future__ import annotations

import sys
import threading

from pyramid.registry import Registry

#: Seconds of a turn while somebody does work that takes long, and at all other times.
SHORT_SECONDS = 0.0001
_USUAL_SECONDS = sys.getswitchinterval()

_REGISTRY_KEY = "flasky.short_turns"


class ShortTurns:
    """Within it (`with turns:`) turns are short; any number of threads may be within at a time.

    They are so for all threads of the process, as Python knows no others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0

    def __enter__(self) -> None:
        with self._lock:
            self._within += 1
            if self._within == 1:
                sys.setswitchinterval(min(SHORT_SECONDS, _USUAL_SECONDS))

    def __exit__(self, *_what: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                sys.setswitchinterval(_USUAL_SECONDS)


def short_turns(registry: Registry) -> ShortTurns:
    """The one of an application: for its requests that may change something, and for its background jobs."""
    turns: ShortTurns = registry.setdefault(_REGISTRY_KEY, ShortTurns())
    return turns
