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
    """Let Python's garbage collector rest, and leave what was made to the end of the process.

    The collector would look through all of it again and again while it grows, once more in the middle of a request,
    and a last time when the process ends (docs/decisions/0071-collector-at-start.md).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        # Of the first application only: a process that makes several wants some of them to go.
        if was_on and not gc.get_freeze_count():
            gc.freeze()
    finally:
        if was_on:
            gc.enable()


def _make_site(global_config: Mapping[str, Any], settings: Mapping[str, Any]) -> Application:
    from flasky.source_files import know_callers, know_files

    # Before views are imported below.
    know_callers()
    for package in (__name__, "pyramid.config", "pyramid_jinja2"):
        know_files(package)

    from flasky.assembly import Assembly
    from flasky.configurator import Configurator
    from flasky.kernel import LIBRARIES, ROOMS, pyramid_settings
    from flasky.site import set_site
    from flasky.sorting import sort_once
    from flasky.wsgi import Application

    assembly = Assembly(global_config, settings)
    with Configurator(settings=pyramid_settings(assembly.site, settings)) as config:
        sort_once(config.registry)
        set_site(config.registry, assembly.site)
        for room in (*LIBRARIES, *ROOMS):
            assembly.include(config, room)
        for plugin in assembly.site.plugins:
            assembly.include(config, plugin.includeme, plugin.name)
        return Application(assembly.finish(config))
