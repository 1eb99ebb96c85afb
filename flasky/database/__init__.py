"""The database: models' base, column types, engines, and the session and read connection of a request."""

from __future__ import annotations

from pyramid.config import Configurator

from flasky.database.base import Base
from flasky.database.retry import mark_retryable
from flasky.database.session import Database, get_database, open_read_connection, open_session, set_database
from flasky.database.types import UTCDateTime, names_contributions, utc_now
from flasky.database.values import read_rows, read_value
from flasky.site import get_site

__all__ = [
    "Base",
    "Database",
    "UTCDateTime",
    "get_database",
    "includeme",
    "names_contributions",
    "read_rows",
    "read_value",
    "utc_now",
]


def includeme(config: Configurator) -> None:
    """Give every request `request.db` and `request.read`; nothing is connected before it is used."""
    site = get_site(config.registry)
    database = Database(site.settings["sqlalchemy.url"], strict=not site.in_production)
    set_database(config.registry, database)
    mark_retryable(database.engine)
    config.add_request_method(open_session, "db", reify=True)
    config.add_request_method(open_read_connection, "read", reify=True)
    config.include("flasky.database.statements")
