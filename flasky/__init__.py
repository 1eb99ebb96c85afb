"""Flasky: a community site that runs from one command, and a framework of plug-ins on Pyramid."""

# ruff: noqa: PLC0415 - what main() needs is imported when it is called: a command that only
# lists or reads something (`flasky --help`) must not wait for Pyramid.

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flasky.wsgi import Application


def main(global_config: Mapping[str, Any], **settings: Any) -> Application:
    """Make the site that an INI file describes. Raises ConfigurationFaults with everything that is wrong with it."""
    with _without_collector():
        return _make_site(global_config, settings)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Let Python's garbage collector rest: what is imported and declared is here to stay.

    It would look through all of that again and again while it grows, for a fifth of the processor time of a start
    (`python -m benchmarks start`).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                # Hands everything to the oldest generation, unseen: the next small collection is a small one again.
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _make_site(global_config: Mapping[str, Any], settings: Mapping[str, Any]) -> Application:
    from flasky.source_files import know_callers, know_files

    # Before views are imported below.
    know_callers()
    for package in (__name__, "pyramid.config", "pyramid_jinja2"):
        know_files(package)

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
