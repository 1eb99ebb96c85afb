"""How long each plug-in takes to start: to import its models, to be included, and to carry out what it registers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from pyramid.registry import Registry

from flasky.ownership import KERNEL

_REGISTRY_KEY = "flasky.statistics.start"


class StartTimes:
    """Seconds by plug-in, while one application is put together. What runs inside of another's is not its."""

    def __init__(self) -> None:
        self._begun = perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._spent = 0.0

    @contextmanager
    def of(self, plugin: str) -> Iterator[None]:
        """What happens now is done for `plugin`; without a name, for Flasky."""
        started, spent = perf_counter(), self._spent
        try:
            yield
        finally:
            seconds = perf_counter() - started
            self._seconds[plugin or KERNEL] += seconds - (self._spent - spent)
            self._spent = spent + seconds

    def finish(self, registry: Registry) -> None:
        """Keep the times with the application; what nobody else took is Flasky's."""
        plugins = {name: seconds for name, seconds in self._seconds.items() if name != KERNEL}
        registry[_REGISTRY_KEY] = {**plugins, KERNEL: perf_counter() - self._begun - sum(plugins.values())}


def start_seconds(registry: Registry) -> Mapping[str, float]:
    """How many seconds of the start went to whom."""
    seconds: Mapping[str, float] = registry.get(_REGISTRY_KEY, {})
    return seconds
