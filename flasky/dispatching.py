"""Which request a thread of the server takes next, and for how long: those who read do not wait for those who write.

Who writes to SQLite waits for everybody who came before (`flasky.database.turns`), and for a job that holds the lock,
and keeps a thread all the while. Without a limit a few writers keep all of them, and readers, who wait for nobody in
the database, wait for a thread. And one thread of Python's runs at a time: a writer lets readers go first
(`flasky.courtesy`), and lets the server's own thread see soon who has come.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from waitress.task import ThreadedTaskDispatcher

from flasky.courtesy import Readers, courteous
from flasky.database.session import SAFE_METHODS

#: Seconds after which a thread that runs lets another one run, while something is changed and nobody reads. Else it is
#: as Python has it (5 ms): a reader, once they are served, are answered without a stop.
WRITERS_TURN = 0.0002
#: Asked before anything can have changed it: of two servers in one process the second would find the other's.
_USUAL_TURN = sys.getswitchinterval()


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
        self._readers = Readers()
        #: How many are served now.
        self._changing = self._reading = 0
        #: Who waits, each with their number: those who read and those who may change something.
        self._to_read: deque[tuple[int, Any]] = deque()
        self._to_change: deque[tuple[int, Any]] = deque()
        self._came = 0

    def __len__(self) -> int:
        return len(self._to_read) + len(self._to_change)

    def __bool__(self) -> bool:
        return bool(self._to_read) or self._has_room()

    def append(self, channel: Any) -> None:
        """Take in a channel, whose first request is to be answered."""
        self._came += 1
        # What could not be read as a request has no method; it is refused.
        if getattr(channel.requests[0], "command", "GET") in SAFE_METHODS:
            self._readers.come()
            self._to_read.append((self._came, channel))
        else:
            self._to_change.append((self._came, channel))

    def popleft(self) -> Any:
        """Who came first of those who may be served now."""
        if self._has_room() and (not self._to_read or self._to_change[0] < self._to_read[0]):
            self.count(changing=1)
            return _Served(self._to_change.popleft()[1], self.change, self.end_change)
        self.count(reading=1)
        return _Served(self._to_read.popleft()[1], self.read, self.end_reading)

    def let_all(self) -> None:
        """Hold nobody back any more."""
        with self._lock:
            self._most = self._changing + len(self._to_change)

    def change(self, channel: Any) -> None:
        """Answer one who may change something."""
        try:
            with courteous(self._readers):
                channel.service()
        finally:
            with self._lock:
                self.end_change()

    def read(self, channel: Any) -> None:
        """Answer one who reads."""
        try:
            channel.service()
        finally:
            with self._lock:
                self.end_reading()

    def end_change(self) -> None:
        """Count one less who may change something; with the lock held, as below."""
        self.count(changing=-1)

    def end_reading(self) -> None:
        """Count one less who reads."""
        self._readers.leave()
        self.count(reading=-1)

    def count(self, changing: int = 0, reading: int = 0) -> None:
        """So many more, or less, are served from now on."""
        self._changing += changing
        self._reading += reading
        sys.setswitchinterval(WRITERS_TURN if self._changing and not self._reading else _USUAL_TURN)

    def _has_room(self) -> bool:
        return bool(self._to_change) and self._changing < self._most


class _Served:
    """A channel as long as a thread has it: `serve` answers it, `end` counts it out where it is not answered."""

    def __init__(self, channel: Any, serve: Callable[[Any], None], end: Callable[[], None]) -> None:
        self._channel = channel
        self._serve = serve
        self._end = end

    def service(self) -> None:
        """Answer."""
        self._serve(self._channel)

    def cancel(self) -> None:
        """Answer nothing: the server ends, and holds the lock."""
        self._end()
        self._channel.cancel()
