"""The plug-in `main`: the home page, and in development a page that fails on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flasky.languages import _
from flasky.plugin import Plugin
from flasky.site import get_site

if TYPE_CHECKING:
    from pyramid.config import Configurator

plugin = Plugin(name="main", description="The home page.")


def includeme(config: Configurator) -> None:
    """Register the routes, templates and views."""
    config.add_jinja2_search_path("flasky.plugins.main:templates", name=".jinja2")
    config.add_static_files("main", "flasky.plugins.main:static")
    config.add_translation_dirs("flasky.plugins.main:locale")
    config.add_route("main.index", "/")
    config.add_navigation("main.index", _("Home"), order=0)
    config.include("flasky.plugins.main.home")
    if not get_site(config.registry).in_production:
        config.include("flasky.plugins.main.development")
