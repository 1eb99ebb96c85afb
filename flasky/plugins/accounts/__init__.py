"""The plug-in `accounts`: the members of the site and their roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flasky.plugin import Plugin

if TYPE_CHECKING:
    from pyramid.config import Configurator

plugin = Plugin(name="accounts", description="Members and their roles.", models="flasky.plugins.accounts.models")


def includeme(config: Configurator) -> None:
    """Make the models available."""
    config.add_shell_name("Role", "flasky.plugins.accounts.models.Role")
    config.add_shell_name("User", "flasky.plugins.accounts.models.User")
