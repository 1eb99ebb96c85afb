"""The plug-in that is checked: what it is, the site that it is checked in, and where its parts are."""

from __future__ import annotations

import inspect
import json
import os
import sys
from functools import cached_property
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flasky.conformance.rule import NotApplicable
from flasky.conformance.workbench import Workbench, own_database, start, stop
from flasky.ini import CannotStart, read_ini
from flasky.loader import LoadedPlugin, available, declarations, load
from flasky.ownership import KERNEL, Contribution, contributions, home, owner_of_file
from flasky.site import Site, get_site, load_site
from flasky.trial import pages

if TYPE_CHECKING:
    from pyramid.registry import Registry
    from sqlalchemy import Table

    from flasky.wsgi import Application

_PROJECT_FILES = ("pyproject.toml", "setup.py")


class Subject:
    """One plug-in on a workbench. What takes long is made when it is first asked for, and once."""

    def __init__(self, name: str, bench: Workbench) -> None:
        """Raises CannotStart when no plug-in of that name can be loaded."""
        self.name = name
        self.bench = bench
        self.item = _loaded(name)
        self.folder = bench.place(name)
        self.database = bench.database(self.folder)
        self.plugins, self.others = _plugins_of_site(self.item)

    @property
    def package(self) -> Path:
        """The folder of its package."""
        return home(self.item.package)

    @property
    def ships(self) -> bool:
        """Whether it is part of Flasky's own distribution, whose plug-ins share one chain of migrations."""
        return self.item.distribution == KERNEL

    @cached_property
    def ini(self) -> Path:
        """The INI file of a site with the plug-in, with what ships, and with what it requires."""
        return self.bench.write_site(self.folder, "with", self.plugins, self.database)

    @cached_property
    def ini_without(self) -> Path:
        """The INI file of the same site without the plug-in and whatever requires it."""
        return self.bench.write_site(self.folder, "without", self.others, self.database)

    @property
    def application(self) -> Application:
        """The site with the plug-in, started. Raises CannotStart and whatever a start raises."""
        if isinstance(self._started, Exception):
            raise self._started
        return self._started

    @cached_property
    def _started(self) -> Application | Exception:
        # Tried once also when it fails: every rule asks.
        try:
            return start(self.ini)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises; it is raised again
            return error

    @cached_property
    def registry(self) -> Registry:
        """The registry of that site. Raises NotApplicable when it does not start: another rule tells that."""
        try:
            return self.application.registry
        except Exception as error:
            raise NotApplicable("the site does not start with it") from error

    @cached_property
    def site(self) -> Site:
        """The configuration of that site. Raises NotApplicable when it cannot be read."""
        if "registry" in self.__dict__:
            return get_site(self.registry)
        read = read_ini(self.ini)
        try:
            with own_database():
                return load_site(read.global_config, read.settings)
        except CannotStart as error:
            raise NotApplicable("the site does not start with it") from error

    @cached_property
    def contributions(self) -> list[Contribution]:
        """Everything that the plug-in brings to the started site. Raises NotApplicable."""
        return [one for one in self._everything if one.plugin == self.name]

    @cached_property
    def _everything(self) -> list[Contribution]:
        return contributions(self.registry)

    @cached_property
    def pages(self) -> list[str]:
        """The paths of the home page and of those pages of the plug-in that can be asked for without knowing more."""
        return pages(self.registry, [self.name])

    @cached_property
    def tables(self) -> list[Table]:
        """The tables of its models, parents before children. Raises NotApplicable when there is none."""
        from flasky.database.ownership import owner_of, tables  # noqa: PLC0415 - brings SQLAlchemy

        if not self.item.plugin.models:
            raise NotApplicable("it has no models")
        found = [table for table in tables(get_site(self.registry)) if owner_of(self.site, table) == self.name]
        if not found:
            raise NotApplicable("its models make no table")
        return found

    def place_of(self, table: Table) -> str:
        """Where the model of a table is written: file and line."""
        from flasky.database.ownership import mappers  # noqa: PLC0415 - brings SQLAlchemy

        for mapper in mappers():
            if mapper.local_table is table:
                return place_of(mapper.class_)
        return str(self.item.plugin.models)

    def line_in_package(self, text: str) -> str:
        """Where `text` stands for the first time in the package's __init__.py; the file if nowhere."""
        file = self.package / "__init__.py"
        lines = file.read_text(encoding="utf-8").splitlines()
        number = next((number for number, line in enumerate(lines, 1) if text in line), 0)
        return f"{file}, line {number}" if number else str(file)

    @cached_property
    def templates_of_others(self) -> set[str]:
        """The names of the templates of the started site that are not the plug-in's. Raises NotApplicable."""
        return {one.name for one in self._everything if one.kind == "template" and one.plugin != self.name}

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for a process that finds the same packages as this one."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def owns(self, place: Any) -> bool:
        """Whether what is registered at `place` (an introspectable's action_info) is the plug-in's."""
        return owner_of_file(self.site, getattr(place, "file", "") or "") == self.name

    @cached_property
    def source(self) -> Path:
        """The folder that its distribution is built from. Raises NotApplicable when that is not here."""
        for folder in (_installed_from(self.item), *self.package.parents):
            if folder is not None and any((folder / name).is_file() for name in _PROJECT_FILES):
                return folder
        raise NotApplicable("the source of its distribution is not here")

    @property
    def package_in_source(self) -> Path:
        """The package's folder in its source, where that is here: what is imported may come from a wheel that lacks
        something. Else the folder of the package."""
        inside = Path(*self.item.package.split("."))
        try:
            source = self.source
        except NotApplicable:
            return self.package
        folders = (source / inside, source / "src" / inside)
        return next((folder for folder in folders if folder.is_dir()), self.package)

    def close(self) -> None:
        """Let go of the database."""
        started = self.__dict__.get("_started")
        if started is not None and not isinstance(started, Exception):
            stop(started)


def place_of(thing: Any) -> str:
    """Where a class or function is written: file and line; empty for what is not written in Python."""
    plain = inspect.unwrap(thing) if callable(thing) else thing
    try:
        return f"{inspect.getsourcefile(plain)}, line {inspect.getsourcelines(plain)[1]}"
    except (TypeError, OSError):
        return ""


def _loaded(name: str) -> LoadedPlugin:
    entry = available().get(name)
    if entry is None:
        raise CannotStart(f"No installed plug-in is called {name!r}. `flasky plugin list` shows all.")
    try:
        return load(entry)
    except Exception as error:
        raise CannotStart(f"The plug-in {name!r} cannot be loaded: {type(error).__name__}: {error}") from error


def _plugins_of_site(item: LoadedPlugin) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The plug-ins of a site to check `item` in: with it, and without it and what requires it."""
    offered = available()
    shipped = [name for name, entry in offered.items() if entry.dist is not None and entry.dist.name == KERNEL]
    needed: dict[str, LoadedPlugin] = {}

    def add(names: tuple[str, ...]) -> None:
        for found in declarations(name for name in names if name in offered and name not in needed):
            needed[found.name] = found
            add(found.plugin.requires)

    add((item.name,))
    apart = {name for found in needed.values() for name in found.plugin.conflicts}
    for found in declarations(shipped):
        if found.name not in apart and not set(found.plugin.conflicts) & set(needed):
            needed.setdefault(found.name, found)
    gone = {item.name}
    while more := {found.name for found in needed.values() if set(found.plugin.requires) & gone} - gone:
        gone |= more
    # What is missing stays in the list: that the site does not start without it is for a rule to tell.
    names = tuple(dict.fromkeys([*sorted(set(needed) & set(shipped), key=shipped.index), *needed]))
    return names, tuple(name for name in names if name not in gone)


def _installed_from(item: LoadedPlugin) -> Path | None:
    """The folder that pip installed the distribution from, as it noted it (PEP 610); None for an archive or index."""
    if not item.distribution:
        return None
    noted = distribution(item.distribution).read_text("direct_url.json")
    url = urlsplit(json.loads(noted)["url"]) if noted else None
    return Path(unquote(url.path)) if url is not None and url.scheme == "file" else None
