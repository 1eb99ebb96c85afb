"""Flasky: a community site that runs from one command, and a framework of plug-ins on Pyramid."""

# ruff: noqa: PLC0415 - what main() needs is imported when it is called: a command that only
# lists or reads something (`flasky --help`) must not wait for Pyramid.

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flasky.wsgi import Application


def main(global_config: Mapping[str, Any], **settings: Any) -> Application:
    """Make the site that an INI file describes. Raises ConfigurationFaults with everything that is wrong with it."""
    from pyramid.config import Configurator

    from flasky.assembly import Assembly
    from flasky.kernel import LIBRARIES, ROOMS, pyramid_settings
    from flasky.site import set_site
    from flasky.wsgi import Application

    assembly = Assembly(global_config, settings)
    with Configurator(settings=pyramid_settings(assembly.site, settings)) as config:
        set_site(config.registry, assembly.site)
        for room in (*LIBRARIES, *ROOMS):
            assembly.include(config, room)
        for plugin in assembly.site.plugins:
            assembly.include(config, plugin.includeme, plugin.name)
        return Application(assembly.finish(config))
