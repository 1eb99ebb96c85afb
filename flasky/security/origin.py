"""Where a request came from, by the two headers that a browser never lets a page forge."""

from __future__ import annotations

from pyramid.request import Request

from flasky.errors.exceptions import RefusedOrigin
from flasky.site import get_site


def check_origin(request: Request) -> None:
    """Raise RefusedOrigin when a browser says that another site's page sent this request.

    A request without both headers passes: it comes from a program, or from a browser that is older than both,
    and still needs its token. `Origin: null` (a sandboxed or redirected page) is another site.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        raise RefusedOrigin(seen=f"Sec-Fetch-Site: {site}", expected="same-origin", setting="flasky.base_url")
    origin = request.headers.get("Origin")
    if origin is None:
        return
    expected = allowed_origins(request)
    if origin not in expected:
        raise RefusedOrigin(
            seen=f"Origin: {origin}", expected=" or ".join(sorted(expected)), setting="flasky.base_url"
        )


def allowed_origins(request: Request) -> set[str]:
    """The origins that count as this site: the address it was called by, and its public address."""
    return {request.host_url, get_site(request.registry).settings["flasky.base_url"]}
