"""Turns for SQLite's one write lock: within a process, whoever asked first writes first.

SQLite has no queue: who finds the lock taken tries again after growing pauses of up to a tenth of a second, so that
others who come later get it first, and under many writers some wait for seconds and give up. Processes that share a
file still meet in SQLite's own way.
"""

from __future__ import annotations

from collections import deque
from threading import Lock, RLock


class Turns:
    """A lock that is given in the order in which it was asked for (`threading.Lock` promises none)."""

    def __init__(self) -> None:
        # Python may collect garbage anywhere within, and find a forgotten connection in it, whose turn is given back
        # there and then: a plain lock would wait for itself. (SQLAlchemy's own queue has one of these for that reason.)
        self._mutex = RLock()
        self._taken = False
        self._waiting: deque[Lock] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for the turn, at most so long; False when it did not come."""
        mine = Lock()
        mine.acquire()
        with self._mutex:
            if not self._taken:
                self._taken = True
                return True
            self._waiting.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._mutex:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        # It came between the end of waiting and here.
        return True

    def give(self) -> None:
        """Give the turn to whoever has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
