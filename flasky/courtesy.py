"""Who changes something lets those go first who read.

Python runs one thread at a time. A visitor whose page takes two milliseconds waits through what a writer of the same
process has begun, several milliseconds, in bits, each time that both of them wait for the database or the network. So
a writer stops for a moment, before each statement and some other steps, while somebody reads: `give_way`. What it
gives is little and bounded, as others may wait for the writer to commit.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

#: Seconds that a writer stops at most: at one step, and in all.
AT_ONCE, IN_ALL = 0.004, 0.008


class Readers:
    """Those who read, from when a server knows of their request until it is answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._none = threading.Event()
        self._none.set()

    def __bool__(self) -> bool:
        return self._number > 0

    def come(self) -> None:
        """Count one more."""
        with self._lock:
            self._number += 1
            self._none.clear()

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self._number -= 1
            if not self._number:
                self._none.set()

    def wait_for_none(self, seconds: float) -> None:
        """Wait until nobody reads, for so many seconds at most."""
        self._none.wait(seconds)


class _Courtesy:
    """What a writer has left to give."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._left = IN_ALL

    def give(self) -> None:
        """Stop while somebody reads, unless enough was given."""
        if self._readers and self._left > 0:
            begun = perf_counter()
            self._readers.wait_for_none(min(AT_ONCE, self._left))
            self._left -= perf_counter() - begun


_courtesy: ContextVar[_Courtesy | None] = ContextVar("flasky.courtesy", default=None)


@contextmanager
def courteous(readers: Readers) -> Iterator[None]:
    """Let what is done within, by this thread, give way to `readers`."""
    token = _courtesy.set(_Courtesy(readers))
    try:
        give_way()
        yield
    finally:
        _courtesy.reset(token)


def give_way(*_event: object) -> None:
    """Stop for a moment, in a request that may change something, while others read; elsewhere do nothing.

    For services between two steps of a millisecond or so; statements and the commit do it by themselves. (A listener to
    any event of SQLAlchemy: what that tells does not matter.)
    """
    courtesy = _courtesy.get()
    if courtesy is not None:
        courtesy.give()
