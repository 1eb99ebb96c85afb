"""What the kernel tells whoever subscribes, beside Pyramid's own events."""

from __future__ import annotations

from dataclasses import dataclass

from pyramid.registry import Registry


@dataclass(frozen=True)
class ServingBegins:
    """A server process is about to answer requests; commands and the shell do not publish this."""

    registry: Registry
