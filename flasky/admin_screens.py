"""Administration screens: pages of plug-ins for those who look after the site, listed in one place.

A plug-in adds its route and view as any other page, and says with `config.add_admin_screen` that it is a screen:
what it is called, what it is for, and what a visitor needs to see it. `/administration` links to those that a visitor
may see.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.httpexceptions import HTTPForbidden
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.directives import ADMINISTERS
from flasky.extension_points import ExtensionPoint
from flasky.languages import _
from flasky.permissions import permissions
from flasky.route_views import route_views
from flasky.settings import Fault

SCREENS = ExtensionPoint("flasky.admin_screens", "administration screen")
#: The page that lists them.
ROUTE = "flasky.administration"


class AdminScreen(NamedTuple):
    """A page for administrators: its route, title and purpose, and the permission that its view asks for."""

    route: str
    title: Any
    permission: str
    description: Any
    order: int


def add_admin_screen(
    config: Configurator, route: str, title: Any, *, permission: str, description: Any = "", order: int = 100
) -> None:
    """Directive `config.add_admin_screen("polls.admin", _("Polls"), permission="polls.manage")`.

    `route` has no placeholders, and its view for GET asks for the same `permission`: both are checked at start.
    Screens are listed by `order`, those of equal order in the plug-ins' order. Raises ConfigurationError without a
    permission.
    """
    if not permission:
        raise ConfigurationError(f"{config.package_name}: the administration screen {route!r} needs a permission")
    SCREENS.contribute(config, route, AdminScreen(route, title, permission, description, order))


def admin_screens(registry: Registry) -> list[AdminScreen]:
    """Every screen of the enabled plug-ins, in the order in which they are listed."""
    return sorted(SCREENS.contributions(registry).values(), key=lambda screen: screen.order)


def visible_screens(request: Request) -> list[AdminScreen]:
    """The screens that whoever sends the request may see."""
    identity = request.identity
    held = identity.permissions if identity is not None else frozenset()
    return [screen for screen in admin_screens(request.registry) if screen.permission in held]


def may_administer(registry: Registry, held: Collection[str]) -> bool:
    """Whether somebody who holds these permissions may see any of the screens."""
    return any(screen.permission in held for screen in admin_screens(registry))


def faults_of_screens(registry: Registry) -> list[Fault]:
    """Screens whose route, view or permission is not what it should be."""
    screens = admin_screens(registry)
    if not screens:
        return []
    rows = route_views(registry)
    known = {row.route: row.pattern for row in rows}
    asked = {row.route: row.permission for row in rows if row.view and (not row.methods or "GET" in row.methods)}
    declared = permissions(registry)
    return [
        SCREENS.fault(registry, screen.route, problem, remedy)
        for screen in screens
        for problem, remedy in _problems(screen, known, asked, set(declared))
    ]


def _problems(
    screen: AdminScreen, known: dict[str, str], asked: dict[str, str], declared: set[str]
) -> Iterator[tuple[str, str]]:
    if screen.permission not in declared:
        near = difflib.get_close_matches(screen.permission, declared, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Add config.declare_permission({screen.permission!r}, …)"
        yield f"asks for the permission {screen.permission!r}, which no enabled plug-in declares", remedy
    if screen.route not in known:
        yield "has no route", f"Add config.add_route({screen.route!r}, …)"
    elif "{" in known[screen.route] or "*" in known[screen.route]:
        yield f"has the pattern {known[screen.route]!r}", "Give it a route without placeholders: it is linked to"
    elif screen.route not in asked:
        yield "has no view for GET", "Add one, with the screen's permission"
    elif asked[screen.route] != screen.permission:
        yield (
            f"says permission={screen.permission!r}, and its view {asked[screen.route]!r}",
            "Say the same in both: who may not see the page should not see a link to it",
        )


@view_config(
    route_name=ROUTE,
    request_method="GET",
    # Which permission it takes depends on the screens: any of theirs will do.
    permission=NO_PERMISSION_REQUIRED,
    renderer="administration.jinja2",
    statements=1,
)
def show_screens(request: Request) -> dict[str, Any]:
    """The screens that the visitor may see; who may see none is refused."""
    screens = visible_screens(request)
    if not screens:
        raise HTTPForbidden
    return {"screens": screens}


def includeme(config: Configurator) -> None:
    """Add the directive, its check, and the page that lists the screens."""
    config.add_extension_point(SCREENS, add_admin_screen)
    config.add_start_check(faults_of_screens)
    config.add_route(ROUTE, "/administration")
    config.add_navigation(ROUTE, _("Administration"), permission=ADMINISTERS, order=910, area="account")
    config.scan(__name__)
