"""Pages, most of which fail."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flasky.mail.models import OutgoingMail
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
    """Write, tell of it, and write once more; if told to, first add what no database takes, or go on after an error."""
    if "bad" in request.params:
        request.db.add(OutgoingMail())
    if "sql" in request.params:
        with contextlib.suppress(DBAPIError):
            request.db.execute(text("SELECT 1 FROM nothing_of_that_name"))
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
    """Write, or fail and go on, if it is told to; then show a page with slots, as one does with a bad form."""
    if "write" in request.params:
        request.send_mail("view@example.com", "Of the view", "mail/faulty", number=1)
    if "bad" in request.params:
        request.db.add(OutgoingMail())
    try:
        if "flush" in request.params:
            request.db.flush()
        if "sql" in request.params:
            request.db.execute(text("SELECT 1 FROM nothing_of_that_name"))
    except DBAPIError:
        request.response.status_int = 422
    if "refuse" in request.params:
        request.response.status_int = 422
    if "doom" in request.params:
        request.tm.doom()
    return {}
