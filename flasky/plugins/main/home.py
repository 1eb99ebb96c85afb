"""What stands at `/`: the greeting, or the view of a plug-in that asks for the place.

One plug-in may take it, in its `includeme`::

    config.set_home("flasky_polls.views.home", renderer="polls/home.jinja2", permission=NO_PERMISSION_REQUIRED)

Two that do are a conflict, which Pyramid reports with both places. Without that plug-in the greeting is back.
"""

from __future__ import annotations

from typing import Any

from pyramid.config import PHASE1_CONFIG, Configurator
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.extension_points import ExtensionPoint

#: Whoever contributes takes the one place that there is.
HOME = ExtensionPoint("main.home", "home page")

_TAKEN = "main.home_taken"


def set_home(config: Configurator, view: Any, **options: Any) -> None:
    """Directive `config.set_home(view, **options)`: `view` answers GET at the route `main.index`.

    `options` are those of `config.add_view`.
    """

    def take() -> None:
        config.registry[_TAKEN] = True

    HOME.contribute(config, "main.index", view)
    # Before the greeting asks whether the place is free.
    config.action(None, take, order=PHASE1_CONFIG)
    config.add_view(view, route_name="main.index", request_method="GET", **options)


def includeme(config: Configurator) -> None:
    """Add the directive, and the greeting where nobody uses it."""
    config.add_extension_point(HOME, set_home)

    def greet() -> None:
        if not config.registry.get(_TAKEN):
            config.add_view(
                "flasky.plugins.main.views.index",
                route_name="main.index",
                request_method="GET",
                renderer="main/index.jinja2",
                permission=NO_PERMISSION_REQUIRED,
                # Who a visitor with a session is; a stranger's page sends none.
                statements=1,
            )

    config.action(None, greet)
