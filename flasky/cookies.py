"""The site's cookies: one way to name and set them.

Where the site is on https the name begins with ``__Host-``, which makes the browser refuse the cookie with a Domain,
without Secure or from a sub-domain (SES-01). On plain http (development) that prefix is impossible, so it is left
away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flasky.site import get_site

if TYPE_CHECKING:
    from pyramid.request import Request
    from pyramid.response import Response


def _on_https(request: Request) -> bool:
    """Whether browsers reach the site by https: behind a proxy that ends TLS the server may not know it."""
    if request.scheme == "https":
        return True
    base_url: str = get_site(request.registry).settings["flasky.base_url"]
    return base_url.startswith("https://")


def cookie_name(request: Request, name: str) -> str:
    """The full name of the site's cookie `name` for this request."""
    return f"__Host-{name}" if _on_https(request) else name


def set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    httponly: bool = True,
) -> None:
    """Set the site's cookie `name`, for the browser's session or for `max_age` seconds.

    `value` must be ASCII without blanks, commas, semicolons and quotes, and short: a browser drops what is over
    4096 bytes (SES-09).
    """
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=_on_https(request),
        httponly=httponly,
        samesite="Lax",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Make the browser forget the site's cookie `name`."""
    set_cookie(request, response, name, "", max_age=0)
