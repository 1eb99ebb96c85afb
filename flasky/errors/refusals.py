"""Requests that the server refuses before they are whole: which error page each gets."""

from __future__ import annotations

from typing import Any

from pyramid.events import NewResponse
from pyramid.httpexceptions import HTTPException, HTTPRequestEntityTooLarge, status_map
from pyramid.response import Response

from flasky.errors.views import http_exception
from flasky.languages import _, say_language
from flasky.security.cookie_header import clean_cookies

#: Where the server leaves the refusal for the application; no header of a request gets a key of this form.
REFUSED = "flasky.refused"


def refusal(error: Any, limit: int) -> HTTPException:
    """waitress's `error` as an exception whose page can be shown. `limit`: bytes that a body may have."""
    if error.code == HTTPRequestEntityTooLarge.code:
        text = _("What you sent has more than the ${limit} bytes that this site takes. Send less at once.")
        return HTTPRequestEntityTooLarge(_(text, mapping={"limit": limit}))
    # What waitress quotes is a line of the header, which may hold a cookie.
    return status_map[error.code](error.body.partition('"')[0].strip())


def answer_refusal(router: Any, environ: dict[str, Any]) -> Response:
    """The page for the refusal in `environ`, by Pyramid's `router`; no tween, view, session or database has a part."""
    error: HTTPException = environ[REFUSED]
    clean_cookies(environ)
    with router.request_context(environ) as request:
        # As on every error page: who is signed in is not asked.
        request.exception = error
        response = http_exception(error, request)
        say_language(NewResponse(request, response))
    return response
