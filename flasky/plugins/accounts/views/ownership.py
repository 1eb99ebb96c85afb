"""Becoming the first administrator, and the first steps of whoever did."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.plugins.accounts import ownership, sessions
from flasky.plugins.accounts.errors import InvalidToken
from flasky.plugins.accounts.grants import SIGNED_IN
from flasky.plugins.accounts.views.answers import go, show
from flasky.plugins.accounts.work import work_of


@view_config(route_name="accounts.claim", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=3)
def show_claim(request: Request) -> Response:
    """A page with a button, for whoever is signed in; others learn that they have to join first."""
    if not ownership.may_claim(work_of(request), request.matchdict["token"]):
        raise InvalidToken
    return show(request, "claim", {})


@view_config(route_name="accounts.claim", request_method="POST", permission=SIGNED_IN, statements=30)
def claim(request: Request) -> Response:
    """Make the visitor the first administrator."""
    work = work_of(request)
    ownership.claim(work, request.matchdict["token"], request.user)
    # More rights, a new id (SES-02).
    signed_in = sessions.renew(work, request.user)
    request.flash(_("You are the administrator of this site."), "success")
    response = go(request, "accounts.first_steps")
    sessions.set_cookie(request, response, signed_in)
    return response


@view_config(
    route_name="accounts.first_steps",
    request_method="GET",
    permission="accounts.manage_roles",
    renderer="accounts/first_steps.jinja2",
    statements=6,
)
def show_first_steps(request: Request) -> dict[str, Any]:
    """What there is to do on a new site; it ticks itself."""
    return {"steps": ownership.first_steps(work_of(request))}
