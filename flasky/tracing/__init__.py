"""In development: which hook of which plug-in ran for a request, and how long; and which slots a page has.

Nothing of this exists in another environment: no page, no header, and no cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.site import get_site

if TYPE_CHECKING:
    from flasky.tracing.traces import Traces

REGISTRY_KEY = "flasky.tracing"


def get_traces(registry: Registry) -> Traces | None:
    """The traces of an application; None outside of development."""
    traces: Traces | None = registry.get(REGISTRY_KEY)
    return traces


def includeme(config: Configurator) -> None:
    """Watch requests, in development only."""
    if get_site(config.registry).environment == "development":
        config.include("flasky.tracing.watching")
