"""Putting the application together, so that everything that keeps it from starting is found in one go.

A fault does not end the search: what can still be included is included, of two claims to one name the first is taken,
a setting that cannot be read has its default, and the next fault is looked for. Nothing that was put together with a
fault is ever served: `finish` raises `ConfigurationFaults` with all of them.
"""

from __future__ import annotations

import os
import re
import secrets
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyramid.exceptions import ConfigurationConflictError, ConfigurationError, ConfigurationExecutionError

from flasky.directives import start_checks
from flasky.ini import check_encoding
from flasky.ownership import KERNEL, home, owner_of_file
from flasky.prefixes import prefix_of
from flasky.requests import notify_directly, use_one_class
from flasky.settings import ConfigurationFaults, Fault, Setting, Settings, Value
from flasky.site import Site, declared_settings, read_site
from flasky.source_files import know_files
from flasky.startup import show_plainly
from flasky.statistics.start import StartTimes

if TYPE_CHECKING:
    from pathlib import Path

    from pyramid.config import Configurator

_TAKEN_TABLE = r"Table '(?P<name>[^']+)' is already defined"
#: What a discriminator begins with, and what people call it.
_KINDS = {
    "flasky.permissions": "permission",
    "flasky.navigation": "navigation entry",
    "flasky.shell_names": "shell name",
    "flasky.slots": "slot contribution",
    "flasky.slots.replaced": "replacement in a slot",
    "flasky.mail": "mail",
    "flasky.health_checks": "health check",
    "flasky.static_files": "name of static files",
    "request extensions": "request attribute",
    "route": "route",
    "view": "view",
    "tween": "tween",
}


class Assembly:
    """One application being put together: its site, and what is wrong with it so far."""

    def __init__(self, global_config: Mapping[str, Any], ini: Mapping[str, Any]) -> None:
        """Read settings and plug-ins, and import the plug-ins' models, as their tables may not meet."""
        # From here on, whatever refuses to start does so in words.
        show_plainly()
        check_encoding()
        self._times = StartTimes()
        site, self.faults = read_site(global_config, ini, os.environ)
        self.site = _completed(site)
        for item in self.site.plugins:
            know_files(item.package)
        self.faults.extend(faults_of_models(self.site, self._times))
        self._roots = {f"{item.includeme}:includeme": item.name for item in self.site.plugins}

    def include(self, config: Configurator, package: str, plugin: str = "") -> None:
        """Include the `includeme` of `package`, which belongs to `plugin` or, without one, to the kernel.

        Raises ConfigurationFaults when the kernel cannot be included because of faults that are known by then.
        """
        try:
            with self._times.of(plugin):
                config.include(package, route_prefix=prefix_of(self.site.settings, plugin) if plugin else None)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is a fault to report
            if not plugin:
                self._give_up(error)
            self.faults.append(
                fault_of_error(error, f"the includeme of the plug-in {plugin!r} failed", plugin, package)
            )

    def finish(self, config: Configurator) -> Any:
        """Carry out what was registered, run every check, and return Pyramid's router. Raises ConfigurationFaults."""
        self._commit(config)
        for check in start_checks(config.registry):
            try:
                self.faults.extend(check(config.registry))
            except ConfigurationFaults as error:
                self.faults.extend(error.faults)
            except Exception as error:  # noqa: BLE001 - raised again unless it follows from a fault
                self._give_up(error)
        if self.faults:
            raise ConfigurationFaults(dict.fromkeys(self.faults))
        self._times.finish(config.registry)
        router = config.make_wsgi_app()
        use_one_class(router)
        notify_directly(config.registry)
        return router

    def _give_up(self, error: Exception) -> None:
        """Raise `error`; but if there are faults already it is their consequence, and they are what to mend."""
        if not self.faults:
            raise error
        raise ConfigurationFaults(dict.fromkeys(self.faults)) from error

    def _commit(self, config: Configurator) -> None:
        """Carry out the actions; of those that conflict, the first of each."""
        state = config.action_state
        for action in state.actions:
            action["introspectables"] = list(action["introspectables"])
            action["callable"] = self._guarded(action)
        while True:
            actions = list(state.actions)
            try:
                config.commit()
            except ConfigurationConflictError as error:
                losers = self._conflicts(error)
                state.actions = [action for action in actions if id(action["info"]) not in losers]
                if len(state.actions) == len(actions):
                    self._give_up(error)
            except ConfigurationExecutionError as error:
                # Of an action that another one added: those are not guarded.
                self.faults.append(self._fault_at(error.info, str(error.evalue)))
                return
            else:
                return

    def _guarded(self, action: Mapping[str, Any]) -> Callable[..., Any] | None:
        function = action["callable"]
        if function is None:
            return None
        # What a plug-in includes in turn is done for it, too.
        plugin = self._roots.get(next(iter(action["includepath"]), ""), "")

        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                with self._times.of(plugin):
                    function(*arguments, **options)
            except Exception as error:
                known = isinstance(error, ConfigurationError | ConfigurationFaults)
                if not (known or self.faults) and self._owner(action["info"]) == KERNEL:
                    raise
                # What was not registered is not introspected either: Pyramid would stumble over its relations.
                action["introspectables"].clear()
                if isinstance(error, ConfigurationFaults):
                    self.faults.extend(error.faults)
                else:
                    text = str(error) if known else f"{type(error).__name__}: {error}"
                    self.faults.append(self._fault_at(action["info"], text))

        return guarded

    def _conflicts(self, error: ConfigurationConflictError) -> set[int]:
        """Note each conflict, and return the identities of the places that lose."""
        losers: set[int] = set()
        for discriminator, places in error._conflicts.items():  # noqa: SLF001 - Pyramid offers it only as a text
            claims = [f"{self._owner(place)} ({place.file}, line {place.line})" for place in places]
            problem = f"the {_described(discriminator)} is claimed by {' and by '.join(claims)}"
            last = places[-1]
            remedy = f"Take one of the plug-ins out of the list, or rename it in {self._owner(last)}"
            self.faults.append(Fault(f"{last.file}, line {last.line}", problem, remedy, self._owner(last)))
            losers.update(id(place) for place in places[1:])
        return losers

    def _fault_at(self, place: Any, problem: str) -> Fault:
        owner = self._owner(place)
        file = getattr(place, "file", "")
        where = f"{file}, line {place.line}" if file else owner
        return Fault(where, problem, "Mend it there, or take the plug-in out of the list", owner)

    def _owner(self, place: Any) -> str:
        return owner_of_file(self.site, getattr(place, "file", "") or "")


def _described(discriminator: Any) -> str:
    """A conflict's subject for people: `route 'polls.index'`."""
    if not isinstance(discriminator, tuple):
        return repr(discriminator)
    kind, *rest = discriminator
    if kind == "view":
        names = [str(item) for item in rest if isinstance(item, str) and item]
        return f"view of the route {names[0]!r}" if names else "view"
    return f"{_KINDS.get(kind, kind)} " + " ".join(repr(item) for item in rest if isinstance(item, str))


def fault_of_error(error: Exception, what: str, plugin: str, package: str) -> Fault:
    """`what` failed with `error`: say so with the innermost line of the plug-in's own code."""
    if isinstance(error, ConfigurationFaults):
        return error.faults[0]
    where = _line_in(home(package), error) or str(home(package) / "__init__.py")
    problem = f"{what}: {type(error).__name__}: {error}"
    return Fault(where, problem, f"Mend it, or take {plugin} out of flasky.plugins", plugin)


def _line_in(folder: Path, error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(folder))]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def faults_of_models(site: Site, times: StartTimes) -> list[Fault]:
    """Models that cannot be imported, and tables that two plug-ins make. `times` notes what importing them takes."""
    faults = []
    for item in site.plugins:
        if not item.plugin.models:
            continue
        try:
            with times.of(item.name):
                import_module(item.plugin.models)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module raises is a fault to report
            faults.append(_fault_of_models(site, item.name, item.package, error))
    return faults


def _fault_of_models(site: Site, name: str, package: str, error: Exception) -> Fault:
    taken = re.search(_TAKEN_TABLE, str(error))
    if taken is None:
        return fault_of_error(error, f"the models of the plug-in {name!r} cannot be imported", name, package)
    table = taken["name"]
    where = _line_in(home(package), error) or name
    problem = f"the table {table!r} is claimed by {_maker_of(site, table)} and by {name}"
    return Fault(where, problem, f"Take one of the two out of flasky.plugins, or rename the table in {name}", name)


def _maker_of(site: Site, table: str) -> str:
    """Whose model made `table`. The mappers cannot be asked any more: one of them is half made."""
    from flasky.database.base import Base  # noqa: PLC0415 - only needed here, and SQLAlchemy is large

    modules = [model.__module__ for model in Base.__subclasses__() if getattr(model, "__tablename__", "") == table]
    for item in site.plugins:
        if item.plugin.models and modules and f"{modules[0]}.".startswith(f"{item.plugin.models}."):
            return item.name
    return KERNEL


def _completed(site: Site) -> Site:
    """The site with a value for every setting, so that the search for faults can go on."""
    values = dict(site.settings.values_by_name)
    for setting in declared_settings(list(site.plugins)):
        values.setdefault(setting.name, Value(setting, _assumed(setting), "default", "assumed"))
    return Site(Settings(values, site.settings.ini_file), site.plugins)


def _assumed(setting: Setting) -> Any:
    try:
        value = setting.parser(setting.default)
    except Exception:  # noqa: BLE001 - a plug-in's own parser; what is wrong is a fault already
        # Nothing is opened before a request comes, and none will.
        return "sqlite://" if setting.name == "sqlalchemy.url" else None
    return secrets.token_urlsafe(48) if setting.secret and value == "" else value
