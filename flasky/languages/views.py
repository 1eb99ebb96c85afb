"""The switch in the footer."""

from __future__ import annotations

from pyramid.csrf import check_csrf_token
from pyramid.httpexceptions import HTTPBadRequest, HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import LANGUAGES, LanguageChosen, known_identity
from flasky.languages.switching import remember
from flasky.redirects import safe_next


@view_config(
    route_name="flasky.language",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    # The one named exception (CSR-01): a public page has no token, and this sets only the sender's own display
    # cookie. Where the request came from is still checked.
    require_csrf=False,
)
def choose(request: Request) -> Response:
    """Remember the language for a year and go back to the page that the visitor was on."""
    language = request.POST.get("language")
    if language not in LANGUAGES:
        raise HTTPBadRequest(f"language must be one of {', '.join(LANGUAGES)}")
    # A member's setting is more than a display cookie: it changes with a token or not at all.
    if known_identity(request) is not None and check_csrf_token(request, raises=False):
        request.registry.notify(LanguageChosen(request, language))
    response = HTTPSeeOther(safe_next(request, request.POST.get("next")))
    remember(request, response, language)
    return response
