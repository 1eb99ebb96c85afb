"""What measuring costs: the greeting of the same site with `flasky.measure` on and off, CPU time only.

Each site is a process of its own, several times in turn: where a process keeps its objects makes more of a difference
than what is measured here. Of each process the quickest of many short stretches counts, as nothing but the site's own
work is in it. As a program (`python -m benchmarks.plugins_measuring NAME FOLDER`) it is such a process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.applications import site_settings
from benchmarks.pages import caller
from benchmarks.tables import ratio, reached, show

ROUNDS = 7
STRETCHES = 150
CALLS = 20
#: Measured, and not; the second "not" says how much of a difference is chance.
NAMES = ("not measured", "measured", "not measured, again")


def run() -> None:
    """Measure and print the table."""
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    called: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            for name in NAMES[number % len(NAMES) :] + NAMES[: number % len(NAMES)]:
                command = [sys.executable, "-m", "benchmarks.plugins_measuring", name, folder]
                done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own
                microseconds, calls = done.stdout.split()
                times[name].append(float(microseconds))
                called[name] = int(calls)
    off = times["not measured"]
    ratios = [on / without for on, without in zip(times["measured"], off, strict=True)]
    show(
        f"Greeting, anonymous, without a server ({ROUNDS} processes each, the quickest of {STRETCHES} stretches)",
        ("the site", "CPU µs", "x not measured", "functions called"),
        [(name, f"{median(times[name]):.1f}", f"{ratio(times[name], off):.3f}", called[name]) for name in NAMES],
        [
            f"in the rounds: {', '.join(map('{:.3f}'.format, ratios))}",
            reached("CPU of a measured request, times one that is not", median(ratios), 1.02),
        ],
    )


def main(name: str, folder: str) -> None:
    """Print the microseconds of a request and the functions that it calls."""
    import flasky

    measure = "true" if name == "measured" else "false"
    call = caller(flasky.main({}, **site_settings(Path(folder)), **{"flasky.measure": measure}))
    for _ in range(10 * CALLS):
        call()
    print(min(_stretch(call) for _ in range(STRETCHES)), _functions_called(call))


def _stretch(call: Callable[[], None]) -> float:
    start = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - start) / CALLS / 1000


def _functions_called(call: Callable[[], None]) -> int:
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(None)
    return counted


if __name__ == "__main__":
    main(*sys.argv[1:3])
