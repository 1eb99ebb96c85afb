"""Migrations: the environment that Alembic runs in, and the comparison of schema and code at start."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Nothing yet is registered."""
