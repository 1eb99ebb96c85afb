"""Credentials: what a program sends with a request to an API resource to say who it acts for (CSR-05).

Browsers send cookies by themselves, so a page of another site can make them act; nobody but a program that holds it
sends an `Authorization` header. So the header of a declared scheme alone decides who is asking, the request needs no
CSRF token, and the cookies beside it are not looked at. That holds for the routes of API resources only: a page is
never opened with a credential, and what a proxy asks for (`Basic`) is not taken for one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.events import BeforeTraversal
from pyramid.exceptions import ConfigurationError
from pyramid.httpexceptions import HTTPForbidden, HTTPUnauthorized
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.api_resources import RESOURCES
from flasky.errors.fixed import RESOURCE
from flasky.extension_points import ExtensionPoint
from flasky.languages import _
from flasky.security.policy import Identity

CREDENTIALS = ExtensionPoint("flasky.credentials", "credential")

#: Given the request and what follows the scheme in its header: who that is for, or None for nobody.
Provider = Callable[[Request, str], Identity | None]

#: RFC 9110 allows more signs; no scheme that is registered has them.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_KNOWN = "flasky_credential"
_IDENTITY = "flasky_identity"


class Credential(NamedTuple):
    """A scheme of the `Authorization` header, as its specification writes it, and who reads it."""

    scheme: str
    provider: Provider


class CredentialNeeded(HTTPUnauthorized):  # type: ignore[misc] # Pyramid has no types
    """Nobody is known, and the address is not for everybody. `challenge` says which credentials would do."""

    text_for_visitors = _("You have to say who you are: send an access token in the header Authorization.")

    def __init__(self, challenge: str) -> None:
        super().__init__(self.text_for_visitors, headers=[("WWW-Authenticate", challenge)])


class InvalidCredential(CredentialNeeded):
    """What was sent is nobody's: wrong, expired, revoked, or its owner may not be here. It is not told which."""

    text_for_visitors = _("This access token is not valid. It may have expired, or somebody revoked it.")


class CredentialTooWeak(HTTPForbidden):  # type: ignore[misc] # Pyramid has no types
    """Who the credential is for is known, and may not do this with it (RFC 6750, 3.1)."""

    text_for_visitors = _("This access token may not do this, or the member that it is for may not.")

    def __init__(self, scheme: str, result: Any) -> None:
        """`result` is what the security policy said."""
        headers = [("WWW-Authenticate", f'{scheme} error="insufficient_scope"')]
        super().__init__(self.text_for_visitors, headers=headers, result=result)


def add_credential(config: Configurator, scheme: str, provider: Provider | str) -> None:
    """Directive `config.add_credential("Bearer", provider)`: what programs may say in `Authorization` who they are by.

    `provider`, a function or its dotted name, is given the request and the text after the scheme, once for each request
    to the route of an API resource that has the header. It returns an identity as `set_identity` wants it, or None: the
    answer is then 401, also where everybody may read. It may raise an HTTP exception, as for too many requests. Raises
    ConfigurationError for what is no scheme.
    """
    if not _SCHEME.fullmatch(scheme):
        raise ConfigurationError(f"{config.package_name}: the credential {scheme!r} must be a scheme, as in 'Bearer'")
    CREDENTIALS.contribute(config, scheme.lower(), Credential(scheme, config.maybe_dotted(provider)))


def has_credential(request: Request) -> bool:
    """Whether it was a credential of this request that said who sends it."""
    return _KNOWN in request.__dict__


def check_credential(request: Request, permission: str | None) -> None:
    """Find out who the credential of a request to an API resource is for; before any view, for all of them alike.

    `permission` is what the view asks for. Raises InvalidCredential, CredentialNeeded where nobody is known, and
    CredentialTooWeak where the credential does not give it.
    """
    _identify(request)
    if permission == NO_PERMISSION_REQUIRED:
        return
    if request.identity is None and (known := schemes(request.registry)):
        raise CredentialNeeded(", ".join(known))
    if permission and has_credential(request) and not (result := request.has_permission(permission)):
        raise CredentialTooWeak(request.__dict__[_KNOWN], result)


def schemes(registry: Registry) -> list[str]:
    """The schemes of this site; none where no plug-in adds one."""
    return [item.scheme for item in CREDENTIALS.contributions(registry).values()]


def _identify(request: Request) -> None:
    scheme, _space, text = request.environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    credential: Credential | None = CREDENTIALS.contributions(request.registry).get(scheme.lower())
    if credential is None:
        return
    # Nobody while it is found out, whoever was asked for before: the cookies must not be looked at even if it fails.
    request.__dict__[_IDENTITY] = None
    identity = credential.provider(request, text.strip())
    if identity is None:
        raise InvalidCredential(f'{credential.scheme} error="invalid_token"')
    request.__dict__[_IDENTITY] = identity
    request.__dict__[_KNOWN] = credential.scheme


def mark_resource(event: BeforeTraversal) -> None:
    """Leave in the environ of a request that it is for an API resource."""
    request = event.request
    route = getattr(request, "matched_route", None)
    if route is not None and RESOURCES.has(request.registry, route.name):
        request.environ[RESOURCE] = True


def includeme(config: Configurator) -> None:
    """Add the directive, and mark requests: before `flasky.security.methods` refuses one of them."""
    config.add_extension_point(CREDENTIALS, add_credential)
    config.add_subscriber(mark_resource, BeforeTraversal)
