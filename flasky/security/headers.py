"""The headers that every answer carries, and what a shared cache may keep (HDR-01, HDR-04, HDR-07, HDR-08).

`headers_for` is called by the outermost layer for each answer, whoever made it. A plug-in cannot take a header of
the set away: a policy that a view sends itself is enforced by browsers beside the site's, never instead of it.
What a plug-in needs from elsewhere it asks for with `config.add_csp_source`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.events import NewResponse
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.errors.fixed import RESOURCE
from flasky.site import get_site

Headers = list[tuple[str, str]]

_SOURCES_KEY = "flasky.csp_sources"
_HEADERS_KEY = "flasky.headers"
_CSP = "content-security-policy"
_PERSONAL = "flasky_personal"
#: By which an answer says itself how long it is kept.
_ABOUT_CACHES = frozenset({"cache-control", "expires"})

#: HDR-01: what a page may load and do when no plug-in asked for more.
BASE_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "object-src": "'none'",
}

#: Directives that a plug-in may widen. The others are the frame of the policy: widened, they protect nothing.
_WIDENED = frozenset(
    {
        "script-src",
        "style-src",
        "img-src",
        "font-src",
        "connect-src",
        "form-action",
        "frame-src",
        "media-src",
        "manifest-src",
        "worker-src",
    }
)
#: Where `data:` is an image or a sound and not code.
_DATA_IS_HARMLESS = frozenset({"img-src", "font-src", "media-src"})
#: One https host, with an optional port and path.
_HOST_SOURCE = r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
#: The fingerprint of one script or style.
_HASH_SOURCE = r"'sha(?:256|384|512)-[A-Za-z0-9+/]{40,90}={0,2}'"

_UNUSED_FEATURES = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
)

#: HDR-04, in the order in which they are sent. Referrer-Policy must not be no-referrer: browsers would then send
#: `Origin: null` with every form, which is refused.
_FIXED: tuple[tuple[str, str], ...] = (
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES),
    ),
)
_HSTS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
_HSTS_PRELOAD = (_HSTS[0], f"{_HSTS[1]}; preload")

#: HDR-08: what tells an attacker which software, in which version, answers.
_UNWANTED = frozenset({"server", "x-powered-by"})


def headers_for(registry: Registry, _environ: Mapping[str, Any], existing: Headers) -> Headers:
    """The complete header list of an answer: `existing`, and what is missing of the site's set.

    A header that `existing` has is kept, except that the site's Content-Security-Policy is always there (browsers
    enforce every policy that they get, so a view's own can only be stricter), and that none names the software.
    """
    wanted = registry.get(_HEADERS_KEY)
    if wanted is None:
        wanted = registry[_HEADERS_KEY] = _precomputed(registry)
    present = {name.lower() for name, _ in existing}
    complete = (
        [header for header in existing if header[0].lower() not in _UNWANTED] if present & _UNWANTED else list(existing)
    )
    for key, header in wanted:
        if key not in present or (key == _CSP and header[1] not in {value for _, value in existing}):
            complete.append(header)
    return complete


def policy(registry: Registry) -> str:
    """The Content-Security-Policy of this site, with what plug-ins asked for."""
    directives = dict(BASE_POLICY)
    for directive, source in sorted(registry.get(_SOURCES_KEY, ())):
        # A directive that is not in the base falls back to default-src, which is 'none'.
        sources = directives.get(directive, "").split()
        directives[directive] = " ".join(sources if source in sources else [*sources, source])
    return "; ".join(f"{directive} {sources}" for directive, sources in directives.items())


def _precomputed(registry: Registry) -> tuple[tuple[str, tuple[str, str]], ...]:
    headers = [("Content-Security-Policy", policy(registry)), *_FIXED]
    if get_site(registry).settings["flasky.base_url"].startswith("https://"):
        headers.append(_HSTS_PRELOAD if get_site(registry).settings["flasky.hsts_preload"] else _HSTS)
    return tuple((header[0].lower(), header) for header in headers)


def add_csp_source(config: Configurator, directive: str, source: str) -> None:
    """Directive `config.add_csp_source("img-src", "https://images.example.com")`: let pages load from there too.

    `source` is one https host, `'self'`, the hash of a script or style, or `data:` for pictures, fonts and media.
    Raises ConfigurationError for anything that would open the policy to everybody: unsafe-*, wildcards, whole
    schemes, and the directives that nobody may widen.
    """
    if problem := _refusal(directive, source):
        raise ConfigurationError(f"{config.package_name}: add_csp_source({directive!r}, {source!r}): {problem}")
    introspectable = config.introspectable(
        "flasky csp", (directive, source, config.package_name), f"{directive} {source}", "content security policy"
    )
    introspectable["directive"] = directive
    introspectable["source"] = source
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(_SOURCES_KEY, set()).add((directive, source))

    # Two plug-ins that need the same source do not conflict.
    discriminator = ("flasky.csp", directive, source, config.package_name)
    config.action(discriminator, register, introspectables=(introspectable,))


def _refusal(directive: str, source: str) -> str:
    if directive not in _WIDENED:
        return f"only {', '.join(sorted(_WIDENED))} can be widened"
    if source == "data:":
        if directive in _DATA_IS_HARMLESS:
            return ""
        return "data: is allowed in img-src, font-src and media-src only; elsewhere it is code"
    if source == "'self'" or re.fullmatch(_HASH_SOURCE, source) or re.fullmatch(_HOST_SOURCE, source):
        return ""
    return "expected one host as in https://images.example.com, without wildcards, or 'self', or a hash"


def keep_private(event: NewResponse) -> None:
    """Tell caches whether an answer may be kept (HDR-07).

    An answer to somebody who is signed in, one that holds a CSRF token, and one that sets a cookie are for one
    visitor only: no-store. An answer for which it was asked who is there varies by cookie, one of an API resource by
    the credential; the version of such a one stays known to the program that asked for it, as it changes that version
    and no other (`If-Match`).

    Any other answer that says nothing of it itself is asked for anew each time (no-cache): a cache that is told nothing
    would keep it for as long as it likes, and show what a moderator has hidden since.
    """
    resource = RESOURCE in event.request.environ
    attributes = event.request.__dict__
    asked = "flasky_identity" in attributes
    personal = is_personal(event.request) or (asked and attributes["flasky_identity"] is not None)
    headers = event.response.headers
    said = {name.lower() for name, _ in event.response.headerlist}
    if personal or "set-cookie" in said:
        headers["Cache-Control"] = "no-store"
        for name in ("Expires", "Pragma") if resource else ("Expires", "Pragma", "ETag", "Last-Modified"):
            headers.pop(name, None)
    elif said.isdisjoint(_ABOUT_CACHES):
        headers.add("Cache-Control", "no-cache")
    if asked or personal:
        _vary_by(headers, "Cookie")
    if resource:
        _vary_by(headers, "Authorization")


def mark_personal(request: Request) -> None:
    """Say that the answer to `request` holds something of this visitor alone, such as a token: no cache keeps it."""
    request.__dict__[_PERSONAL] = True


def is_personal(request: Request) -> bool:
    """Whether `mark_personal` was called for `request` so far."""
    return _PERSONAL in request.__dict__


def _vary_by(headers: Any, header: str) -> None:
    vary = headers.get("Vary", "")
    names = {name.strip().lower() for name in vary.split(",")}
    if header.lower() not in names and "*" not in names:
        headers["Vary"] = f"{vary}, {header}" if vary else header


def includeme(config: Configurator) -> None:
    """Add the directive, and the rule about caches."""
    config.add_directive("add_csp_source", add_csp_source)
    config.add_subscriber(keep_private, NewResponse)
