"""From nothing to the first answer: CPU time of a process, beside a bare Pyramid application.

As a program (`python -m benchmarks.start NAME FOLDER`) it answers one request in process, prints the seconds that this
took from the beginning of the process, and ends. What its end takes is shown, too: Python looks for garbage once more.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import flasky
from benchmarks.applications import APPLICATIONS
from benchmarks.serving import serving
from benchmarks.tables import ratio, reached, show

NAMES = ("bare Pyramid", "bare Pyramid, same libraries", "Flasky")
ROUNDS = 9


def run() -> None:
    """Measure and print the table."""
    # pip compiles the libraries when it installs them; Flasky is compiled by its first start, unless
    # PYTHONDONTWRITEBYTECODE is set, which would measure Python's compiler.
    compileall.compile_dir(Path(flasky.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            _cpu_of_start(name, folder)
        times: dict[str, list[float]] = {name: [] for name in NAMES}
        ended: dict[str, list[float]] = {name: [] for name in NAMES}
        for _round in range(ROUNDS):
            for name in NAMES:
                answered, whole = _cpu_of_start(name, folder)
                times[name].append(answered)
                ended[name].append(whole)
        with serving("Flasky", Path(folder)) as server:
            idle = server.pss_mib()
    anchor, its_end = times["bare Pyramid, same libraries"], ended["bare Pyramid, same libraries"]
    show(
        f"Start to first answer ({ROUNDS} rounds)",
        ("application", "CPU s", "x bare Pyramid with the same libraries", "CPU s to its end", "x the same"),
        [
            (name, median(times[name]), ratio(times[name], anchor), median(ended[name]), ratio(ended[name], its_end))
            for name in NAMES
        ],
        [
            reached("CPU to the first answer, times bare Pyramid's", ratio(times["Flasky"], anchor), 1.3),
            reached("memory of one idle process, PSS MiB", idle, 80),
        ],
    )


def _cpu_of_start(name: str, folder: str) -> tuple[float, float]:
    """Seconds up to the first answer, and of the whole process."""
    before = os.times()
    command = [sys.executable, "-m", "benchmarks.start", name, folder]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    after = os.times()
    whole = after.children_user - before.children_user + after.children_system - before.children_system
    return float(done.stdout.split()[-1]), whole


def main(name: str, folder: str) -> None:
    """Make the application, answer one request, print the seconds, end."""
    from benchmarks.pages import caller

    caller(APPLICATIONS[name](Path(folder)))()
    print(time.process_time())


if __name__ == "__main__":
    main(*sys.argv[1:3])
