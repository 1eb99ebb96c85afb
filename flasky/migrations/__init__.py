"""Migrations: the environment that Alembic runs in, and the comparison of schema and code at start."""

from __future__ import annotations

import logging

from pyramid.config import Configurator

from flasky.site import get_site

# Alembic says at INFO which of its own parts it has set up, whenever it is imported: no news to anybody.
logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def includeme(config: Configurator) -> None:
    """In development show a page with the command, and a button, while the schema is not the code's."""
    site = get_site(config.registry)
    if site.environment == "development" and site.ini_file:
        config.include("flasky.migrations.waiting")
