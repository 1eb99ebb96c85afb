"""What installed plug-ins cost: the start with 50 made-up ones beside the start with none, and a page of neither.

Each of the 50 brings a route with a view, a table, a permission, a setting and a contribution to a slot that the page
does not show. As a program (`python -m benchmarks.plugins COUNT FOLDER`) it answers one request in process and ends.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.applications import site_settings
from benchmarks.pages import caller
from benchmarks.tables import ratio, reached, show

MANY = 50
ROUNDS = 9
PAGE_ROUNDS = 40
PAGE_CALLS = 100
#: What a start with MANY may cost: so many times the start with none, and so much more for each.
TIMES, SECONDS_EACH = 1.5, 0.010

_DECLARATION = """\
from flasky.plugin import Plugin
from flasky.settings import Setting, parse_count

plugin = Plugin(
    name="{name}",
    models="{package}.models",
    migrations="{package}:migrations",
    settings=(Setting("{name}.shown", parse_count, default="3", help="How many are shown."),),
)


def includeme(config):
    config.declare_permission("{name}.write", "Write")
    config.add_route("{name}.index", "/{name}")
    config.add_slot("profile", "{package}.views.part", name="{name}.part")
    config.scan("{package}.views")
"""
_MODELS = """\
from flasky.database import Base
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class {name}Entry(Base):
    __tablename__ = "{name}_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(100))
"""
_VIEWS = """\
from pyramid.view import view_config


@view_config(route_name="{name}.index", request_method="GET", permission="{name}.write", renderer="json")
def index(request):
    return {{}}


def part(request, **values):
    return "{name}"
"""


def run() -> None:
    """Measure and print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder))
        _start(folder)
        _page(folder)


def names(count: int) -> list[str]:
    """The names of the first `count` made-up plug-ins."""
    return [f"made{number:02}" for number in range(count)]


def _make(folder: Path) -> None:
    for name in names(MANY):
        package = folder / f"flasky_{name}"
        (package / "migrations").mkdir(parents=True)
        for file, text in (("__init__", _DECLARATION), ("models", _MODELS), ("views", _VIEWS)):
            (package / f"{file}.py").write_text(text.format(name=name, package=package.name), encoding="utf-8")
        info = folder / f"flasky_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: flasky-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = {package.name}:plugin\n")


def _start(folder: str) -> None:
    counts = (0, MANY)
    for count in counts:
        # Python compiles what is imported for the first time; pip does so when it installs.
        _cpu_of_start(count, folder)
    times: dict[int, list[float]] = {count: [] for count in counts}
    for _round in range(ROUNDS):
        for count in counts:
            times[count].append(_cpu_of_start(count, folder))
    allowed = [none * TIMES + MANY * SECONDS_EACH for none in times[0]]
    each = [(many - none) / MANY * 1000 for none, many in zip(times[0], times[MANY], strict=True)]
    show(
        f"Start to first answer with plug-ins ({ROUNDS} rounds)",
        ("made-up plug-ins", "CPU s", "x none"),
        [(count, median(times[count]), ratio(times[count], times[0])) for count in counts],
        [
            f"- one plug-in: {median(each):.1f} ms",
            reached(
                f"start with {MANY}, of {TIMES} times the start with none and {SECONDS_EACH * 1000:.0f} ms each",
                ratio(times[MANY], allowed),
                1,
            ),
        ],
    )


def _page(folder: str) -> None:
    sys.path.insert(0, folder)
    calls = {count: caller(_application(count, Path(folder))) for count in (0, MANY)}
    times: dict[int, list[float]] = {count: [] for count in calls}
    for call in calls.values():
        for _ in range(20):
            call()
    for _round in range(PAGE_ROUNDS):
        for count, call in calls.items():
            gc.collect()
            begin = time.process_time()
            for _ in range(PAGE_CALLS):
                call()
            times[count].append((time.process_time() - begin) / PAGE_CALLS * 1000)
    show(
        f"Greeting with plug-ins that bring nothing to it ({PAGE_ROUNDS} rounds of {PAGE_CALLS} requests)",
        ("made-up plug-ins", "CPU ms", "x none"),
        [(count, f"{median(times[count]):.3f}", ratio(times[count], times[0])) for count in calls],
        [reached(f"the page with {MANY}, times the page with none", ratio(times[MANY], times[0]), 1.03)],
    )


def _application(count: int, folder: Path) -> Any:
    import flasky

    settings = site_settings(folder)
    plugins = " ".join([settings["flasky.plugins"], *names(count)])
    return flasky.main({}, **{**settings, "flasky.plugins": plugins})


def _cpu_of_start(count: int, folder: str) -> float:
    before = os.times()
    command = [sys.executable, "-m", "benchmarks.plugins", str(count), folder]
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})  # noqa: S603 - our own command
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


if __name__ == "__main__":
    caller(_application(int(sys.argv[1]), Path(sys.argv[2])))()
