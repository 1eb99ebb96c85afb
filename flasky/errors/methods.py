"""Which methods an address answers to, so that a wrong one is 405 with `Allow` and not 404 (P10)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyramid.exceptions import PredicateMismatch, URLDecodeError
from pyramid.httpexceptions import HTTPNotFound
from pyramid.interfaces import IRoutesMapper
from pyramid.registry import Registry
from pyramid.request import Request

#: By route, the methods of each of its views; None is a view for every method.
Table = dict[str, list[frozenset[str] | None]]

_REGISTRY_KEY = "flasky.methods"


def other_methods(error: Exception, request: Request) -> list[str]:
    """The methods that the address of this 404 has views for, sorted; empty when the method is not what is wrong."""
    if not isinstance(error, HTTPNotFound):
        return []
    matched = getattr(request, "matched_route", None)
    if matched is not None:
        # A view that ran and raised HTTPNotFound itself means what it says.
        names = [matched.name] if isinstance(error, PredicateMismatch) else []
    else:
        names = _routes_of_path(request)
    table = _table(request.registry)
    answered = [methods for name in names for methods in table.get(name, ())]
    if any(methods is None or request.method in methods for methods in answered):
        return []
    return sorted({method for methods in answered if methods for method in methods})


def _routes_of_path(request: Request) -> list[str]:
    """The routes whose pattern fits, although another of their conditions did not."""
    mapper = request.registry.queryUtility(IRoutesMapper)
    try:
        path = request.path_info
    except URLDecodeError:
        return []
    return [route.name for route in mapper.get_routes() if route.match(path) is not None] if mapper else []


def _table(registry: Registry) -> Table:
    table: Table | None = registry.get(_REGISTRY_KEY)
    if table is None:
        table = registry[_REGISTRY_KEY] = _make_table(registry)
    return table


def _make_table(registry: Registry) -> Table:
    by_route = {
        item["introspectable"]["name"]: _methods(item["introspectable"]["request_methods"])
        for item in registry.introspector.get_category("routes") or ()
    }
    table: Table = {}
    for item in registry.introspector.get_category("views") or ():
        view = item["introspectable"]
        name = view["route_name"]
        if name in by_route:
            table.setdefault(name, []).append(_both(by_route[name], _methods(view["request_methods"])))
    return table


def _methods(declared: Any) -> frozenset[str] | None:
    if declared is None:
        return None
    names: Iterable[Any] = [declared] if isinstance(declared, str) else declared
    try:
        methods = frozenset(str(name) for name in names)
    except TypeError:  # request_method=not_("POST"): any method may be meant.
        return None
    return methods | {"HEAD"} if "GET" in methods else methods


def _both(route: frozenset[str] | None, view: frozenset[str] | None) -> frozenset[str] | None:
    if route is None or view is None:
        return route or view
    return route & view
