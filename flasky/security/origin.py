"""Where a request came from, by the two headers that a browser never lets a page forge (CSR-03)."""

from __future__ import annotations

from pyramid.request import Request

from flasky.errors.exceptions import RefusedOrigin
from flasky.languages import _
from flasky.site import get_site

_OWN = frozenset({"same-origin", "none"})


def check_origin(request: Request) -> None:
    """Raise RefusedOrigin when a browser says that another site's page sent this request.

    A request without both headers passes: it comes from a program, or from a browser that is older than both,
    and still needs its token. `Origin: null` (a sandboxed or redirected page) is another site, and so is a
    sub-domain of this one (`Sec-Fetch-Site: same-site`).
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OWN:
        raise RefusedOrigin(
            seen=f"Sec-Fetch-Site: {ascii(site[:40])[1:-1]}",
            expected=_("same-origin: a page of this site sends the form"),
            setting="flasky.base_url",
        )
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (expected := allowed_origins(request)):
        raise RefusedOrigin(
            seen=f"Origin: {ascii(origin[:200])[1:-1]}",
            expected=" or ".join(sorted(expected)),
            setting="flasky.base_url",
        )


def allowed_origins(request: Request) -> set[str]:
    """The origins that count as this site: the address it was called by, and its public address.

    Behind a proxy that ends TLS the server may see plain http; browsers then name the public address.
    """
    return {request.host_url, get_site(request.registry).settings["flasky.base_url"]}
