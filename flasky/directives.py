"""Directives that plug-ins use in `includeme` for what Pyramid has no word for.

Each registers through `config.action`: two plug-ins that claim the same name are a conflict that Pyramid reports
with both places, and each leaves an introspectable that says which plug-in contributed it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.settings import Fault

#: What an entry of the navbar names as its permission to be seen only by visitors who are (not) signed in, or who
#: may see an administration screen.
ANONYMOUS = "flasky.anonymous"
SIGNED_IN = "flasky.signed_in"
ADMINISTERS = "flasky.administers"

_NAVIGATION = "flasky.navigation"
_SHELL_NAMES = "flasky.shell_names"
_START_CHECKS = "flasky.start_checks"


class Badge(NamedTuple):
    """A few signs beside a link, `3`, and what is read out instead of them: `3 unread`, translatable."""

    text: str
    label: Any


class NavigationEntry(NamedTuple):
    """A link in the navbar: the route it leads to, its text, who sees it and where it stands.

    `permission` None shows it to everybody; ANONYMOUS and SIGNED_IN stand for visitors who are not and who are
    signed in. Entries are sorted by `order`; those of equal order stand in the order of their plug-ins. `area` is
    `main` (left) or `account` (right). `badge` takes the request and returns a Badge or None.
    """

    name: str
    route: str
    title: Any
    permission: str | None = None
    order: int = 100
    area: str = "main"
    badge: Callable[[Any], Badge | None] | None = None


def add_navigation(
    config: Configurator,
    route: str,
    title: Any,
    *,
    name: str | None = None,
    permission: str | None = None,
    order: int = 100,
    area: str = "main",
    badge: Callable[[Any], Badge | None] | str | None = None,
) -> None:
    """Directive `config.add_navigation(route, title, …)`: a link in the navbar to a route without placeholders.

    `badge`, a function or its dotted name, is asked for each page that shows the link to somebody who is signed in: it
    looks at what the request knows already, and never into the database.
    """
    entry = NavigationEntry(name or route, route, title, permission, order, area, config.maybe_dotted(badge))
    _contribute(config, _NAVIGATION, entry.name, entry, f"link to {route}")


def add_shell_name(config: Configurator, name: str, value: Any) -> None:
    """Directive `config.add_shell_name(name, value)`: `value` is called `name` in `pshell`.

    `value` may be a dotted name, which is imported when the shell starts.
    """
    _contribute(config, _SHELL_NAMES, name, value, f"shell name {name}")


def _contribute(config: Configurator, category: str, name: str, value: Any, title: str) -> None:
    introspectable = config.introspectable(category, name, title, category.removeprefix("flasky."))
    introspectable["value"] = value
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(category, {})[name] = value

    config.action((category, name), register, introspectables=(introspectable,))


def navigation(registry: Registry) -> list[NavigationEntry]:
    """Every navigation entry, in the order in which it is shown."""
    entries: dict[str, NavigationEntry] = registry.get(_NAVIGATION, {})
    return sorted(entries.values(), key=lambda entry: entry.order)


def shell_names(registry: Registry) -> dict[str, Any]:
    """Every name that plug-ins add to the shell."""
    return dict(registry.get(_SHELL_NAMES, {}))


def add_start_check(config: Configurator, check: Callable[[Registry], list[Fault]]) -> None:
    """Directive `config.add_start_check(check)`: a function that says what keeps the site from starting.

    It is given the registry when everything is registered, and returns a list of `flasky.settings.Fault`; they are
    reported together with all others. It must not need the database.
    """
    introspectable = config.introspectable("flasky start checks", check, check.__qualname__, "start check")
    introspectable["value"] = check
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(_START_CHECKS, []).append(check)

    config.action((_START_CHECKS, check), register, introspectables=(introspectable,))


def start_checks(registry: Registry) -> list[Callable[[Registry], list[Fault]]]:
    """Every check that is made before the site starts."""
    return list(registry.get(_START_CHECKS, ()))


_DIRECTIVES: dict[str, Callable[..., None]] = {
    "add_navigation": add_navigation,
    "add_shell_name": add_shell_name,
    "add_start_check": add_start_check,
}


def includeme(config: Configurator) -> None:
    """Make the directives methods of the configurator."""
    for name, directive in _DIRECTIVES.items():
        config.add_directive(name, directive)
