"""The site's cookies: one way to name and set them.

On https the name begins with ``__Host-``, which makes the browser refuse the cookie with a Domain, without Secure
or from a sub-domain (SES-01). On plain http (development) that prefix is impossible, so it is left away.
"""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response


def cookie_name(request: Request, name: str) -> str:
    """The full name of the site's cookie `name` for this request."""
    return f"__Host-{name}" if request.scheme == "https" else name


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
        secure=request.scheme == "https",
        httponly=httponly,
        samesite="Lax",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Make the browser forget the site's cookie `name`."""
    set_cookie(request, response, name, "", max_age=0)
