"""The plug-in `poster`: builds on the board's table, adds to its kinds, and overrides a template and a slot of it."""

from __future__ import annotations

from flasky.plugin import Plugin

plugin = Plugin(
    name="poster",
    description="Posters for notices.",
    requires=("board",),
    models="flasky_poster.models",
    migrations="flasky_poster:migrations",
)


def includeme(config):
    """Override what the board shows, and add to it."""
    config.add_jinja2_search_path("flasky_poster:templates", name=".jinja2")
    config.replace_slot("home", "board/latest.jinja2", "poster/latest.jinja2")
    config.add_board_kind("poster", "Posters")
