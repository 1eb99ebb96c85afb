"""How the pages of this plug-in answer: a page, a form with its faults, a redirect, and going on after signing in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from translationstring import TranslationString
from wtforms import HiddenField

from flasky.forms import RequestForm
from flasky.plugins.accounts import drafts, sessions
from flasky.plugins.accounts.drafts import Draft
from flasky.plugins.accounts.errors import Busy, Fault, Faults, TooManyTries
from flasky.plugins.accounts.forms import CodeForm, blame
from flasky.plugins.accounts.sessions import SignedIn
from flasky.plugins.accounts.sign_in_methods import sign_in_methods
from flasky.redirects import safe_next

#: The status of a form that comes back with its faults.
UNPROCESSABLE = 422
#: What brings a form back; services raise them.
REFUSALS = (Fault, Faults, Busy, TooManyTries)
#: Where to go on, in the address or in a hidden field.
NEXT = "next"


def show(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """The page `accounts/<template>.jinja2`; it is for one visitor, and no search engine's."""
    response = render_to_response(
        f"accounts/{template}.jinja2", dict(values), request=request, response=request.response
    )
    response.status_int = status
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def blank(kind: type[RequestForm], request: Request) -> RequestForm:
    """An empty form, in the answer to a request that posted another one."""
    form = kind(request)
    form.process()
    return form


def refuse(request: Request, form: RequestForm, refusal: Fault | Faults | Busy | TooManyTries) -> int:
    """Put what a service refused beside the fields; whatever it wrote before is rolled back.

    Returns the status of the page that shows the form again. A limit that is reached, and a site that is busy, are
    told beside the first field, with `Retry-After`: nothing that was typed is lost to them.
    """
    request.tm.doom()
    if isinstance(refusal, Fault):
        blame(form, {refusal.field: refusal.reason})
    elif isinstance(refusal, Faults):
        blame(form, refusal.reasons)
    else:
        blame(form, {_first_field(form): refusal.reason})
        request.response.headers["Retry-After"] = str(refusal.retry_after_seconds)
        return int(refusal.status_code)
    return UNPROCESSABLE


def _first_field(form: RequestForm) -> str:
    name: str = next(field.name for field in form if not isinstance(field, HiddenField))
    return name


def go(request: Request, route: str, /, **elements: Any) -> Response:
    """A redirect to one of the site's pages, by GET."""
    return HTTPSeeOther(request.route_path(route, **elements))


def wanted(request: Request) -> dict[str, str]:
    """The hidden fields that say how to go on after signing in or proving oneself: `next` and the draft.

    A draft is taken from a form of this site only, never from an address: somebody could have one made of a form of
    their own and send its link to a member, who would send that form by signing in (CSR-01).
    """
    texts = {NEXT: request.GET.get(NEXT)}
    if request.method == "POST":
        texts = {name: request.POST.get(name) for name in (NEXT, drafts.FIELD)}
    return {name: text for name, text in texts.items() if isinstance(text, str) and text}


def go_on(request: Request, signed_in: SignedIn, hidden: Mapping[str, str]) -> Response:
    """Give the browser its session and go on: to the code, with the draft, or to `next`."""
    if signed_in.awaits_code:
        sessions.set_cookie(request, request.response, signed_in)
        return show_code(request, blank(CodeForm, request), hidden)
    draft = drafts.read(request, hidden.get(drafts.FIELD))
    if draft is not None:
        sessions.set_cookie(request, request.response, signed_in)
        return show_draft(request, draft, by_itself=True)
    response = HTTPSeeOther(safe_next(request, hidden.get(NEXT)))
    sessions.set_cookie(request, response, signed_in)
    return response


def show_login(
    request: Request,
    form: RequestForm,
    hidden: Mapping[str, str],
    status: int = 200,
    *,
    reason: TranslationString | None = None,
) -> Response:
    """The page for signing in, with the methods of other plug-ins; `reason` says why it is shown unasked."""
    query = {NEXT: hidden[NEXT]} if NEXT in hidden else {}
    methods = [
        (method.title, request.route_path(method.route, _query=query)) for method in sign_in_methods(request.registry)
    ]
    values = {"form": form, "hidden": hidden, "methods": methods, "reason": reason}
    return show(request, "login", values, status)


def show_code(request: Request, form: RequestForm, hidden: Mapping[str, str], status: int = 200) -> Response:
    """The page that asks for the code of the second factor."""
    return show(request, "code", {"form": form, "hidden": hidden}, status)


def show_draft(
    request: Request, draft: Draft, *, by_itself: bool, status: int = 200, heading: TranslationString | None = None
) -> Response:
    """The page that sends a kept form on: `by_itself` where scripts run, else when its button is pressed.

    `heading` says why it was kept, if not because its page was too old.
    """
    return show(request, "draft", {"draft": draft, "by_itself": by_itself, "reason": heading}, status)
