"""The site's cookies: one way to name and set them.

Where the site is on https the name begins with ``__Host-``, which makes the browser refuse the cookie with a Domain,
without Secure or from a sub-domain (SES-01). A cookie for one page only, which that prefix forbids, begins with
``__Secure-``. On plain http (development) both are impossible, so they are left away.
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


def cookie_name(request: Request, name: str, *, path: str = "/") -> str:
    """The full name of the site's cookie `name` for this request; `path` is where the browser sends it."""
    if not _on_https(request):
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"


def set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    httponly: bool = True,
    path: str = "/",
) -> None:
    """Set the site's cookie `name`, for the browser's session or for `max_age` seconds.

    The browser sends it with the pages under `path`, as addresses have it (quoted, with the prefix of the site).
    `value` must be ASCII without blanks, commas, semicolons and quotes, and short: a browser drops what is over
    4096 bytes (SES-09).
    """
    response.set_cookie(
        cookie_name(request, name, path=path),
        value,
        max_age=max_age,
        path=path,
        secure=_on_https(request),
        httponly=httponly,
        samesite="Lax",
    )


def delete_cookie(request: Request, response: Response, name: str, *, path: str = "/") -> None:
    """Make the browser forget the site's cookie `name`, which was set for `path`."""
    set_cookie(request, response, name, "", max_age=0, path=path)
