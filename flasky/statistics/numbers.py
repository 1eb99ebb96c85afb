"""The numbers of one process as plain data, and of several put together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pyramid.registry import Registry

from flasky.errors.counts import error_counts
from flasky.ownership import kernel
from flasky.queues.owner import new_owner
from flasky.site import get_site
from flasky.statistics.meter import BELOW, JOB, VIEW, Total, get_meter
from flasky.statistics.start import start_seconds

#: Changes when older files can no longer be read.
FORMAT = 1


@dataclass
class PluginNumbers:
    """What one plug-in cost: milliseconds of its start, runs by kind, and errors by kind."""

    name: str
    version: str = ""
    start_ms: float = 0.0
    runs: dict[str, Total] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def total(self, *kinds: str) -> Total:
        """The runs of these kinds together."""
        found = [self.runs[kind] for kind in kinds if kind in self.runs]
        return Total(
            sum(one.runs for one in found), sum(one.seconds for one in found), sum(one.statements for one in found)
        )

    @property
    def requests(self) -> Total:
        """Its views: the requests that it answered."""
        return self.total(VIEW)

    @property
    def jobs(self) -> Total:
        """Its jobs."""
        return self.total(JOB)

    @property
    def hooks(self) -> Total:
        """What it hooks into requests of its own and of others: slots, subscribers, tweens."""
        return self.total(*(kind for kind in self.runs if kind not in {VIEW, JOB}))

    def as_json(self) -> dict[str, Any]:
        """For programs and for the file of a process."""
        return asdict(self)


class ProcessNumbers(NamedTuple):
    """The numbers of one process since it began; `owner` names it as in `flasky.queues.owner`."""

    owner: str
    pid: int
    since: str
    plugins: dict[str, PluginNumbers]

    def as_json(self) -> dict[str, Any]:
        """For the file of a process."""
        plugins = {name: asdict(numbers) for name, numbers in self.plugins.items()}
        return {"format": FORMAT, **self._asdict(), "plugins": plugins}


class Process:
    """This process, as others are told of it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._owner = new_owner()
        self._since = datetime.now(UTC).isoformat(timespec="seconds")

    def numbers(self) -> ProcessNumbers:
        """What there is to tell now."""
        return ProcessNumbers(self._owner, os.getpid(), self._since, numbers_of(self._registry))


def numbers_of(registry: Registry) -> dict[str, PluginNumbers]:
    """What each plug-in cost in this application so far, Flasky itself first, then in the plug-ins' order."""
    flasky = kernel()
    owners = [(flasky.name, flasky.version), *((item.name, item.version) for item in get_site(registry).plugins)]
    found = {name: PluginNumbers(name, version) for name, version in owners}
    for name, seconds in start_seconds(registry).items():
        found.setdefault(name, PluginNumbers(name)).start_ms = round(seconds * 1000, 3)
    for (name, kind), total in get_meter(registry).totals().items():
        if kind != BELOW:
            found.setdefault(name, PluginNumbers(name)).runs[kind] = total
    for name, kinds in error_counts(registry).by_plugin().items():
        found.setdefault(name, PluginNumbers(name)).errors = kinds
    return found


def read_numbers(content: Any) -> ProcessNumbers:
    """What `ProcessNumbers.as_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']}")
    plugins = {
        name: PluginNumbers(
            name,
            str(one["version"]),
            float(one["start_ms"]),
            {kind: Total(**total) for kind, total in one["runs"].items()},
            {str(kind): int(count) for kind, count in one["errors"].items()},
        )
        for name, one in content["plugins"].items()
    }
    return ProcessNumbers(str(content["owner"]), int(content["pid"]), str(content["since"]), plugins)


def together(processes: Iterable[ProcessNumbers]) -> dict[str, PluginNumbers]:
    """The numbers of several processes as one: sums, and of the starts the longest."""
    found: dict[str, PluginNumbers] = {}
    for process in processes:
        for name, one in process.plugins.items():
            known = found.setdefault(name, PluginNumbers(name))
            known.version = one.version or known.version
            known.start_ms = max(known.start_ms, one.start_ms)
            for kind, total in one.runs.items():
                before = known.runs.get(kind, Total(0, 0.0, 0))
                known.runs[kind] = Total(
                    before.runs + total.runs, before.seconds + total.seconds, before.statements + total.statements
                )
            for kind, count in one.errors.items():
                known.errors[kind] = known.errors.get(kind, 0) + count
    return found
