"""Which request a thread of the server takes next: some threads are kept for those who read.

Who writes to SQLite waits for everybody who came before (`flasky.database.turns`), and for a job that holds the lock,
and keeps a thread all the while. Without a limit a few writers keep all of them, and readers, who wait for nobody in
the database, wait for a thread.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from flasky.database.session import SAFE_METHODS


class Dispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]
    """waitress's threads, `threads` of them: all but a quarter, at least one, may change something at a time.

    They are started by `set_thread_count`.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.queue = _Queue(max(1, threads - max(1, threads // 4)), self.lock)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """End the threads; what still waits is cancelled."""
        self.queue.let_all()
        ended: bool = super().shutdown(cancel_pending, timeout)
        return ended


class _Queue:
    """Channels that wait for a thread, in the order in which they came; it is asked with the lock held.

    It is empty, to a thread that looks for something to do, when all that wait would be one too many of those who may
    change something. The thread that ends one of these looks next, so nobody has to be woken.
    """

    def __init__(self, most: int, lock: Any) -> None:
        self._most = most
        self._lock = lock
        self._changing = 0
        #: Each with its number, those who read and those who may change something.
        self._reading: deque[tuple[int, Any]] = deque()
        self._waiting: deque[tuple[int, Any]] = deque()
        self._came = 0

    def __len__(self) -> int:
        return len(self._reading) + len(self._waiting)

    def __bool__(self) -> bool:
        return bool(self._reading) or self._has_room()

    def append(self, channel: Any) -> None:
        """Take in a channel, whose first request is to be answered."""
        self._came += 1
        # What could not be read as a request has no method; it is refused.
        method = getattr(channel.requests[0], "command", "GET")
        (self._reading if method in SAFE_METHODS else self._waiting).append((self._came, channel))

    def popleft(self) -> Any:
        """Who came first of those who may be served now."""
        if self._has_room() and (not self._reading or self._waiting[0] < self._reading[0]):
            self._changing += 1
            return _Changing(self._waiting.popleft()[1], self)
        return self._reading.popleft()[1]

    def let_all(self) -> None:
        """Hold nobody back any more."""
        with self._lock:
            self._most = self._changing + len(self._waiting)

    def end(self) -> None:
        """Count one less who may change something."""
        with self._lock:
            self._changing -= 1

    def _has_room(self) -> bool:
        return bool(self._waiting) and self._changing < self._most


class _Changing:
    """A channel whose request may change something, as long as a thread has it."""

    def __init__(self, channel: Any, queue: _Queue) -> None:
        self._channel = channel
        self._queue = queue

    def service(self) -> None:
        """Answer."""
        try:
            self._channel.service()
        finally:
            self._queue.end()

    def cancel(self) -> None:
        """Answer nothing: the server ends, and holds the lock."""
        self._channel.cancel()
