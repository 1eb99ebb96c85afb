"""A plug-in that tests of the database enable: shelves with books, and pages that use the database in every way."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.plugin import Plugin

plugin = Plugin(
    name="shelf",
    requires=("accounts",),
    models="flasky_shelf.models",
    migrations="flasky_shelf:migrations",
)


def includeme(config: Configurator) -> None:
    """Register each function of `pages` as a page of its name."""
    from flasky_shelf import pages  # noqa: PLC0415 - importing a plug-in imports neither views nor models

    for page in pages.PAGES:
        name = page.__name__
        config.add_route(f"shelf.{name}", f"/shelf/{name}")
        options = {"statements": page.budget} if hasattr(page, "budget") else {}
        config.add_view(
            page,
            route_name=f"shelf.{name}",
            permission=NO_PERMISSION_REQUIRED,
            require_csrf=False,
            renderer="string",
            **options,
        )
