"""A health check, as a plug-in adds one; included with ``pyramid.includes``."""

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.health import add_health_check


def includeme(config: Configurator) -> None:
    """Add the check."""
    add_health_check(config, "sample", sample)


def sample(_registry: Registry) -> str:
    """Say what is wrong."""
    return "the sample is never well"
