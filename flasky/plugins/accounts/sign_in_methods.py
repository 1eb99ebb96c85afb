"""Sign-in methods: other ways than a password to say who one is, each from a plug-in.

The plug-in finds out who somebody is; `authentication.sign_in_by_method` decides whether they come in, with the same
limits, records and second factor as for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.extension_points import ExtensionPoint
from flasky.settings import Fault

METHODS = ExtensionPoint("accounts.sign_in_methods", "sign-in method")


class SignInMethod(NamedTuple):
    """A way to sign in: its name in the record of events, the words of its link, and the page that begins it."""

    name: str
    title: Any
    route: str
    order: int


def add_sign_in_method(config: Configurator, name: str, title: Any, *, route: str, order: int = 100) -> None:
    """Directive `config.add_sign_in_method("key.card", _("Sign in with a card"), route="key.card")`.

    The page for signing in links to `route`, which has no placeholders and gets `next` in its address; `name` is what
    `request.sign_in_as` is told. Methods are shown by `order`, those of equal order in the plug-ins' order.
    """
    METHODS.contribute(config, name, SignInMethod(name, title, route, order))


def sign_in_methods(registry: Registry) -> list[SignInMethod]:
    """Every method of the enabled plug-ins, in the order in which they are shown."""
    return sorted(METHODS.contributions(registry).values(), key=lambda method: method.order)


def faults_of_methods(registry: Registry) -> list[Fault]:
    """Methods whose page cannot be linked to."""
    routes = {item["introspectable"]["name"]: item["introspectable"] for item in _routes(registry)}
    faults = []
    for method in sign_in_methods(registry):
        route = routes.get(method.route)
        if route is None:
            problem = f"leads to the route {method.route!r}, which is not there"
            faults.append(METHODS.fault(registry, method.name, problem, f"Add config.add_route({method.route!r}, …)"))
        elif "{" in route["pattern"] or "*" in route["pattern"]:
            problem = f"leads to {route['pattern']!r}"
            faults.append(METHODS.fault(registry, method.name, problem, "Give it a route without placeholders"))
    return faults


def _routes(registry: Registry) -> Iterator[Any]:
    yield from registry.introspector.get_category("routes") or ()


def includeme(config: Configurator) -> None:
    """Add the directive and its check."""
    config.add_extension_point(METHODS, add_sign_in_method)
    config.add_start_check(faults_of_methods)
