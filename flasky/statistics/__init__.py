"""What each plug-in costs: measured while the site runs, and told by `flasky plugin stats` and at `/metrics`."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Measure, and let servers tell what they measured."""
    config.include("flasky.statistics.measuring")
    config.include("flasky.statistics.sharing")
    config.include("flasky.statistics.metrics")
