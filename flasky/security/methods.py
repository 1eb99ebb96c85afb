"""Which methods an address answers to, so that no plug-in has to say it twice (P10, INP-09).

Pyramid answers a method that no view wants with 404, sends an unknown method into the CSRF check and lets TRACE
run the view. Here the methods of every route are collected once from the views that were registered; any other
gets 405 with `Allow`, and OPTIONS is answered for everybody.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated, BeforeTraversal
from pyramid.httpexceptions import HTTPMethodNotAllowed, HTTPNoContent
from pyramid.interfaces import IRoutesMapper
from pyramid.predicates import RequestMethodPredicate
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.static import static_view

_METHODS_KEY = "flasky.methods"

#: What a view that names no method answers to. TRACE is never answered: it would give cookies back to scripts.
_ANY = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_READING = frozenset({"GET", "HEAD"})


def views_of_routes(registry: Registry) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Each view that answers a route, with the route's name: the view's introspectable."""
    for item in registry.introspector.get_category("views", []):
        view = item["introspectable"]
        if view["route_name"] and not _is_exception_view(view):
            yield view["route_name"], view


def methods_of_view(view: Mapping[str, Any]) -> frozenset[str]:
    """The methods that a view answers to, with HEAD where there is GET."""
    if isinstance(view["callable"], static_view):
        return _READING
    named = view["request_methods"]
    if named is None:
        return _ANY
    methods = {named} if isinstance(named, str) else set(named)
    return frozenset((methods | {"HEAD"} if "GET" in methods else methods) - {"TRACE"})


def methods_of_routes(registry: Registry) -> dict[str, frozenset[str]]:
    """The methods that each route's views answer to, by the route's name."""
    methods: dict[str, frozenset[str]] = {}
    for route, view in views_of_routes(registry):
        methods[route] = methods.get(route, frozenset()) | methods_of_view(view)
    return methods


def _is_exception_view(view: Mapping[str, Any]) -> bool:
    context = view["context"]
    return bool(view["exception_only"]) or (inspect.isclass(context) and issubclass(context, Exception))


def check_method(event: BeforeTraversal) -> None:
    """Raise 405 with `Allow` for a method that nobody answers here, and answer OPTIONS."""
    request: Request = event.request
    route = getattr(request, "matched_route", None)
    if route is None:
        allowed = _methods_of_similar_routes(request)
    else:
        allowed = request.registry[_METHODS_KEY].get(route.name, frozenset())
    if not allowed or request.method in allowed:
        return
    allow = ", ".join(sorted({*allowed, "OPTIONS"}))
    if request.method == "OPTIONS":
        raise HTTPNoContent(headers=[("Allow", allow)])
    raise HTTPMethodNotAllowed(
        f"{_shown(request.method)} is not answered here; {allow} are.", headers=[("Allow", allow)]
    )


def _methods_of_similar_routes(request: Request) -> frozenset[str]:
    """The methods of routes that would have matched but for the method that they ask for."""
    mapper = request.registry.queryUtility(IRoutesMapper)
    path = request.path_info
    methods: set[str] = set()
    for route in mapper.get_routes() if mapper else ():
        asked = [item for item in route.predicates if isinstance(item, RequestMethodPredicate)]
        if asked and route.match(path) is not None:
            methods.update(*(item.val for item in asked))
    return frozenset(methods - {"TRACE"})


def _shown(method: str) -> str:
    return ascii(method[:20])[1:-1]


def _collect(event: ApplicationCreated) -> None:
    registry = event.app.registry
    registry[_METHODS_KEY] = methods_of_routes(registry)


def includeme(config: Configurator) -> None:
    """Collect the methods when the application is complete, and check each request's."""
    config.add_subscriber(_collect, ApplicationCreated)
    config.add_subscriber(check_method, BeforeTraversal)
