"""In development: as long as the schema is not the code's, every page says so and offers to migrate.

The question costs a connection, so it is asked only until the answer is yes; from then on a request costs a look at
a flag. The command ``alembic upgrade heads`` in another terminal is noticed with the next request.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from alembic.util import CommandError
from pyramid.config import Configurator
from pyramid.events import ContextFound
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import exception_view_config, view_config

from alembic import command
from flasky.database import get_database
from flasky.errors.fixed import JSON, prefers_json, problem_json
from flasky.errors.rendering import translated
from flasky.health import ROUTES as HEALTH_ROUTES
from flasky.languages import _
from flasky.migrations.locations import config_of
from flasky.migrations.state import Kind, SchemaMismatch, SchemaState, schema_state
from flasky.migrations.telling import CannotMigrate
from flasky.redirects import current_path, safe_next
from flasky.site import get_site
from flasky.templating import get_environment

logger = logging.getLogger(__name__)

ROUTE = "flasky.migrate"

_KNOWN = "flasky.schema_is_current"
_ASSETS = "/static/"
_TITLES = {
    Kind.BEHIND: _("The database needs a migration"),
    Kind.MISSING: _("There is no database yet"),
    Kind.AHEAD: _("The database is ahead of the code"),
    Kind.DAMAGED: _("The database cannot be read"),
    Kind.UNREACHABLE: _("The database cannot be reached"),
    Kind.BROKEN: _("The migrations cannot be read"),
}


def includeme(config: Configurator) -> None:
    """Watch the schema, and offer the upgrade at ``POST /_migrate``."""
    config.add_route(ROUTE, "/_migrate")
    config.add_subscriber(require_schema, ContextFound)
    config.scan(__name__)


def require_schema(event: ContextFound) -> None:
    """Raise SchemaMismatch unless the schema is known to be the code's, or the request needs none."""
    request = event.request
    if request.registry.get(_KNOWN) or _needs_no_schema(request):
        return
    state = schema_state(get_site(request.registry))
    if not state.is_current:
        raise SchemaMismatch(state)
    request.registry[_KNOWN] = True


def _needs_no_schema(request: Request) -> bool:
    route = getattr(request, "matched_route", None)
    return request.path_info.startswith(_ASSETS) or (route is not None and route.name in {ROUTE, *HEALTH_ROUTES})


@exception_view_config(SchemaMismatch)
def waiting(error: SchemaMismatch, request: Request) -> Response:
    """The page that stands in for every other one, with the command and a button."""
    state = error.state
    if prefers_json(request.environ):
        title = request.localizer.translate(_TITLES[state.kind])
        body = problem_json(HTTPStatus.SERVICE_UNAVAILABLE, title, str(error), request.id)
        return Response(body, status=HTTPStatus.SERVICE_UNAVAILABLE, content_type=JSON.partition(";")[0])
    return _page(request, state)


def _page(request: Request, state: SchemaState, problem: tuple[str, ...] = ()) -> Response:
    template = get_environment(request.registry).get_template("migrations/waiting.jinja2")
    # After the button was pressed, the page to come back to is the one that the form named.
    back = request.POST.get("next") if request.method == "POST" else current_path(request)
    page = template.render(
        request=request,
        title=_TITLES[state.kind],
        message=translated(request, state.told),
        command=state.command,
        can_be_upgraded=state.can_be_upgraded,
        back=safe_next(request, back),
        problem=problem,
    )
    return Response(page, status=HTTPStatus.SERVICE_UNAVAILABLE, cache_control="no-store")


@view_config(route_name=ROUTE, request_method="POST", permission=NO_PERMISSION_REQUIRED)
def migrate(request: Request) -> Response:
    """Run the upgrade that the page offers, then go back to the page that was asked for."""
    site = get_site(request.registry)
    config = config_of(site)
    if config is None:
        return HTTPSeeOther(safe_next(request, request.POST.get("next")))
    try:
        command.upgrade(config, "heads")
    except CommandError as error:
        cause = error.__cause__ if isinstance(error, CannotMigrate) else None
        logger.error("The page could not migrate the database: %s", " ".join(str(error).split("\n")), exc_info=cause)
        return _page(request, schema_state(site), getattr(error, "told", (str(error),)))
    # What is pooled may have prepared statements for, or have open, what was there before.
    get_database(request.registry).dispose()
    request.flash(_("The database was migrated."), "success")
    return HTTPSeeOther(safe_next(request, request.POST.get("next")))
