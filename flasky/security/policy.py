"""Who may what: every view is closed unless it names a permission that the visitor has, or says it is public.

Who the visitor is, a plug-in tells (`config.set_identity`): a function of the request that returns None or an
object with `permissions`. Without such a plug-in nobody is signed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.security import Allowed, Denied

from flasky.database.statements import IDENTITY_STATEMENTS

#: What a view needs that names nothing: no role is ever granted it.
NOBODY = "flasky.nobody"

_REGISTRY_KEY = "flasky.identity"


class Identity(Protocol):
    """Somebody who is signed in, as the kernel sees them."""

    @property
    def userid(self) -> str:
        """Who it is, for the log."""

    @property
    def permissions(self) -> frozenset[str]:
        """The names of everything they may do."""

    @property
    def language(self) -> str | None:
        """The language they chose, or None for the browser's."""

    @property
    def timezone(self) -> str | None:
        """The time zone they chose, by its IANA name, or None for the browser's."""


IdentityProvider = Callable[[Request], Identity | None]


class SecurityPolicy:
    """Pyramid's security policy of every Flasky site."""

    def identity(self, request: Request) -> Identity | None:
        """Who sends the request; asked once a request."""
        return request.flasky_identity  # type: ignore[no-any-return]

    def authenticated_userid(self, request: Request) -> str | None:
        """The name that the log gives to whoever sends the request."""
        identity = self.identity(request)
        return None if identity is None else identity.userid

    def permits(self, request: Request, _context: Any, permission: str) -> Allowed | Denied:
        """Allow what the identity's permissions name."""
        identity = self.identity(request)
        if identity is None:
            return Denied(f"{permission} is needed and nobody is signed in")
        if permission in identity.permissions:
            return Allowed(f"{identity.userid} has {permission}")
        return Denied(f"{permission} is needed and {identity.userid} does not have it")

    def remember(self, _request: Request, _userid: str, **_options: Any) -> list[tuple[str, str]]:
        """Nothing: the plug-in that signs people in keeps its own session."""
        return []

    def forget(self, _request: Request, **_options: Any) -> list[tuple[str, str]]:
        """Nothing: the plug-in that signs people in keeps its own session."""
        return []


def set_identity(config: Configurator, provider: IdentityProvider | str) -> None:
    """Directive `config.set_identity(function)`: how this site knows who sends a request. One plug-in may."""
    function = config.maybe_dotted(provider)

    def register() -> None:
        config.registry[_REGISTRY_KEY] = function

    introspectable = config.introspectable("flasky identity", "identity", repr(function), "identity provider")
    config.action("flasky.identity", register, introspectables=(introspectable,))


def _identity(request: Request) -> Identity | None:
    provider = request.registry.get(_REGISTRY_KEY)
    sent: list[str] = getattr(request, "statements", [])
    before = len(sent)
    identity: Identity | None = provider(request) if provider else None
    # Any page may meet a visitor who is signed in; what finding that out costs is not in the page's budget.
    request.environ[IDENTITY_STATEMENTS] = len(sent) - before
    return identity


def includeme(config: Configurator) -> None:
    """Close every view that does not say otherwise."""
    config.add_directive("set_identity", set_identity)
    config.add_request_method(_identity, "flasky_identity", reify=True)
    config.set_security_policy(SecurityPolicy())
    config.set_default_permission(NOBODY)
