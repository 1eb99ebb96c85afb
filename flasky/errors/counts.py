"""How many errors each plug-in made since the process began, by what failed."""

from __future__ import annotations

import threading
from collections import Counter

from pyramid.registry import Registry

from flasky.ownership import Owner

_REGISTRY_KEY = "flasky.errors.counts"


class ErrorCounts:
    """Errors by plug-in and kind (`view`, `template`, `tween`, `slot`, `subscriber`, `mail`, `job`, …)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, plugin: str, kind: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[plugin, kind] += 1

    def by_plugin(self) -> dict[str, dict[str, int]]:
        """How many, by plug-in, then by kind."""
        with self._lock:
            counted = dict(self._counts)
        found: dict[str, dict[str, int]] = {}
        for (plugin, kind), number in sorted(counted.items()):
            found.setdefault(plugin, {})[kind] = number
        return found


def prepare_counts(registry: Registry) -> None:
    """Begin to count."""
    registry[_REGISTRY_KEY] = ErrorCounts()


def error_counts(registry: Registry) -> ErrorCounts:
    """The counts of this application."""
    counts: ErrorCounts = registry[_REGISTRY_KEY]
    return counts


def count_error(registry: Registry, owner: Owner, kind: str) -> None:
    """Count an error of `owner` in something of this kind."""
    error_counts(registry).add(owner.name, kind)
