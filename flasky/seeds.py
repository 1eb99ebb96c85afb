"""Seed data: what makes a new site of a developer one that can be tried, from each plug-in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.background import background_request
from flasky.extension_points import ExtensionPoint
from flasky.ownership import owner_of_module

SEEDS = ExtensionPoint("flasky.seeds", "seed")

#: Given a request that nobody sent; says in a line what it added, or None when all was there.
SeedFunction = Callable[[Request], str | None]


class Seed(NamedTuple):
    """What a plug-in adds to a new site, and whose it is."""

    name: str
    function: SeedFunction
    package: str


def add_seed(config: Configurator, name: str, function: SeedFunction | str) -> None:
    """Directive `config.add_seed("polls.examples", "flasky_polls.seeds.examples")`: what `flasky seed` runs.

    The function (or its dotted name) is given a request that nobody sent, in a transaction of its own. It may run any
    number of times and adds only what is not there; it returns a line that says what it added, or None.
    """
    found = config.maybe_dotted(function)
    if not callable(found):
        raise ConfigurationError(f"{config.package_name}: the seed {name!r} needs a function, not {function!r}")
    SEEDS.contribute(config, name, Seed(name, found, config.package_name))


def seeds(registry: Registry, plugins: Collection[str] = ()) -> Iterator[tuple[str, Seed]]:
    """Each seed with the name of its plug-in, in the order of the plug-ins; those of `plugins` if any are named."""
    for seed in SEEDS.contributions(registry).values():
        owner = owner_of_module(registry, seed.package)[0]
        if not plugins or owner in plugins:
            yield owner, seed


def sow(registry: Registry, seed: Seed) -> str | None:
    """Run one seed: wholly or, when it raises, not at all. Returns what it says it added."""
    with background_request(registry) as request:
        return seed.function(request)


def includeme(config: Configurator) -> None:
    """Add the directive."""
    config.add_extension_point(SEEDS, add_seed)
