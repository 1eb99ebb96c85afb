"""`flasky routes`: every route with the view behind it, or who answers a path and why nobody else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ini import CannotStart
from flasky.route_views import RouteView, route_views

if TYPE_CHECKING:
    from pyramid.registry import Registry


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
        click.echo(json.dumps([row.as_dict() for row in rows], indent=2, ensure_ascii=False))
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
