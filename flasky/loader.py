"""Which plug-ins there are, which are enabled, and in which order they come.

Available is what the entry-point group ``flasky.plugins`` offers; enabled is what ``flasky.plugins`` in the INI
file lists, and nothing else. One order (what a plug-in requires or comes after first, then the INI's order)
serves everything that has an order.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, distributions
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from flasky.plugin import ENTRY_POINT_GROUP, Plugin
from flasky.settings import Fault
from flasky.versions import version_of

#: How the names of folders that describe a distribution end.
_DESCRIBED = frozenset({"dist-info", "egg-info"})


class LoadedPlugin(NamedTuple):
    """A plug-in that could be read: its declaration, and where it was installed from."""

    plugin: Plugin
    package: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """The plug-in's name."""
        return self.plugin.name

    @property
    def includeme(self) -> str:
        """The dotted name of the package whose ``includeme`` starts the plug-in."""
        return self.package


def offered() -> list[EntryPoint]:
    """The entry points of every installed plug-in, in the order in which Python finds them. Nothing is imported.

    `importlib.metadata.entry_points` takes apart what each distribution offers to anybody, which takes twice as long.
    """
    found: list[EntryPoint] = []
    met: set[str] = set()
    for distribution in distributions():
        # What is installed once more, further back on Python's path, is not what would be imported.
        if (name := _name_of(distribution)) in met:
            continue
        met.add(name)
        if ENTRY_POINT_GROUP in (distribution.read_text("entry_points.txt") or ""):
            found.extend(distribution.entry_points.select(group=ENTRY_POINT_GROUP))
    return found


def _name_of(distribution: Distribution) -> str:
    """What `distribution` is called, by the folder that describes it: the description takes long to read."""
    # Python goes by the folder, too, and tells nobody which it is. Whatever has none is asked for its name.
    name, _, kind = str(getattr(getattr(distribution, "_path", None), "name", "")).rpartition(".")
    if kind in _DESCRIBED:
        return canonicalize_name(name.partition("-")[0])
    return canonicalize_name(_value(distribution.metadata, "Name"))


def available() -> dict[str, EntryPoint]:
    """The entry points of every installed plug-in, by plug-in name. Nothing is imported."""
    return {entry.name: entry for entry in offered()}


def rivals() -> dict[str, tuple[str, ...]]:
    """Names of plug-ins that several distributions offer, with those distributions. Nothing is imported."""
    return _rivals(offered())


def _rivals(entries: Iterable[EntryPoint]) -> dict[str, tuple[str, ...]]:
    by_name: dict[str, list[EntryPoint]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    # Whose they are is written in a file that takes long to read, and nearly no name is offered twice.
    found = {
        name: tuple(sorted({" ".join(_written_in(entry)).strip() for entry in several}))
        for name, several in by_name.items()
        if len(several) > 1
    }
    return {name: distributions for name, distributions in found.items() if len(distributions) > 1}


def _written_in(entry: EntryPoint) -> tuple[str, str]:
    """Name and version of the distribution that offers `entry`; empty if it is in none."""
    return ("", "") if entry.dist is None else _named(entry.dist)


# Several plug-ins may come with one distribution, and each time all of its description is read.
@lru_cache(maxsize=128)
def _named(distribution: Distribution) -> tuple[str, str]:
    metadata = distribution.metadata
    # What was installed or removed by halves has no description.
    return _value(metadata, "Name") or _name_of(distribution), _value(metadata, "Version")


def _value(metadata: PackageMetadata, key: str) -> str:
    return metadata[key] if key in metadata else ""  # noqa: SIM401 - in Python 3.11 it need not have `get`


def load(entry: EntryPoint) -> LoadedPlugin:
    """Import the package of one plug-in and return its declaration.

    Raises TypeError when the entry point does not lead to a `Plugin`, ValueError when the declaration is
    faulty or its name is not the entry point's, and whatever the package raises when it is imported.
    """
    plugin = entry.load()
    if not isinstance(plugin, Plugin):
        raise TypeError(f"{entry.value} is not a flasky.plugin.Plugin")
    if plugin.name != entry.name:
        raise ValueError(f"it is offered as {entry.name!r} but declares the name {plugin.name!r}")
    if faults := plugin.faults():
        raise ValueError("; ".join(faults))
    distribution, version = _written_in(entry)
    return LoadedPlugin(plugin, package=entry.module, distribution=distribution, version=version)


def declarations(names: Iterable[str]) -> list[LoadedPlugin]:
    """The declarations of those of `names` that can be loaded, in their one order.

    For what must work when the site cannot start.
    """
    known = available()
    loaded: dict[str, LoadedPlugin] = {}
    for name in dict.fromkeys(names):
        # `resolve_plugins` says what is wrong with the others, when the site is started.
        with suppress(Exception):
            loaded[name] = load(known[name])
    return _order(loaded)[0]


def resolve_plugins(names: Iterable[str], place: str) -> tuple[list[LoadedPlugin], list[Fault]]:
    """Load the plug-ins called `names` and put them into their one order.

    `place` names the INI file in the faults. Returns what could be loaded, and every fault of every plug-in:
    missing, misspelt, listed twice, offered by two distributions, broken on import, incompatible, conflicting, lacking
    what it requires, or part of a cycle.
    """
    where = f"{place}, key flasky.plugins"
    wanted = list(names)
    faults = [
        Fault(where, f"the plug-in {name!r} is listed twice", f"Take one {name} out", name)
        for name in _duplicates(wanted)
    ]
    entries = offered()
    faults.extend(_contested(wanted, _rivals(entries), where))
    known = {entry.name: entry for entry in entries}
    loaded: dict[str, LoadedPlugin] = {}
    for name in dict.fromkeys(wanted):
        entry = known.get(name)
        if entry is None:
            faults.append(_missing(name, known, where))
            continue
        try:
            loaded[name] = load(entry)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's package raises is a fault to report
            problem = f"the plug-in {name!r} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
            faults.append(Fault(where, problem, "Mend the package or take the plug-in out of the list", name))
    for item in loaded.values():
        faults.extend(_relations(item.plugin, loaded, set(wanted), where))
    ordered, cycle = _order(loaded)
    if cycle:
        problem = "these plug-ins require one another in a circle: " + " → ".join(cycle)
        faults.append(Fault(where, problem, "Take one of them out of the list", cycle[0]))
    faults.extend(_without_includeme(ordered, where))
    faults.extend(_claimed_commands(ordered, where))
    return ordered, faults


def _duplicates(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _contested(names: list[str], offered: Mapping[str, tuple[str, ...]], where: str) -> list[Fault]:
    # Which of them it would be is the order in which Python finds them: nobody's decision.
    remedy = "Uninstall all but one of them (pip uninstall)"
    return [
        Fault(where, f"the plug-in {name!r} is offered by {' and by '.join(found)}", remedy, name)
        for name, found in offered.items()
        if name in names
    ]


def _missing(name: str, offered: Mapping[str, EntryPoint], where: str) -> Fault:
    near = difflib.get_close_matches(name, offered, n=1)
    remedy = f"Did you mean {near[0]!r}?" if near else f"Installed are: {', '.join(sorted(offered)) or 'none'}"
    return Fault(where, f"no installed plug-in is called {name!r}", remedy, name)


def _relations(plugin: Plugin, loaded: Mapping[str, LoadedPlugin], wanted: set[str], where: str) -> list[Fault]:
    faults = [
        Fault(where, f"the plug-in {plugin.name!r} requires {name!r}", f"Add {name} to the list", plugin.name)
        for name in plugin.requires
        if name not in wanted
    ]
    faults.extend(
        Fault(
            where,
            f"the plug-ins {plugin.name!r} and {name!r} cannot run together",
            "Take one out of the list",
            plugin.name,
        )
        for name in plugin.conflicts
        if name in loaded
    )
    try:
        fits = version_of("flasky") in SpecifierSet(plugin.requires_flasky)
    except InvalidSpecifier:
        problem = f"the plug-in {plugin.name!r} asks for Flasky {plugin.requires_flasky!r}"
        return [*faults, Fault(where, problem, "That is not a PEP 440 version specifier", plugin.name)]
    if not fits:
        this = version_of("flasky")
        problem = f"the plug-in {plugin.name!r} works with Flasky {plugin.requires_flasky}, this is {this}"
        faults.append(Fault(where, problem, "Install a version of it that fits", plugin.name))
    return faults


def _order(loaded: Mapping[str, LoadedPlugin]) -> tuple[list[LoadedPlugin], list[str]]:
    """Depth first in the INI's order, so that the order is the INI's wherever nothing else is asked for."""
    ordered: dict[str, LoadedPlugin] = {}
    path: list[str] = []

    def visit(name: str) -> list[str]:
        if name in ordered or name not in loaded:
            return []
        if name in path:
            return [*path[path.index(name) :], name]
        path.append(name)
        plugin = loaded[name].plugin
        for earlier in (*plugin.requires, *plugin.after):
            if cycle := visit(earlier):
                return cycle
        path.pop()
        ordered[name] = loaded[name]
        return []

    for name in loaded:
        if cycle := visit(name):
            return list(loaded.values()), cycle
    return list(ordered.values()), []


def _claimed_commands(plugins: list[LoadedPlugin], where: str) -> list[Fault]:
    owners: dict[str, str] = {}
    faults = []
    for item in plugins:
        for command in item.plugin.command_list:
            owner = owners.setdefault(command.name, item.name)
            if owner != item.name:
                problem = f"the plug-ins {owner!r} and {item.name!r} both bring the command `flasky {command.name}`"
                faults.append(Fault(where, problem, "Take one of them out of the list", item.name))
    return faults


def _without_includeme(plugins: list[LoadedPlugin], where: str) -> list[Fault]:
    remedy = "Add the function"
    return [
        Fault(where, f"the plug-in {item.name!r} has no includeme(config) in {item.package}", remedy, item.name)
        for item in plugins
        if not callable(getattr(import_module(item.package), "includeme", None))
    ]
