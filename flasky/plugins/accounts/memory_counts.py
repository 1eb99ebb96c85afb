"""The counts of tries in the memory of one process, cleared away at most once a minute.

The storage of `limits` begins a thread after nearly every try, and the thread looks at every key there is: with a key
for each of many members and addresses, each comment and each signing in would cost what that takes.
"""

from __future__ import annotations

import threading
import time

from limits.storage.memory import Entry, MemoryStorage

#: Seconds between two looks at all keys.
_PAUSE = 60.0


class CalmMemoryStorage(MemoryStorage):
    """The storage of the library for moving windows, which needs no thread."""

    def __init__(self) -> None:
        super().__init__("memory://", wrap_exceptions=True)
        # The only one, begun when there is no key yet; an application that ends must not wait for it.
        self.timer.cancel()
        self._lock = threading.Lock()
        self._cleared = time.monotonic()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` tries for `key` unless that were more than `limit` in `expiry` seconds; whether they count."""
        if amount > limit:
            return False
        with self._lock:
            self._clear_away()
            # The newest first.
            tries = self.events.setdefault(key, [])
            last = limit - amount
            if len(tries) > last and tries[last].atime >= time.time() - expiry:
                return False
            # A new list: who looks at the same time goes on in the old one. What is beyond the limit decides nothing.
            self.events[key] = [*[Entry(expiry)] * amount, *tries[:last]]
            return True

    def _clear_away(self) -> None:
        now = time.monotonic()
        if now - self._cleared >= _PAUSE:
            self._cleared = now
            self.events = {key: tries for key, tries in self.events.items() if tries and tries[0].expiry > time.time()}
