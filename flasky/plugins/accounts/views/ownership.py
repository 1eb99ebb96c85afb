"""Becoming the first administrator, and the first steps of whoever did."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.cookies import cookie_name, set_cookie
from flasky.languages import _
from flasky.plugins.accounts import ownership, sessions
from flasky.plugins.accounts.errors import InvalidToken
from flasky.plugins.accounts.grants import SIGNED_IN
from flasky.plugins.accounts.views.answers import go, show
from flasky.plugins.accounts.views.mailed_links import is_in_address, put_away, secret_of
from flasky.plugins.accounts.work import work_of
from flasky.redirects import safe_next

_MANAGE = "accounts.manage_roles"
#: The cookie of a browser in which the steps are not wanted on the home page.
_PUT_AWAY = "first_steps"
_YEAR = 365 * 86400
_ALL_DONE = "accounts.first_steps_done"


@view_config(route_name="accounts.claim", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=3)
def show_claim(request: Request) -> Response:
    """A page with a button, for whoever is signed in; others learn that they have to join first."""
    secret = secret_of(request)
    if not ownership.may_claim(work_of(request), secret):
        raise InvalidToken
    if is_in_address(request):
        return put_away(request, secret)
    return show(request, "claim", {})


@view_config(route_name="accounts.claim", request_method="POST", permission=SIGNED_IN, statements=30)
def claim(request: Request) -> Response:
    """Make the visitor the first administrator."""
    work = work_of(request)
    ownership.claim(work, secret_of(request), request.user)
    # More rights, a new id (SES-02).
    signed_in = sessions.renew(work, request.user)
    request.flash(_("You are the administrator of this site."), "success")
    response = go(request, "accounts.first_steps")
    sessions.set_cookie(request, response, signed_in)
    return response


@view_config(
    route_name="accounts.first_steps",
    request_method="GET",
    permission=_MANAGE,
    renderer="accounts/first_steps.jinja2",
    statements=2,
)
def show_first_steps(request: Request) -> dict[str, Any]:
    """What there is to do on a new site; it ticks itself."""
    return {"steps": ownership.first_steps(work_of(request))}


@view_config(route_name="accounts.first_steps", request_method="POST", permission=_MANAGE)
def put_first_steps_away(request: Request) -> Response:
    """Show them on the home page no more, in this browser; their own page stays."""
    response = HTTPSeeOther(safe_next(request, None))
    set_cookie(request, response, _PUT_AWAY, "1", max_age=_YEAR)
    return response


def on_home(request: Request) -> Markup | None:
    """In the slot `home`, for administrators: the steps, until all are done or they are put away."""
    if request.registry.get(_ALL_DONE) or cookie_name(request, _PUT_AWAY) in request.cookies:
        return None
    steps = ownership.first_steps(work_of(request))
    if all(step.done for step in steps):
        # Remembered, so that the home page of a site in use asks no more.
        request.registry[_ALL_DONE] = True
        return None
    html = render("accounts/first_steps_on_home.jinja2", {"steps": steps}, request=request)
    return Markup(html)  # noqa: S704 - a template's output, escaped where it was made


def forget(event: Any) -> None:
    """Forget that all was done: a test begins."""
    event.registry.pop(_ALL_DONE, None)
