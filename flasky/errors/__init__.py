"""Error pages for the whole application, as HTML or JSON."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Register the exception views."""
    config.scan("flasky.errors.views")
