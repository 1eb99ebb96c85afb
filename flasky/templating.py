"""Templates: where they are found and what every one of them can use."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Put the kernel's templates behind those of the plug-ins."""
    config.add_jinja2_search_path("flasky:templates", name=".jinja2")
