"""What measuring costs: the same pages of the same site, with `flasky.measure` on and off, CPU time only."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.applications import WSGIApplication, site_settings
from benchmarks.pages import caller
from benchmarks.tables import ratio, reached, show

ROUNDS = 60
CALLS = 100
#: Measured, and not; the second "not" says how much of a difference is chance.
NAMES = ("not measured", "measured", "not measured, again")


def run() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        times = _in_turn({name: caller(_site(Path(folder), name)) for name in NAMES})
    off = times["not measured"]
    cost = median(on - without for on, without in zip(times["measured"], off, strict=True))
    show(
        f"Greeting, anonymous, without a server ({ROUNDS} rounds of {CALLS} requests)",
        ("the site", "CPU ms", "x not measured"),
        [(name, f"{median(times[name]):.4f}", f"{ratio(times[name], off):.4f}") for name in NAMES],
        [
            f"measuring a request takes {cost * 1000:.1f} µs",
            reached("CPU of a measured request, times one that is not", ratio(times["measured"], off), 1.02),
        ],
    )


def _site(folder: Path, name: str) -> WSGIApplication:
    import flasky

    return flasky.main({}, **site_settings(folder), **{"flasky.measure": "true" if name == "measured" else "false"})


def _in_turn(calls: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Milliseconds of CPU for a request, a number for each round; who begins a round changes with it."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(2 * CALLS):
            call()
    names = list(calls)
    for number in range(ROUNDS):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            start = time.process_time()
            for _ in range(CALLS):
                calls[name]()
            times[name].append((time.process_time() - start) / CALLS * 1000)
    return times
