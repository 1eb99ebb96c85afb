"""A member's sessions, and what happened to their account."""

from __future__ import annotations

from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.languages import _
from flasky.parameters import number_parameter, parse_number
from flasky.plugins.accounts import security_log, sessions
from flasky.plugins.accounts.views.answers import go
from flasky.plugins.accounts.words import device, sentence
from flasky.plugins.accounts.work import work_of

_PAGE = 50


@view_config(
    route_name="accounts.sessions",
    request_method="GET",
    permission="accounts.take_part",
    renderer="accounts/sessions.jinja2",
    statements=2,
)
def show_sessions(request: Request) -> dict[str, Any]:
    """Where the member is signed in."""
    own = sessions.own_sessions(work_of(request), request.identity.user_id)
    return {"sessions": own, "device": device}


@view_config(route_name="accounts.sessions", request_method="POST", permission="accounts.take_part")
def end_sessions(request: Request) -> Response:
    """End the session that is named, or all others."""
    identity, work = request.identity, work_of(request)
    number = request.POST.get("session", "")
    if number == "others":
        sessions.end_sessions(work, identity.user_id, but=identity.session_id)
        request.flash(_("Your other sessions have ended."), "success")
    elif sessions.end_session(work, identity.user_id, parse_number(number) or 0):
        request.flash(_("The session has ended."), "success")
    else:
        request.flash(_("There is no such session any more."))
    return go(request, "accounts.sessions")


@view_config(
    route_name="accounts.events",
    request_method="GET",
    permission="accounts.take_part",
    renderer="accounts/events.jinja2",
    statements=2,
)
def show_events(request: Request) -> dict[str, Any]:
    """The newest security events of the member (LOG-02)."""
    before = number_parameter(request, "before", default=0)
    rows = security_log.events(work_of(request), request.identity.user_id, before=before or None, limit=_PAGE)
    return {"rows": rows, "sentence": sentence, "before": rows[-1][0] if len(rows) == _PAGE else None}
