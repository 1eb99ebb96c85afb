"""Error pages for the whole application, as HTML or JSON, and what the log says about a request that failed."""

from __future__ import annotations

import secrets

from pyramid.config import Configurator
from pyramid.events import ContextFound, NewResponse
from pyramid.request import Request
from pyramid_retry import IBeforeRetry

from flasky.errors.counts import prepare_counts
from flasky.errors.failures import forget_attempt
from flasky.errors.report import HIDDEN, secret_parts
from flasky.logs import REQUEST_ID, SHOWN_PATH, STATEMENTS, current_request_id, shown_path
from flasky.site import get_site


def includeme(config: Configurator) -> None:
    """Register the exception views and `request.id`, and begin to count errors."""
    prepare_counts(config.registry)
    config.add_request_method(request_id, "id", property=True)
    config.add_subscriber(hide_secrets_of_path, ContextFound)
    config.add_subscriber(forget_attempt, IBeforeRetry)
    if not get_site(config.registry).in_production:
        config.add_subscriber(count_statements, NewResponse)
    config.scan("flasky.errors.views")


def request_id(request: Request) -> str:
    """`request.id`: what the error page shows, the header X-Request-ID says and the log can be searched for.

    The id is always made here, by the outermost layer: one that a visitor sends could be any other request's. A
    request that did not come through it (a subrequest, a shell) has the id of the one that it is part of, or a new
    one.
    """
    identifier: str = request.environ.get(REQUEST_ID) or request.environ.setdefault(
        REQUEST_ID, current_request_id.get() or secrets.token_hex(8)
    )
    return identifier


def hide_secrets_of_path(event: ContextFound) -> None:
    """Keep secrets that are part of a path (``/reset/{token}``) out of the log (LOG-01)."""
    request = event.request
    if parts := secret_parts(request.matchdict or {}):
        path = shown_path(request.environ)
        for part in parts:
            path = path.replace(part, HIDDEN)
        request.environ[SHOWN_PATH] = path


def count_statements(event: NewResponse) -> None:
    """Leave the number of SQL statements for the request's line in the log."""
    event.request.environ[STATEMENTS] = len(event.request.__dict__.get("statements", ()))
