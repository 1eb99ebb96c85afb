"""What decides, beside the database, how a page looks: the code, the templates, the translations and the settings.

Processes that have the same of all these make the same pages, and may name them alike: a visitor whose page came from
one of them gets a 304 from another, and after a restart.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from pyramid.interfaces import ITranslationDirectories
from pyramid.registry import Registry

from flasky.assets import static_files
from flasky.security.keys import Signer
from flasky.site import get_site
from flasky.templating import template_folders

_EDITION = "blog.edition"
_STARTED = "blog.started"
#: What else writes a part of each page.
_LIBRARIES = ("pyramid", "jinja2", "markupsafe", "babel")
_LENGTH = 16


def prepare(registry: Registry) -> None:
    """Note the start: what changes on the disk afterwards is not what this process has read."""
    registry[_STARTED] = time.time()


def edition(registry: Registry) -> str:
    """The name of what this process makes pages of, the same in each process that has the same.

    It is found at the first visit and not at the start, which all commands would wait for: it reads every file.
    """
    known: str | None = registry.get(_EDITION)
    if known is None:
        known = registry[_EDITION] = find_edition(registry)
    return known


def find_edition(registry: Registry) -> str:
    """The name, found anew. A name of its own where a file changed after the start: nobody knows what was read."""
    files = sorted(_files(registry))
    try:
        if any(Path(file).stat().st_ctime > registry[_STARTED] for _name, file in files):
            return secrets.token_urlsafe(_LENGTH)[:_LENGTH]
        # By their content: two machines that install the same have other times.
        hashes = {file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in {file for _name, file in files}}
    except OSError:
        # Taken away after the start, or a link that leads nowhere.
        return secrets.token_urlsafe(_LENGTH)[:_LENGTH]
    site = get_site(registry)
    parts = (
        platform.python_version(),
        [version(library) for library in _LIBRARIES],
        [(item.name, item.version) for item in site.plugins],
        sorted((name, repr(value)) for name, value in site.settings.items()),
        sorted((name, published.version()) for name, published in static_files(registry).items()),
        [(name, hashes[file]) for name, file in files],
    )
    # Keyed: everybody sees the name, and must not be able to try out which settings lead to it.
    return Signer(registry, "blog.edition").digest(repr(parts))[:_LENGTH]


def _files(registry: Registry) -> Iterator[tuple[str, str]]:
    """The files of Flasky and its plug-ins, the templates and the catalogs, each with its name for all machines."""
    modules = [import_module(name) for name in ("flasky", *(item.package for item in get_site(registry).plugins))]
    for module in modules:
        folders = getattr(module, "__path__", None)
        if folders is None:
            # A plug-in may be a single module, beside which lie those of others.
            yield module.__name__, str(module.__file__)
        for folder in folders or ():
            yield from _files_in(module.__name__, folder)
    # Their order decides which of two is taken.
    for place, (owner, folder) in enumerate(template_folders(registry)):
        yield from _files_in(f"templates {place} {owner}", str(folder))
    for place, directory in enumerate(registry.queryUtility(ITranslationDirectories) or ()):
        yield from _files_in(f"translations {place}", directory)


def _files_in(name: str, root: str) -> Iterator[tuple[str, str]]:
    for folder, inner, files in os.walk(root):
        inner[:] = [each for each in inner if each != "__pycache__"]
        for file in files:
            path = f"{folder}{os.sep}{file}"
            yield name + path[len(root) :], path
