"""What a visitor gets instead of a bare refusal: the way on to where it would not be refused.

Programs, which ask for JSON or for an API resource, get the site's plain refusals.
"""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import BadCSRFToken
from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound, HTTPSeeOther, HTTPTooManyRequests
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config

from flasky.errors.exceptions import Refused as RefusedRequest
from flasky.errors.fixed import prefers_json
from flasky.errors.views import http_exception
from flasky.languages import _
from flasky.plugins.accounts import drafts
from flasky.plugins.accounts.errors import Busy, InvalidToken, Refused
from flasky.plugins.accounts.forms import LoginForm, ProveForm
from flasky.plugins.accounts.proof import ProofNeeded
from flasky.plugins.accounts.views.answers import NEXT, blank, go, show, show_draft, show_login
from flasky.plugins.accounts.views.mailed_links import LinkNotKept
from flasky.redirects import current_path
from flasky.security.origin import allowed_origins

#: What passes by itself when one waits.
_LATER = (HTTPTooManyRequests, Busy)


class Help:
    """View predicate `accounts_help=True`: whether the visitor of a refused page can be helped on."""

    def __init__(self, _value: bool, _config: Configurator) -> None:
        pass

    def text(self) -> str:
        """What introspection shows."""
        return "accounts_help = True"

    phash = text

    def __call__(self, context: Any, request: Request) -> bool:
        """For a page, not for a request of another site, and only where signing in or a further step would help."""
        if prefers_json(request.environ) or not isinstance(context, (HTTPForbidden, BadCSRFToken, *_LATER)):
            return False
        if isinstance(context, _LATER):
            return request.method == "POST" and _was_typed(request)
        if isinstance(context, BadCSRFToken):
            return _was_sent_by_own_page(request) and drafts.keep(request) != ""
        return not isinstance(context, RefusedRequest) and _step(request) is not None


@exception_view_config(HTTPForbidden, accounts_help=True)
def help_on(_error: HTTPForbidden, request: Request) -> Response:
    """Lead whoever may not do this to the step that is missing; what they typed is kept for signing in."""
    step = _step(request)
    if step != "accounts.login":
        return go(request, str(step))
    if request.method != "POST":
        return HTTPSeeOther(request.route_path(step, _query={NEXT: current_path(request)}))
    hidden = {NEXT: current_path(request), drafts.FIELD: drafts.keep(request)}
    form = blank(LoginForm, request)
    # Not as a flash message: a page for an error shows none of this request, and this is about the page itself.
    reason = _("Your session has ended. Sign in, and what you typed goes on its way.")
    return show_login(request, form, hidden, HTTPForbidden.code, reason=reason if hidden[drafts.FIELD] else None)


@exception_view_config(BadCSRFToken, accounts_help=True)
def send_again(_error: BadCSRFToken, request: Request) -> Response:
    """Show a form whose page was too old once more, with everything that was typed, to be sent by its button."""
    draft = drafts.read(request, drafts.keep(request))
    assert draft is not None  # noqa: S101 - narrows the type: it was made just now
    return show_draft(request, draft, by_itself=False, status=400)


@exception_view_config(HTTPTooManyRequests, accounts_help=True)
@exception_view_config(Busy, accounts_help=True)
def send_later(error: HTTPTooManyRequests | Busy, request: Request) -> Response:
    """Show what was typed into a form that may be sent again a little later, with the button that sends it."""
    draft = drafts.read(request, drafts.keep(request))
    assert draft is not None  # noqa: S101 - narrows the type: it was made just now
    if "Retry-After" in error.headers:
        request.response.headers["Retry-After"] = error.headers["Retry-After"]
    reason = getattr(error, "reason", None) or _("That was too often. Wait a little, then send it again.")
    return show_draft(request, draft, by_itself=False, status=error.code, heading=reason)


@exception_view_config(ProofNeeded)
def ask_for_proof(_error: ProofNeeded, request: Request) -> Response:
    """Ask for the password; then the page is shown, or the form that was sent goes on. A program has none to give."""
    if prefers_json(request.environ):
        return http_exception(HTTPForbidden(_("Somebody has to be here for this, and give their password.")), request)
    if request.method != "POST":
        return HTTPSeeOther(request.route_path("accounts.prove", _query={NEXT: current_path(request)}))
    hidden = {NEXT: current_path(request), drafts.FIELD: drafts.keep(request)}
    return show(request, "prove", {"form": blank(ProveForm, request), "hidden": hidden}, HTTPForbidden.code)


@exception_view_config(InvalidToken)
def invalid_link(_error: InvalidToken, request: Request) -> Response:
    """One page for every link that is wrong, used, too old or overtaken (TOK-03)."""
    if prefers_json(request.environ):
        return http_exception(HTTPNotFound(), request)
    return show(request, "invalid_link", {}, 404)


@exception_view_config(LinkNotKept)
def link_not_kept(_error: LinkNotKept, request: Request) -> Response:
    """What to do where the browser did not keep the token of a link that was opened."""
    return show(request, "open_again", {}, 404)


@exception_view_config(Refused)
def refused(error: Refused, request: Request) -> Response:
    """What the rules of the site forbid, in a sentence."""
    if prefers_json(request.environ):
        return http_exception(HTTPForbidden(error.reason), request)
    return show(request, "refused", {"reason": error.reason}, HTTPForbidden.code)


def _step(request: Request) -> str | None:
    """The route of the page that is between the visitor and what they asked for; None when nothing would help."""
    identity = request.__dict__.get("flasky_identity")
    if identity is None:
        return "accounts.login"
    if identity.deletion_due_at is not None:
        return "accounts.delete"
    if not identity.confirmed:
        return "accounts.unconfirmed"
    if identity.needs_second_factor:
        return "accounts.two_factor"
    return None


def _was_typed(request: Request) -> bool:
    """Whether there is anything to keep, and it fits."""
    draft = drafts.read(request, drafts.keep(request))
    return draft is not None and any(value for _name, value in draft.fields)


def _was_sent_by_own_page(request: Request) -> bool:
    """Whether the browser itself vouches for it: only then may a form be offered again with a good token (CSR-03)."""
    origin = request.headers.get("Origin")
    return request.headers.get("Sec-Fetch-Site") == "same-origin" or origin in allowed_origins(request)


def includeme(config: Configurator) -> None:
    """Add the predicate."""
    config.add_view_predicate("accounts_help", Help)
