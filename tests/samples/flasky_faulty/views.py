"""Pages, most of which fail."""

from __future__ import annotations

import json
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky_faulty.hooks import Bug, Written


@view_config(route_name="faulty.view", permission=NO_PERMISSION_REQUIRED)
def view(_request: Request) -> Response:
    """Fail in the view."""
    raise Bug("in the view")


@view_config(route_name="faulty.template", permission=NO_PERMISSION_REQUIRED, renderer="faulty/fails.jinja2")
def template(_request: Request) -> dict[str, Any]:
    """Fail in the template."""
    return {"zero": 0}


@view_config(route_name="faulty.deep", permission=NO_PERMISSION_REQUIRED)
def deep(_request: Request) -> Response:
    """Fail in a library."""
    return Response(json.loads("{"))


@view_config(route_name="faulty.mail", request_method="POST", permission=NO_PERMISSION_REQUIRED, require_csrf=False)
def mail(request: Request) -> Response:
    """Fail in the template of a mail."""
    request.send_mail("somebody@example.com", "Fails", "mail/faulty", number=0)
    return Response("not reached")


@view_config(route_name="faulty.fine", permission=NO_PERMISSION_REQUIRED)
def fine(_request: Request) -> Response:
    """Work."""
    return Response("fine")


@view_config(route_name="faulty.write", request_method="POST", permission=NO_PERMISSION_REQUIRED, require_csrf=False)
def write(request: Request) -> Response:
    """Write, tell of it, and write once more."""
    request.send_mail("view@example.com", "Of the view", "mail/faulty", number=1)
    request.registry.notify(Written(request, request.db))
    request.send_mail("later@example.com", "Later", "mail/faulty", number=1)
    return Response("written")


@view_config(
    route_name="faulty.form",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    require_csrf=False,
    renderer="faulty/form.jinja2",
)
def form(request: Request) -> dict[str, Any]:
    """Write if it is told to, and show a page with slots, as one does with a form that was not filled in well."""
    if "write" in request.params:
        request.send_mail("view@example.com", "Of the view", "mail/faulty", number=1)
    return {}
