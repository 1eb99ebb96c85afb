"""The page "Access tokens": a member's tokens, and making and revoking them."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput

from flasky.forms import RequestForm, length
from flasky.languages import _
from flasky.parameters import parse_number
from flasky.permissions import permissions
from flasky.plugins.accounts.services import Fault, TooManyTries, work_of
from flasky.plugins.api import tokens
from flasky.plugins.api.models import LONGEST_NAME

ROUTE = "api.tokens"
_UNPROCESSABLE = 422


def _needed() -> InputRequired:
    return InputRequired(_("Fill in this field."))


class TokenForm(RequestForm):
    """A new token."""

    name = StringField(
        _("Name"),
        [_needed(), length(LONGEST_NAME)],
        description=_("What it is for, so that you know it again: the program, the device."),
        render_kw={"autocomplete": "off"},
    )
    permissions = SelectMultipleField(
        _("What the program may do"), option_widget=CheckboxInput(), validate_choice=False
    )
    days = SelectField(_("Good for"), [_needed()], choices=[], default=str(tokens.LIFETIMES[0]), validate_choice=False)


def show_tokens(request: Request) -> Response:
    """The member's tokens, and the form for one more."""
    return _page(request, _form(request))


def change_tokens(request: Request) -> Response:
    """Revoke the token that a button names, or make one."""
    work, user_id = work_of(request), request.identity.user_id
    if "revoke" in request.POST:
        if tokens.revoke(work, user_id, parse_number(request.POST["revoke"]) or 0):
            request.flash(_("The token is revoked."), "success")
        else:
            request.flash(_("There is no such token any more."))
        return HTTPSeeOther(request.route_path(ROUTE))
    form, status = _form(request), _UNPROCESSABLE
    if form.validate():
        try:
            days = parse_number(form.days.data or "") or 0
            token = tokens.make(work, user_id, form.name.data.strip(), form.permissions.data, days)
        except (Fault, TooManyTries) as refusal:
            status = _refuse(request, form, refusal)
        else:
            # Shown by this answer and never again: only its fingerprint is kept.
            return _show(request, "made", {"token": token, "name": form.name.data.strip()})
    return _page(request, form, status)


def _form(request: Request) -> TokenForm:
    form = TokenForm(request)
    titles, translate = permissions(request.registry), request.localizer.translate
    form.days.choices = [
        SelectChoice(str(days), translate(_("${days} days", mapping={"days": days}))) for days in tokens.LIFETIMES
    ]
    form.permissions.choices = [SelectChoice(name, titles[name].title) for name in tokens.offered(work_of(request))]
    return form


def _refuse(request: Request, form: TokenForm, refusal: Fault | TooManyTries) -> int:
    request.tm.doom()
    if isinstance(refusal, Fault):
        form[refusal.field].errors = [refusal.reason]
        return _UNPROCESSABLE
    form.name.errors = [refusal.reason]
    request.response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return int(refusal.status_code)


def _page(request: Request, form: TokenForm, status: int = 200) -> Response:
    own = tokens.own(work_of(request), request.identity.user_id)
    values = {"form": form, "tokens": own, "titles": permissions(request.registry)}
    return _show(request, "tokens", values, status)


def _show(request: Request, template: str, values: dict[str, Any], status: int = 200) -> Response:
    response = render_to_response(f"api/{template}.jinja2", values, request=request, response=request.response)
    response.status_int = status
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def includeme(config: Configurator) -> None:
    """Register the page; whoever opens it proves to be themselves first."""
    options = {"route_name": ROUTE, "permission": tokens.PERMISSION, "fresh_proof": True}
    config.add_route(ROUTE, "/auth/tokens")
    config.add_view(show_tokens, request_method="GET", statements=1, **options)
    config.add_view(change_tokens, request_method="POST", repeated=("permissions",), statements=20, **options)
    config.add_slot("accounts.security", "api/link.jinja2", permission=tokens.PERMISSION)
