"""Processor time, as it would be on a machine that has nothing else to do."""

from __future__ import annotations

import gc
import signal
import time
from typing import Any

#: Seconds that the yardstick takes on the machine that the bounds were set on, with nothing else running.
QUIET = 0.0037
#: Seconds of processor time from one yardstick within the block to the next.
_APART = 0.05
#: How often Python's garbage collector looks where nobody says otherwise: it is a part of what work takes.
_COLLECTOR = gc.get_threshold()
#: What takes no longer is within every bound at any pace: no yardstick is taken for it, which would take longer.
_SHORT = 0.02


class Stopwatch:
    """``with Stopwatch() as watch: …``, and then `watch.seconds`: the processor time of this thread in the block.

    What else runs takes cache and half of a core away, and that counts as time of the thread: such a machine, or a slow
    one, takes as much longer for a yardstick, a fixed piece of work. A machine that is busy for half a second need not
    be so behind the block: in a long one the yardstick is taken again and again, and its time left out.
    Only for the main thread, where signals come in.
    """

    def __enter__(self) -> Stopwatch:
        self._within: list[float] = []
        self._left_out = 0.0
        self._seldom = gc.get_threshold()
        gc.set_threshold(*_COLLECTOR)
        self._handler = signal.signal(signal.SIGPROF, self._measure)
        self._begun = time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, _APART, _APART)
        return self

    def __exit__(self, *_error: Any) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent = time.thread_time() - self._begun - self._left_out
        signal.signal(signal.SIGPROF, self._handler)
        gc.set_threshold(*self._seldom)
        self.seconds = spent / max(1, self._pace(spent) / QUIET)

    def _pace(self, spent: float) -> float:
        """The seconds that a yardstick took."""
        if self._within:
            return sum(self._within) / len(self._within)
        return QUIET if spent < _SHORT else min(yardstick(), yardstick())

    def _measure(self, *_signal: Any) -> None:
        begun = time.thread_time()
        self._within.append(yardstick())
        self._left_out += time.thread_time() - begun


def yardstick() -> float:
    """The processor time of some thousand dictionary look-ups, comparisons and texts."""
    begun = time.thread_time()
    words: dict[str, int] = {}
    for number in range(20_000):
        word = str(number % 997)
        words[word] = words.get(word, 0) + len(word)
    return time.thread_time() - begun
