"""Which plug-in something belongs to, and everything that a plug-in contributes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyramid.registry import Registry

from flasky.site import Site, get_site

#: The owner of what the kernel itself contributes.
KERNEL = "flasky"

#: Pyramid's and Flasky's categories of introspectables, and what a contribution of each is called.
_KINDS = {
    "routes": "route",
    "views": "view",
    "subscribers": "subscriber",
    "tweens": "tween",
    "translation directories": "translations",
    "flasky permissions": "permission",
    "flasky.navigation": "navigation",
    "flasky.shell_names": "shell name",
    "flasky slots": "slot",
    "flasky mails": "mail",
    "flasky static files": "static",
}


@dataclass(frozen=True, order=True)
class Contribution:
    """Something that a plug-in brings: what it is, its name, whose it is, and where it is written."""

    plugin: str
    kind: str
    name: str
    where: str = ""

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


def owner_of_module(registry: Registry, module: str) -> tuple[str, str]:
    """Name and version of the enabled plug-in that `module` belongs to; those of Flasky for the kernel's.

    A module of neither is its own owner, without a version.
    """
    for item in get_site(registry).plugins:
        if module == item.package or module.startswith(f"{item.package}."):
            return item.name, item.version
    top = module.partition(".")[0]
    return (KERNEL, version("flasky")) if top == KERNEL else (top, "")


def owner_of_file(site: Site, file: str) -> str:
    """The enabled plug-in in whose package `file` lies, `flasky` if in none; the innermost package counts."""
    homes = [(folder, item.name) for item in site.plugins if Path(file).is_relative_to(folder := home(item.package))]
    return max(homes, key=lambda owner: len(owner[0].parts), default=(Path(), KERNEL))[1]


@cache
def home(package: str) -> Path:
    """The folder of an installed package."""
    return Path(str(import_module(package).__file__)).parent


def contributions(registry: Registry) -> list[Contribution]:
    """Everything that Flasky and the enabled plug-ins contribute to the started site, by owner and kind."""
    site = get_site(registry)
    return sorted({*declared(site), *_registered(registry, site)})


def declared(site: Site) -> Iterator[Contribution]:
    """What the plug-ins' declarations, files and models say; known without starting the application."""
    # Models bring SQLAlchemy, which listing commands must not wait for.
    from flasky.database.ownership import owner_of, tables  # noqa: PLC0415 - see above

    for item in site.plugins:
        where = str(home(item.package) / "__init__.py")
        for setting in item.plugin.settings:
            yield Contribution(item.name, "setting", setting.name, where)
        for command in item.plugin.command_list:
            yield Contribution(item.name, "command", command.name, command.target)
        if item.plugin.migrations:
            yield Contribution(item.name, "migrations", item.plugin.migrations, where)
    for table in tables(site):
        yield Contribution(owner_of(site, table), "table", table.name)


def _registered(registry: Registry, site: Site) -> Iterator[Contribution]:
    from flasky.templating import template_folders  # noqa: PLC0415 - it shows slots, which ask here for owners

    for owner, folder in template_folders(registry):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                name = file.relative_to(folder).as_posix()
                yield Contribution(owner.removeprefix("plug-in ").lower(), "template", name, str(file))
    for category, kind in _KINDS.items():
        for item in registry.introspector.get_category(category) or ():
            introspectable = item["introspectable"]
            owner, where = _place(site, introspectable)
            yield Contribution(owner, kind, _name(kind, introspectable), where)


def _place(site: Site, introspectable: Any) -> tuple[str, str]:
    place = introspectable.action_info
    if not getattr(place, "file", ""):
        return KERNEL, ""
    return owner_of_file(site, place.file), f"{place.file}:{place.line}"


def _name(kind: str, introspectable: Any) -> str:
    if kind == "view":
        function = introspectable["callable"]
        function = getattr(function, introspectable["attr"] or "", function)
        plain = inspect.unwrap(function) if callable(function) else function
        return f"{introspectable.get('route_name') or ''} {getattr(plain, '__qualname__', plain)}".strip()
    if kind == "subscriber":
        subscriber = introspectable["subscriber"]
        return f"{introspectable.title}: {getattr(subscriber, '__qualname__', subscriber)}"
    if kind == "translations":
        return str(introspectable["directory"])
    if kind == "slot":
        return str(introspectable.title)
    return str(introspectable.discriminator if kind != "tween" else introspectable["name"])
