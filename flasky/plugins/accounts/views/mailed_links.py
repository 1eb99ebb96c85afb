"""Mailed links: their token leaves the address bar as soon as they are opened (TOK-04).

The address that was mailed answers with a redirect to one that has a fingerprint in the token's place, and the browser
keeps the token in a cookie for that one address (docs/decisions/0056-tokens-of-links.md). Nothing is stored here, so
programs that open every link of a mail use nothing up.
"""

from __future__ import annotations

import hashlib

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response

from flasky.cookies import cookie_name, delete_cookie, set_cookie
from flasky.plugins.accounts.errors import InvalidToken
from flasky.plugins.accounts.work import work_of
from flasky.security.keys import Signer

#: How long the page of a link may stay open before its button is pressed.
LIFETIME_SECONDS = 3600
_COOKIE = "link"
#: No token begins like this: a full stop is in none that is stored, and the claim link's begins with a number.
_OPENED = "opened."


class LinkNotKept(InvalidToken):
    """The browser does not bring the token of this page: it takes no cookies, or the page was open for too long."""


def secret_of(request: Request) -> str:
    """The token of the link whose page is asked for. Raises LinkNotKept.

    Where a form of that page is posted and taken, the browser is told to forget it.
    """
    given: str = request.matchdict["token"]
    if not given.startswith(_OPENED):
        return given
    path = request.route_path(request.matched_route.name, token=given)
    kept = request.cookies.get(cookie_name(request, _COOKIE, path=path), "")
    made, _space, secret = (_signer(request).verify(kept) or "0 ").partition(" ")
    # The fingerprint: of two links in two tabs, each page acts on its own.
    if not 0 <= work_of(request).now().timestamp() - int(made) < LIFETIME_SECONDS or _opened(secret) != given:
        raise LinkNotKept
    if request.method == "POST":
        request.add_response_callback(_forget_when_taken)
    return secret


def is_in_address(request: Request) -> bool:
    """Whether the address that is asked for holds the token itself."""
    return not request.matchdict["token"].startswith(_OPENED)


def put_away(request: Request, secret: str) -> Response:
    """Give the browser the good token of this address to keep, and lead it to the page without."""
    path = request.route_path(request.matched_route.name, token=_opened(secret))
    response = HTTPSeeOther(path)
    kept = _signer(request).sign(f"{int(work_of(request).now().timestamp())} {secret}")
    set_cookie(request, response, _COOKIE, kept, max_age=LIFETIME_SECONDS, path=path)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _forget_when_taken(request: Request, response: Response) -> None:
    if response.status_code < 400:
        delete_cookie(
            request, response, _COOKIE, path=request.route_path(request.matched_route.name, **request.matchdict)
        )


def _opened(secret: str) -> str:
    # 64 bits of a digest tell two links apart and nothing about either.
    return _OPENED + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _signer(request: Request) -> Signer:
    return Signer(request.registry, "accounts.link")
