"""`flasky routes`: every route with the view behind it, or who answers a path and why nobody else does."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ini import CannotStart
from flasky.route_views import RouteView, route_views
from flasky.shadowing import methods_of, with_shadows

if TYPE_CHECKING:
    from pyramid.registry import Registry


@click.command()
@click.argument("path", required=False)
@click.option("--method", default="GET", show_default=True, help="The method that PATH is asked with.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def routes(context: Context, path: str | None, method: str, as_json: bool) -> None:
    """List the routes in the order in which they are tried, or show who answers PATH.

    PATH may be copied from a browser, with the host before and a query after it. With PATH the exit status is 1 when
    nobody answers.
    """
    registry = context.registry
    path = None if path is None else _path_in(path)
    if path is not None and not path.startswith("/"):
        raise CannotStart(f"A path begins with a slash: flasky routes /{path}")
    if as_json:
        rows = _answering(registry, path, method) if path is not None else with_shadows(registry, route_views(registry))
        click.echo(json.dumps([row.as_dict() for row in rows], indent=2, ensure_ascii=False))
        return
    if not show_routes(registry, path, method):
        raise click.exceptions.Exit(1)


def _path_in(address: str) -> str:
    if "://" in address:
        return unquote(urlsplit(address).path) or "/"
    return address.partition("?")[0].partition("#")[0]


def _answering(registry: Registry, path: str, method: str) -> list[RouteView]:
    """Who answers `path`, and who would if nobody stood before."""
    return [row for row, why in explain(registry, path, method) if not why or row.shadowed_by]


def show_routes(registry: Registry, path: str | None = None, method: str = "GET") -> bool:
    """Print the routes, or who answers `path`; returns False when nobody does."""
    if path is None:
        heads = ("Route", "Pattern", "Methods", "Permission", "Plug-in", "Shadowed by", "View")
        show_table(heads, [_cells(row) for row in with_shadows(registry, route_views(registry))])
        return True
    explained = explain(registry, path, method)
    answered = any(not why for _row, why in explained)
    if not answered:
        click.echo(f"Nobody answers {method} {path}.")
    if not explained:
        click.echo("No route begins so. `flasky routes` lists all.")
    for row, why in explained:
        click.echo(f"{row.route}  {row.pattern}  {row.shown_methods}  →  {why or f'answers: {_view(row)}'}")
        if not why:
            click.echo(f"  plug-in {row.plugin}, permission {row.permission}")
    return answered


def _cells(row: RouteView) -> tuple[str, ...]:
    return (row.route, row.pattern, row.shown_methods, row.permission, row.plugin, row.shadowed_by, _view(row))


def _view(row: RouteView) -> str:
    return f"{row.view} ({row.where})" if row.where else row.view or "no view"


def explain(registry: Registry, path: str, method: str) -> list[tuple[RouteView, str]]:
    """Each view whose route's pattern matches `path`, in the order in which it is tried, with the reason why it does
    not answer; an empty reason when it does. A route behind the first that matches is shadowed by that.

    When no pattern matches, the views whose pattern begins as `path` does or nearly so, with that reason: either may be
    misspelt.
    """
    from pyramid.interfaces import IRoutesMapper  # noqa: PLC0415 - not needed to list the commands

    patterns = {route.name: route for route in registry.getUtility(IRoutesMapper).get_routes(include_static=True)}
    rows = route_views(registry)
    matching = [row for row in rows if patterns[row.route].match(path) is not None]
    if not matching:
        return [(row, "the pattern does not match") for row in rows if _begins_like(row.pattern, path)]
    explained: list[tuple[RouteView, str]] = []
    first: RouteView | None = None
    answered = False
    for row in matching:
        methods = methods_of(patterns[row.route])
        if methods and method not in methods:
            explained.append((row, f"{method} is not one of its route's methods"))
            continue
        first = first or row
        if row.route != first.route:
            explained.append((row.behind(first.route), f"shadowed by {first.route} of {first.plugin}"))
            continue
        why = _why_not(row, method) or ("or this one, by its predicates" if answered else "")
        answered = answered or not why
        explained.append((row, why))
    return explained


def _begins_like(pattern: str, path: str) -> bool:
    """Whether the first part of a pattern is that of `path`, or could have been meant by it; a placeholder always."""
    first, wanted = (text.lstrip("/").partition("/")[0] for text in (pattern, path))
    begins = "{" in first or first == wanted or (wanted and first.startswith(wanted))
    return bool(begins or difflib.get_close_matches(wanted, [first], n=1))


def _why_not(row: RouteView, method: str) -> str:
    if not row.view:
        return "it has no view"
    return "" if not row.methods or method in row.methods else f"{method} is not one of its methods"
