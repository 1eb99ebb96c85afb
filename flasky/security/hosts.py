"""Which host names this site answers to, and who is at the other end (RED-02, RED-03, P14).

Whatever stands in the Host header ends up in links, so a request for an unknown host is refused before anything
reads it. What a client says about forwarding is dropped: a server behind a trusted proxy has already put the
proxy's word into the address and the scheme.
"""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNoContent, HTTPPermanentRedirect
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.tweens import EXCVIEW

from flasky.errors.exceptions import RefusedHost
from flasky.site import Site, get_site

Handler = Callable[[Request], Response]

#: A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port.
_HOST = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
#: The names of the machine itself, for whoever develops on it.
_OWN_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORTS = frozenset({"", "80", "443"})
#: The ports that an address of each scheme need not say.
_OWN_PORTS = {"http": ":80", "https": ":443"}

#: What only a proxy may say. The server drops or uses it; what is left was said by a stranger.
_FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SCHEME",
    "HTTP_X_FORWARDED_SSL",
    "HTTP_X_HTTP_METHOD_OVERRIDE",
    "HTTP_X_ORIGINAL_URL",
    "HTTP_X_REAL_IP",
    "HTTP_X_REWRITE_URL",
    "HTTP_X_SCHEME",
    "HTTP_X_VHM_ROOT",
)


class Hosts:
    """The host names of one site."""

    def __init__(self, site: Site) -> None:
        base = urlsplit(site.settings["flasky.base_url"])
        name = base.hostname or ""
        #: What stands in for a refused Host, so that the page that refuses it does not repeat it in its links.
        self.own = base.netloc
        self._names = {f"[{name}]" if ":" in name else name}
        self._names.update(host.lower() for host in site.settings["flasky.hosts"] if not host.startswith("."))
        self._suffixes = tuple(host.lower() for host in site.settings["flasky.hosts"] if host.startswith("."))
        self._ports = {*_DEFAULT_PORTS, str(base.port or "")}
        self._machine = frozenset() if site.in_production else _OWN_MACHINE

    def accept(self, host: str) -> bool:
        """Whether the Host header `host` names this site, with a port that the site is at."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name, port = match[1].lower(), match[2] or ""
        if name in self._machine:
            return True
        known = name in self._names or (bool(self._suffixes) and name.endswith(self._suffixes))
        return known and port in self._ports

    @property
    def expected(self) -> str:
        """The names that are accepted, for whoever is refused."""
        names = sorted({*self._names, *self._machine, *(f"*{suffix}" for suffix in self._suffixes)} - {""})
        return " or ".join(names)


def drop_forwarding(environ: MutableMapping[str, Any]) -> None:
    """Forget what the client says about forwarding; no part of the site may believe it."""
    for name in _FORWARDING:
        if name in environ:
            del environ[name]


def check_hosts(handler: Handler, registry: Registry) -> Handler:
    """A tween that refuses a request for another host."""
    hosts = Hosts(get_site(registry))
    # Almost every request names one of a few hosts; an attacker's are never kept.
    known: set[str] = set()

    https = get_site(registry).settings["flasky.base_url"].startswith("https://")

    def checked(request: Request) -> Response:
        environ = request.environ
        # Whoever says so: it is the visitor's own loss, and a proxy that says nothing is not sent in circles.
        by_http = https and environ.get("HTTP_X_FORWARDED_PROTO", "").lower() == "http"
        drop_forwarding(environ)
        host = environ.get("HTTP_HOST", "")
        if host not in known:
            if not hosts.accept(host):
                environ["HTTP_HOST"] = hosts.own
                raise RefusedHost(seen=f"Host: {_printable(host)}", expected=hosts.expected, setting="flasky.hosts")
            if len(known) < 100:
                known.add(host)
        target = environ.get("REQUEST_URI", "/")
        if not target.startswith("/"):
            if target == "*" and request.method == "OPTIONS":
                return HTTPNoContent()
            _check_target(target, host)
        return handler(request) if not by_http else _to_https(request, host)

    return checked


def _check_target(target: str, host: str) -> None:
    """A whole address in place of a path names the host that counts, whatever `host` says (RFC 9112, 3.2.2).

    Two that differ belong to an attempt at something. What is neither a path nor an address is for proxies.
    """
    scheme, _, rest = target.partition("://")
    own_port = _OWN_PORTS.get(scheme.lower())
    named = re.split("[/?#]", rest, maxsplit=1)[0].lower()
    if own_port is None or named.removesuffix(own_port) != host.lower().removesuffix(own_port):
        raise RefusedHost(seen=_printable(target), expected=f"http://{host}/…", setting="flasky.hosts")


def _to_https(request: Request, host: str) -> Response:
    """The same page of the same host by https (HDR-03). What was sent unencrypted is never worked on."""
    if request.method not in {"GET", "HEAD"}:
        raise RefusedHost(seen="http", expected="https", setting="flasky.base_url")
    name = host.partition(":")[0] if not host.startswith("[") else host.partition("]")[0] + "]"
    return HTTPPermanentRedirect(location=f"https://{name}{request.path_qs}")


def _printable(host: str) -> str:
    return ascii(host[:100])[1:-1] if host else "nothing"


def peer(request: Request) -> str:
    """`request.peer`: the address of whoever sends the request, as the server knows it; empty for a local socket."""
    address: str = request.environ.get("REMOTE_ADDR") or ""
    return address


def public_url(request: Request, path: str) -> str:
    """`request.public_url(path)`: a path of this site (`route_path`, `asset_url`) at `flasky.base_url`.

    For what is kept elsewhere, as the ids of a feed or a canonical address: it is the same by whichever of the site's
    names (`flasky.hosts`) somebody came. Without a base URL it is at the name by which they came.
    """
    base: str = get_site(request.registry).settings["flasky.base_url"]
    return f"{base or request.host_url}{path}"


def includeme(config: Configurator) -> None:
    """Check each request's host below the exception views, so that the refusal is a page like any other."""
    config.add_tween("flasky.security.hosts.check_hosts", under=EXCVIEW)
    config.add_request_method(peer, "peer", reify=True)
    config.add_request_method(public_url, "public_url")
