"""The greeting as an anonymous visitor gets it, beside a bare WSGI function and a bare Pyramid view.

Two ways: on the same server (waitress) in processes of their own, driven from another process, in rounds that
alternate between the applications; and in one process without any server, CPU time only, which is steadier.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.applications import APPLICATIONS, WSGIApplication
from benchmarks.driving import Load, drive
from benchmarks.serving import Server, serving
from benchmarks.tables import ratio, reached, show

NAMES = ("bare WSGI", "bare Pyramid", "Flasky")
ROUNDS = 7
SECONDS = 1.5
IN_PROCESS_ROUNDS = 40
IN_PROCESS_CALLS = 100


def run() -> None:
    """Measure and print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        served(Path(folder))
        in_process(Path(folder))


def served(folder: Path) -> None:
    """Requests per second, latency and CPU behind the server."""
    loads: dict[str, list[Load]] = {name: [] for name in NAMES}
    cpu: dict[str, list[float]] = {name: [] for name in NAMES}
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name, folder)) for name in NAMES]
        for server in servers:
            drive(server.port, "/", 0.5)
        for _round in range(ROUNDS):
            for server in servers:
                load, used = _measured(server)
                loads[server.name].append(load)
                cpu[server.name].append(used / load.requests * 1000)
        memory = {server.name: server.pss_mib() for server in servers}
    per_second = {name: [load.per_second for load in loads[name]] for name in NAMES}
    rows = [
        (
            name,
            round(median(per_second[name])),
            ratio(per_second[name], per_second["bare Pyramid"]),
            median(load.percentile(0.5) for load in loads[name]),
            median(load.percentile(0.99) for load in loads[name]),
            median(cpu[name]),
            ratio(cpu[name], cpu["bare Pyramid"]),
            memory[name],
        )
        for name in NAMES
    ]
    share = ratio(per_second["Flasky"], per_second["bare Pyramid"])
    show(
        f"Greeting, anonymous, on waitress ({ROUNDS} rounds of {SECONDS} s, 8 connections)",
        ("application", "requests/s", "of bare Pyramid", "p50 ms", "p99 ms", "CPU ms", "x bare Pyramid", "PSS MiB"),
        rows,
        [
            reached("requests per second, share of bare Pyramid", share, 0.35, least=True),
            reached("CPU, times bare Pyramid's", ratio(cpu["Flasky"], cpu["bare Pyramid"]), 4),
            reached("memory of the process under load, PSS MiB", memory["Flasky"], 80),
        ],
    )


def _measured(server: Server) -> tuple[Load, float]:
    before = server.cpu_seconds()
    load = drive(server.port, "/", SECONDS)
    return load, server.cpu_seconds() - before


def in_process(folder: Path) -> None:
    """CPU time per request without a server."""
    calls = {name: caller(APPLICATIONS[name](folder)) for name in NAMES}
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for call in calls.values():
        for _ in range(20):
            call()
    for _round in range(IN_PROCESS_ROUNDS):
        for name, call in calls.items():
            start = time.process_time()
            for _ in range(IN_PROCESS_CALLS):
                call()
            times[name].append((time.process_time() - start) / IN_PROCESS_CALLS * 1000)
    show(
        f"Greeting, anonymous, without a server ({IN_PROCESS_ROUNDS} rounds of {IN_PROCESS_CALLS} requests)",
        ("application", "CPU ms", "x bare Pyramid"),
        [(name, f"{median(times[name]):.3f}", ratio(times[name], times["bare Pyramid"])) for name in NAMES],
        ["What the server costs is in neither, so that this ratio is the higher one; it has no bound to reach."],
    )


def caller(application: WSGIApplication) -> Callable[[], None]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    def start_response(status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], None]:
        if not status.startswith("200"):
            raise RuntimeError(f"the application answered {status}")
        return lambda _data: None

    def call() -> None:
        body = application({**environ, "wsgi.input": io.BytesIO()}, start_response)
        b"".join(body)
        if hasattr(body, "close"):
            body.close()

    return call
