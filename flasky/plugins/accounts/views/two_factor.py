"""The second factor: adding an authenticator app, recovery codes, removing it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.languages import _
from flasky.plugins.accounts import two_factor
from flasky.plugins.accounts.forms import CodeForm
from flasky.plugins.accounts.views.answers import REFUSALS, UNPROCESSABLE, go, refuse, show
from flasky.plugins.accounts.work import work_of

_TAKE_PART = "accounts.take_part"


@view_config(
    route_name="accounts.two_factor", request_method="GET", permission=_TAKE_PART, fresh_proof=True, statements=5
)
def show_second_factor(request: Request) -> Response:
    """Whether there is one, and what can be done."""
    return _page(request, CodeForm(request))


@view_config(
    route_name="accounts.two_factor", request_method="POST", permission=_TAKE_PART, fresh_proof=True, statements=40
)
def change_second_factor(request: Request) -> Response:
    """Do what the button says: begin, confirm, codes, remove."""
    work, user = work_of(request), request.user
    action = request.POST.get("action")
    if action == "begin" and two_factor.enrolment(work, user) is None:
        two_factor.begin(work, user)
    elif action == "confirm":
        return _confirm(request)
    elif action == "codes" and two_factor.is_on(work, user.id):
        return show(request, "recovery_codes", {"codes": two_factor.new_recovery_codes(work, user)})
    elif action == "remove" and two_factor.is_on(work, user.id):
        two_factor.remove(work, user)
        request.flash(_("The second factor is removed."), "success")
    return go(request, "accounts.two_factor")


def _confirm(request: Request) -> Response:
    form, status = CodeForm(request), UNPROCESSABLE
    if form.validate():
        try:
            codes = two_factor.confirm(work_of(request), request.user, form.code.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            # Shown by this answer and never again: only their fingerprints are kept.
            return show(request, "recovery_codes", {"codes": codes})
    return _page(request, form, status)


def _page(request: Request, form: Any, status: int = 200) -> Response:
    work, user = work_of(request), request.user
    is_on = two_factor.is_on(work, user.id)
    enrolment = None if is_on else two_factor.enrolment(work, user)
    values = {
        "form": form,
        "is_on": is_on,
        "needed": request.identity.needs_second_factor,
        "left": two_factor.recovery_codes_left(work, user.id) if is_on else 0,
        "enrolment": enrolment,
        "drawing": Markup(enrolment.svg) if enrolment else "",  # noqa: S704 - drawn by segno from the key
    }
    return show(request, "two_factor", values, status)
