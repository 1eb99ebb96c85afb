"""Which routes nobody ever reaches, as another that is tried before answers all of their addresses.

Pyramid takes the first route whose pattern and predicates fit, also when none of its views does. An address is matched
as it stands; one with placeholders is tried with texts that those take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from flasky.prefixes import PLACEHOLDER

if TYPE_CHECKING:
    from pyramid.registry import Registry

    from flasky.route_views import RouteView

#: What placeholders are tried with: all that fit have to be taken by one other route before it stands in the way.
_TEXTS = ("7", "2024", "12", "31", "zh", "q", "anna-lisa", "A_b.c", "~", "胡同", "0f8fad5b-d9cb-469f-a165-70867728950e")
_REST = re.compile(r"\*\w+$")
#: Of an address with many placeholders.
_MOST_PATHS = 200


def with_shadows(registry: Registry, rows: Iterable[RouteView]) -> list[RouteView]:
    """The rows, each with the route that is tried before and takes all that it would answer (`shadowed_by`)."""
    from pyramid.interfaces import IRoutesMapper  # noqa: PLC0415 - not needed to list the commands

    routes = registry.getUtility(IRoutesMapper).get_routes()
    places = {route.name: place for place, route in enumerate(routes)}
    found = []
    for row in rows:
        # Static views of other hosts only make addresses.
        place = places.get(row.route)
        first = None if place is None else _first_before(routes[:place], routes[place], row)
        found.append(row if first is None else row.behind(first.name))
    return found


def _first_before(earlier: list[Any], route: Any, row: RouteView) -> Any | None:
    paths = list(islice(_paths(row.pattern), _MOST_PATHS))
    for other in earlier:
        if paths and _takes(other, route, row) and all(other.match(path) is not None for path in paths):
            return other
    return None


def _takes(other: Any, route: Any, row: RouteView) -> bool:
    """Whether whatever the predicates of `route` and the methods of its view let through, those of `other` do too."""
    asked, own = _conditions(other), _conditions(route)
    methods = methods_of(other)
    wanted = set(methods_of(route) or row.methods)
    return asked <= own and (not methods or (bool(wanted) and wanted <= set(methods)))


def methods_of(route: Any) -> tuple[str, ...]:
    """The methods that a route is for; none when it is for all of them."""
    from pyramid.predicates import RequestMethodPredicate  # noqa: PLC0415 - see above

    return next((tuple(one.val) for one in route.predicates if isinstance(one, RequestMethodPredicate)), ())


def _conditions(route: Any) -> set[str]:
    """What else a request has to be like."""
    from pyramid.predicates import RequestMethodPredicate, TraversePredicate  # noqa: PLC0415 - see above

    always = (RequestMethodPredicate, TraversePredicate)
    return {str(one.phash()) for one in route.predicates if not isinstance(one, always)}


def _paths(pattern: str) -> Iterator[str]:
    """Addresses that the pattern takes; the one that it is if it has no placeholders."""
    parts: list[tuple[str, ...]] = []
    rest = _REST.search(pattern)
    end = 0
    for found in PLACEHOLDER.finditer(pattern[: rest.start()] if rest else pattern):
        wanted = found[0][1:-1].partition(":")[2]
        parts += [(pattern[end : found.start()],), _texts(wanted)]
        end = found.end()
    parts.append((pattern[end : rest.start() if rest else None],))
    if rest:
        parts.append(("", "a", "a/b"))
    return map("".join, product(*parts))


def _texts(wanted: str) -> tuple[str, ...]:
    try:
        fits = re.compile(wanted or "[^/]+").fullmatch
    except re.error:
        return ()
    return tuple(text for text in _TEXTS if fits(text))
