"""Where the pages of a plug-in are: a prefix that it proposes and the site can change.

`Plugin(prefix="/polls")` proposes it, `flasky.prefix.polls = /umfragen` in the INI file decides. Every route that the
plug-in adds comes below it; links stay right, as they name routes.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flasky.settings import Fault, Place, Setting

if TYPE_CHECKING:
    from pyramid.config import Configurator
    from pyramid.registry import Registry

_SETTING = "flasky.prefix."
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: How alike two names of plug-ins are of which one may be the other, misspelt.
_CLOSE = 0.8
_PREFIX = re.compile(r"(/[^/\s{}*?#%\\]+)*")
#: A placeholder in the pattern of a route, as `{year:[0-9]{4}}`.
PLACEHOLDER = re.compile(r"{\w+(?::(?:[^{}]|{[^{}]*})*)?}")


def parse_prefix(value: str) -> str:
    """Empty, or a path such as `/polls`: a slash before each part and none at the end."""
    text = value.strip()
    if not _PREFIX.fullmatch(text):
        raise ValueError("expected nothing, or a path such as /polls: a slash first, none at the end")
    return text


def prefix_setting(name: str, proposed: str) -> Setting:
    """The setting by which a site moves the pages of the plug-in `name`."""
    return Setting(
        f"{_SETTING}{name}",
        parse_prefix,
        default=proposed,
        help=f"What the addresses of the plug-in {name} begin with, as in /{name}.",
    )


def prefix_of(settings: Mapping[str, Any], name: str) -> str | None:
    """The prefix of a plug-in, as Pyramid's `include` takes it."""
    return settings.get(f"{_SETTING}{name}") or None


def left_over_prefixes(
    settings: Iterable[str], enabled: Collection[str], known: Callable[[], Collection[str]]
) -> set[str]:
    """Those names of `settings` that move a plug-in which is not `enabled`: it was disabled or removed, its line stays.

    One that is close to an enabled plug-in's name, and not that of a `known` one, is not among them: it is misspelt.
    `known` is asked only then, as reading what is installed takes a while.
    """
    found = set()
    for setting in settings:
        name = setting.removeprefix(_SETTING)
        if setting.startswith(_SETTING) and _NAME.fullmatch(name) and name not in enabled:
            near = difflib.get_close_matches(name, enabled, n=1, cutoff=_CLOSE)
            if not near or name in known():
                found.add(setting)
    return found


@contextlib.contextmanager
def at_the_root(config: Configurator) -> Iterator[None]:
    """Routes that are added within stay where they are: /robots.txt and the like are looked for at the root only."""
    prefix, config.route_prefix = config.route_prefix, None
    try:
        yield
    finally:
        config.route_prefix = prefix


def includeme(config: Configurator) -> None:
    """Check at start that no two plug-ins are moved to one place."""
    config.add_start_check(faults_of_prefixes)


def faults_of_prefixes(registry: Registry) -> list[Fault]:
    """Plug-ins of one prefix, and addresses of a moved plug-in that somebody else has already."""
    from flasky.site import get_site  # noqa: PLC0415 - it declares the settings with this module

    site = get_site(registry)
    prefixes = {item.name: prefix for item in site.plugins if (prefix := prefix_of(site.settings, item.name))}
    if not prefixes:
        return []
    place = Place(site.ini_file)
    return [
        *_same(prefixes, place),
        *_taken(registry, prefixes, place),
    ]


def _same(prefixes: Mapping[str, str], place: Place) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name, prefix in prefixes.items():
        owner = owners.setdefault(prefix, name)
        if owner != name:
            problem = f"the plug-ins {owner!r} and {name!r} both have the prefix {prefix}"
            yield Fault(place.key(f"{_SETTING}{name}"), problem, "Give one of them another", name)


def _taken(registry: Registry, prefixes: Mapping[str, str], place: Place) -> Iterator[Fault]:
    from flasky.ownership import owner_of_file  # noqa: PLC0415 - it needs the site
    from flasky.site import get_site  # noqa: PLC0415 - it declares the settings with this module

    first: dict[str, tuple[str, str]] = {}
    for item in registry.introspector.get_category("routes") or ():
        route = item["introspectable"]
        owner = owner_of_file(get_site(registry), getattr(route.action_info, "file", "") or "")
        pattern = "/" + PLACEHOLDER.sub("{}", str(route["pattern"])).lstrip("/")
        known, name = first.setdefault(pattern, (owner, route["name"]))
        moved = owner if owner in prefixes else known
        if known != owner and moved in prefixes:
            problem = (
                f"the routes {name!r} of {known} and {route['name']!r} of {owner} are at the same address {pattern}"
            )
            yield Fault(place.key(f"{_SETTING}{moved}"), problem, "Choose another prefix", moved)
