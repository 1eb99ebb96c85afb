"""`flasky routes`: every route with the view behind it, or who answers a path and why nobody else does."""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ini import CannotStart
from flasky.ownership import owner_of_file, owner_of_module
from flasky.site import get_site

if TYPE_CHECKING:
    from pyramid.registry import Registry


@dataclass(frozen=True)
class RouteView:
    """One view of one route. A route without a view has an empty `view`."""

    route: str
    pattern: str
    methods: tuple[str, ...]
    view: str
    where: str
    permission: str
    plugin: str

    @property
    def shown_methods(self) -> str:
        """The methods for people: `any` when the view takes all of them."""
        return " ".join(self.methods) or ("any" if self.view else "")


@click.command()
@click.argument("path", required=False)
@click.option("--method", default="GET", show_default=True, help="The method that PATH is asked with.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def routes(context: Context, path: str | None, method: str, as_json: bool) -> None:
    """List the routes in the order in which they are tried, or show who answers PATH.

    With PATH the exit status is 1 when nobody answers.
    """
    registry = context.registry
    if path is not None and not path.startswith("/"):
        raise CannotStart(f"A path begins with a slash: flasky routes /{path}")
    if as_json:
        rows = route_views(registry)
        if path is not None:
            rows = [row for row, why in explain(registry, path, method) if not why]
        click.echo(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    if not show_routes(registry, path, method):
        raise click.exceptions.Exit(1)


def show_routes(registry: Registry, path: str | None = None, method: str = "GET") -> bool:
    """Print the routes, or who answers `path`; returns False when nobody does."""
    if path is None:
        heads = ("Route", "Pattern", "Methods", "Permission", "Plug-in", "View")
        show_table(heads, [_cells(row) for row in route_views(registry)])
        return True
    answered = False
    for row, why in explain(registry, path, method):
        answered = answered or not why
        click.echo(f"{row.route}  {row.pattern}  {row.shown_methods}  →  {why or f'answers: {_view(row)}'}")
        if not why:
            click.echo(f"  plug-in {row.plugin}, permission {row.permission}")
            break
    if not answered:
        click.echo(f"Nobody answers {method} {path}.")
    return answered


def _cells(row: RouteView) -> tuple[str, ...]:
    return (row.route, row.pattern, row.shown_methods, row.permission, row.plugin, _view(row))


def _view(row: RouteView) -> str:
    return f"{row.view} ({row.where})" if row.where else row.view or "no view"


def explain(registry: Registry, path: str, method: str) -> list[tuple[RouteView, str]]:
    """Each view whose route's pattern matches `path`, in the order in which it is tried, with the reason why it does
    not answer; an empty reason when it does. A route behind the first that matches is shadowed.

    When no pattern matches, every view with that reason, so that a misspelt pattern can be seen.
    """
    from pyramid.interfaces import IRoutesMapper  # noqa: PLC0415 - not needed to list the commands

    patterns = {route.name: route for route in registry.getUtility(IRoutesMapper).get_routes(include_static=True)}
    rows = route_views(registry)
    matching = [row for row in rows if patterns[row.route].match(path) is not None]
    if not matching:
        return [(row, "the pattern does not match") for row in rows]
    first = matching[0].route
    return [(row, _why_not(row, first, method)) for row in matching]


def _why_not(row: RouteView, first: str, method: str) -> str:
    if row.route != first:
        return f"the route {first} comes first"
    if not row.view:
        return "it has no view"
    return "" if not row.methods or method in row.methods else f"{method} is not one of its methods"


def route_views(registry: Registry) -> list[RouteView]:
    """Every view of every route, in the order in which the routes are tried."""
    introspector = registry.introspector
    views: dict[str, list[Any]] = {}
    for item in introspector.get_category("views", []):
        views.setdefault(item["introspectable"].get("route_name") or "", []).append(item)
    rows: list[RouteView] = []
    for item in introspector.get_category("routes", []):
        route = item["introspectable"]
        pattern = "/" + str(route["pattern"]).lstrip("/")
        known = views.get(route["name"], [])
        owner = owner_of_file(get_site(registry), getattr(route.action_info, "file", ""))
        if not known:
            rows.append(RouteView(route["name"], pattern, (), "", "", "", owner))
        rows.extend(_row(registry, route["name"], pattern, view) for view in known)
    return rows


def _row(registry: Registry, name: str, pattern: str, item: Any) -> RouteView:
    view = item["introspectable"]
    function = view["callable"]
    if view["attr"] and inspect.isclass(function):
        function = getattr(function, view["attr"])
    module = getattr(function, "__module__", "") or ""
    permission = next((str(other["value"]) for other in item["related"] if other.category_name == "permissions"), "")
    return RouteView(
        route=name,
        pattern=pattern,
        methods=_names(view["request_methods"]),
        view=f"{module}.{getattr(function, '__qualname__', type(function).__qualname__)}",
        where=location(function),
        permission=_shown_permission(permission),
        plugin=owner_of_module(registry, module)[0],
    )


def _shown_permission(permission: str) -> str:
    return "public" if permission == "__no_permission_required__" else permission or "nobody"


def location(function: Any) -> str:
    """`flasky/plugins/main/views.py:20`; empty for what is not written in Python."""
    plain = inspect.unwrap(function)
    try:
        file, line = inspect.getsourcefile(plain), inspect.getsourcelines(plain)[1]
    except (TypeError, OSError):
        return ""
    return f"{short(file or '')}:{line}"


def short(file: str) -> str:
    """`file` as it is typed from here, if it is below this folder."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else os.fspath(path)


def _names(methods: Any) -> tuple[str, ...]:
    return (methods,) if isinstance(methods, str) else tuple(methods or ())
