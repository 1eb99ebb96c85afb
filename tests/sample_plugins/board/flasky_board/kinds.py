"""Kinds of notices: an extension point of the board's own."""

from __future__ import annotations

from pyramid.exceptions import ConfigurationError

from flasky.extension_points import ExtensionPoint

KINDS = ExtensionPoint("board.kinds", "kind of notice")


def add_board_kind(config, name, title):
    """Directive `config.add_board_kind("poster", "Posters")`: one more kind that the board's page names."""
    if not title:
        raise ConfigurationError(f"{config.package_name}: the kind of notice {name!r} needs a title")
    KINDS.contribute(config, name, title)


def includeme(config):
    """Open the point, and use it."""
    config.add_extension_point(KINDS, add_board_kind)
    config.add_board_kind("plain", "Plain notices")
