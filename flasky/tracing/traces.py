"""The traces of the last requests: what ran, for whom, in what order, and how long."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

from pyramid.registry import Registry

from flasky.logs import REQUEST_ID, one_line, shown_path
from flasky.statistics.meter import BELOW, Key, get_meter
from flasky.tracing import REGISTRY_KEY

#: How many requests are remembered.
KEPT = 100
#: How many runs the header names: browsers show them all, and a server may limit headers.
_IN_HEADER = 20
#: What is not worth a trace: files, and the pages that show traces.
_LEFT_OUT = ("/static/", "/_trace")

Headers = list[tuple[str, str]]
Answer = Callable[[dict[str, Any]], tuple[str, Headers, Iterable[bytes]]]


class Step(NamedTuple):
    """Something that ran: what, whose, which; how deep inside of others, when and how long, in milliseconds."""

    kind: str
    plugin: str
    name: str
    depth: int
    at_ms: float
    ms: float
    statements: int


@dataclass
class Trace:
    """What ran for one request; it listens to the meter of its thread until the answer is there."""

    id: str
    method: str
    path: str = ""
    status: str = ""
    ms: float = 0.0
    begun: float = field(default_factory=perf_counter)
    _steps: list[Step] = field(default_factory=list)
    _depth: int = 0

    def begin(self) -> None:
        """Something begins to run."""
        self._depth += 1

    def end(self, key: Key, name: str, started: float, seconds: float, statements: int) -> None:
        """It has run."""
        self._depth -= 1
        plugin, kind = key
        if kind != BELOW:
            at = (started - self.begun) * 1000
            self._steps.append(Step(kind, plugin, name, self._depth, at, seconds * 1000, statements))

    @property
    def steps(self) -> list[Step]:
        """What ran, in the order in which it began; what is deeper ran inside of what stands before it."""
        return sorted(self._steps, key=lambda step: (step.at_ms, step.depth))

    @property
    def server_timing(self) -> str:
        """The header that browsers show beside the request: the runs that took longest, in their order."""
        longest = sorted(self._steps, key=lambda step: -step.ms)[:_IN_HEADER]
        parts = [f'total;desc="/_trace/{self.id}";dur={self.ms:.2f}']
        for number, step in enumerate((step for step in self.steps if step in longest), 1):
            what = f"{step.kind} {step.plugin}: {step.name}"
            safe = "".join(letter if " " <= letter <= "~" and letter not in '"\\' else "?" for letter in what)
            parts.append(f's{number};desc="{safe}";dur={step.ms:.2f}')
        return ", ".join(parts)


class Traces:
    """The newest traces of an application."""

    def __init__(self, registry: Registry) -> None:
        self._meter = get_meter(registry)
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Trace] = OrderedDict()

    def watch(self, answer: Answer) -> Answer:
        """A function that answers as `answer` does, and keeps a trace of it."""

        def traced(environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
            if environ.get("PATH_INFO", "").startswith(_LEFT_OUT):
                return answer(environ)
            trace = Trace(environ[REQUEST_ID], str(environ.get("REQUEST_METHOD")))
            self._meter.listen(trace)
            try:
                status, headers, body = answer(environ)
            finally:
                self._meter.listen(None)
            trace.ms = (perf_counter() - trace.begun) * 1000
            # Only now is it known which part of the path is secret.
            trace.status, trace.path = status[:3], one_line(shown_path(environ))
            self._keep(trace)
            headers.append(("Server-Timing", trace.server_timing))
            return status, headers, body

        return traced

    def newest(self) -> list[Trace]:
        """Every trace that is kept, the newest first."""
        with self._lock:
            return list(reversed(self._kept.values()))

    def find(self, request_id: str) -> Trace | None:
        """The trace of a request; None when it is none of the newest."""
        with self._lock:
            return self._kept.get(request_id)

    def _keep(self, trace: Trace) -> None:
        with self._lock:
            self._kept[trace.id] = trace
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def set_traces(registry: Registry) -> None:
    """Begin to keep traces."""
    registry[REGISTRY_KEY] = Traces(registry)
