"""Which views a site's routes have, who may see them, which plug-in they are of and where they are written."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flasky.ownership import owner_of_file, owner_of_module
from flasky.site import get_site

if TYPE_CHECKING:
    from pyramid.registry import Registry


#: How a view for everybody is listed.
PUBLIC = "public"


class RouteView(NamedTuple):
    """One view of one route. A route without a view has an empty `view`."""

    route: str
    pattern: str
    methods: tuple[str, ...]
    view: str
    permission: str
    plugin: str
    #: The function or class behind `view`; None without one.
    function: Any = None
    #: The route that is tried before and takes whatever would come here (`flasky.shadowing`).
    shadowed_by: str = ""

    @property
    def shown_methods(self) -> str:
        """The methods for people: `any` when the view takes all of them."""
        return " ".join(self.methods) or ("any" if self.view else "")

    @property
    def where(self) -> str:
        """File and line of the view, as in `location`. Read when it is asked for: a start has no use for it."""
        return location(self.function)

    def behind(self, route: str) -> RouteView:
        """The same view, shadowed by the route of that name."""
        return self._replace(shadowed_by=route)

    def as_dict(self) -> dict[str, Any]:
        """The row for programs."""
        return {
            "route": self.route,
            "pattern": self.pattern,
            "methods": list(self.methods),
            "view": self.view,
            "where": self.where,
            "permission": self.permission,
            "plugin": self.plugin,
            "shadowed_by": self.shadowed_by,
        }


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
            rows.append(RouteView(route["name"], pattern, (), "", "", owner))
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
        permission=_shown_permission(permission),
        plugin=owner_of_module(registry, module)[0],
        function=function,
    )


def _shown_permission(permission: str) -> str:
    return PUBLIC if permission == "__no_permission_required__" else permission or "nobody"


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
