"""Mail: an outbox in the database, and a deliverer that empties it."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Nothing yet is registered."""
