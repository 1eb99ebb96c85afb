"""Processor time, as it would be on a machine that has nothing else to do."""

from __future__ import annotations

import time
from typing import Any

#: Seconds that the yardstick takes on the machine that the bounds were set on, with nothing else running.
_QUIET = 0.0037


class Stopwatch:
    """``with Stopwatch() as watch: …``, and then `watch.seconds`: the processor time of this thread in the block.

    What else runs takes cache and half of a core away, and that counts as time of the thread: such a machine, or a slow
    one, takes as much longer for a yardstick, a fixed piece of work before and behind the block.
    """

    def __enter__(self) -> Stopwatch:
        self._before = _yardstick()
        self._begun = time.thread_time()
        return self

    def __exit__(self, *_error: Any) -> None:
        spent = time.thread_time() - self._begun
        self.seconds = spent / max(1, min(self._before, _yardstick()) / _QUIET)


def _yardstick() -> float:
    """The processor time of some thousand dictionary look-ups, comparisons and texts."""
    begun = time.thread_time()
    words: dict[str, int] = {}
    for number in range(20_000):
        word = str(number % 997)
        words[word] = words.get(word, 0) + len(word)
    return time.thread_time() - begun
