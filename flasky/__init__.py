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

    from flasky.kernel import ROOMS, pyramid_settings
    from flasky.site import load_site, set_site
    from flasky.wsgi import Application

    site = load_site(global_config, settings)
    with Configurator(settings=pyramid_settings(site, settings)) as config:
        set_site(config.registry, site)
        for library in ("pyramid_jinja2", "pyramid_retry", "pyramid_tm", "pyramid_mailer"):
            config.include(library)
        for room in ROOMS:
            config.include(room)
        for plugin in site.plugins:
            config.include(plugin.includeme)
        return Application(config.make_wsgi_app())
