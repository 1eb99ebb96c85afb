"""The plug-in `echo`: does what the board does at the same places, to see whose turn comes when."""

from __future__ import annotations

from flasky.plugin import Command, Plugin

plugin = Plugin(
    name="echo",
    description="An echo of the board.",
    commands=(Command("echo", "flasky_echo.views:echo", "Say it again."),),
)


def includeme(config):
    """Register everything."""
    config.add_jinja2_search_path("flasky_echo:templates", name=".jinja2")
    config.add_static_files("echo", "flasky_echo:static")
    config.add_slot("home", "flasky_echo.views.home")
    config.add_subscriber("flasky_echo.views.note", "pyramid.events.NewRequest")
    config.add_route("echo.index", "/echo")
    config.add_navigation("echo.index", "Echo")
    config.scan("flasky_echo.views")
