"""Taking one's data along, and leaving."""

from __future__ import annotations

from pyramid.httpexceptions import HTTPForbidden, HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.languages import _
from flasky.plugins.accounts import leaving, sessions
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.forms import ProveForm
from flasky.plugins.accounts.grants import SIGNED_IN
from flasky.plugins.accounts.views.answers import REFUSALS, UNPROCESSABLE, refuse, show
from flasky.plugins.accounts.work import work_of
from flasky.redirects import safe_next


@view_config(route_name="accounts.export", request_method="GET", permission="accounts.take_part", statements=1)
def show_export(request: Request) -> Response:
    """What there is to take along, and the button."""
    names = [part.name for part in leaving.personal_data(request.registry)]
    return show(request, "export", {"names": names})


@view_config(
    route_name="accounts.export",
    request_method="POST",
    permission="accounts.take_part",
    fresh_proof=True,
    statements=100,
)
def export(request: Request) -> Response:
    """Everything that the site holds about the member, as one ZIP."""
    content = leaving.export(work_of(request), request.user)
    response = Response(content, content_type="application/zip")
    response.content_disposition = 'attachment; filename="flasky-export.zip"'
    return response


@view_config(route_name="accounts.delete", request_method="GET", permission=SIGNED_IN, statements=1)
def show_leaving(request: Request) -> Response:
    """The form to ask for deletion; for whoever did, the button to stay."""
    _refuse_unconfirmed(request)
    return _page(request, ProveForm(request))


@view_config(route_name="accounts.delete", request_method="POST", permission=SIGNED_IN, statements=30)
def leave(request: Request) -> Response:
    """Let the account be deleted after the days of grace, or take that back."""
    _refuse_unconfirmed(request)
    work = work_of(request)
    if request.POST.get("action") == "stay":
        leaving.stay(work, request.user)
        request.flash(_("Good that you stay. Your account will not be deleted."), "success")
        return HTTPSeeOther(safe_next(request, None))
    form = ProveForm(request)
    if not form.validate():
        return _page(request, form, UNPROCESSABLE)
    try:
        leaving.ask_to_leave(work, form.password.data)
    except REFUSALS as refusal:
        return _page(request, form, refuse(request, form, refusal))
    except Refused as refused:
        return _page(request, form, refuse(request, form, Fault("password", refused.reason)))
    request.flash(_("Your account will be deleted. Sign in before then if you want to keep it."), "warning")
    response = HTTPSeeOther(safe_next(request, None))
    sessions.forget_cookie(request, response)
    return response


def _refuse_unconfirmed(request: Request) -> None:
    """Whoever is leaving may do nothing but this, and whoever is not confirmed not even this (ACL-06)."""
    if not request.identity.confirmed:
        raise HTTPForbidden


def _page(request: Request, form: ProveForm, status: int = 200) -> Response:
    values = {
        "form": form,
        "due": request.identity.deletion_due_at,
        "days": work_of(request).settings["accounts.deletion_grace"],
    }
    return show(request, "delete", values, status)
