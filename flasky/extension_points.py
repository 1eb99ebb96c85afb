"""Extension points: named lists that plug-ins contribute to, the kernel's and those of any plug-in.

A contribution is registered through `config.action`: two of one name are a fault at start that names both places,
and `flasky plugin show NAME` lists whose they are. Values live on the registry, never in a module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry

from flasky.settings import Fault

_POINTS = "flasky.extension_points"
#: The category under which Pyramid's introspector holds the points themselves.
CATEGORY = "flasky extension points"


class ExtensionPoint(NamedTuple):
    """A named list that plug-ins contribute to.

    `name` begins with the plug-in that reads the list (`polls.kinds`), `kind` is what one contribution is called in
    listings and faults (`kind of poll`). The object holds no contributions: it only knows where they are kept.
    """

    name: str
    kind: str

    def contribute(self, config: Configurator, name: str, value: Any) -> None:
        """Add `value` under `name`; called by the directive that belongs to this point."""
        introspectable = config.introspectable(self.name, name, name, self.kind)
        introspectable["value"] = value
        introspectable["package"] = config.package_name

        def register() -> None:
            config.registry.setdefault(self.name, {})[name] = value

        config.action((self, name), register, introspectables=(introspectable,))

    def contributions(self, registry: Registry) -> dict[str, Any]:
        """Every contribution by its name, in the order of the plug-ins."""
        return dict(registry.get(self.name, {}))

    def has(self, registry: Registry, name: str) -> bool:
        """Whether there is a contribution of this name; costs next to nothing."""
        return name in registry.get(self.name, ())

    def fault(self, registry: Registry, name: str, problem: str, remedy: str = "") -> Fault:
        """What is wrong with the contribution `name`, with the place where it was made; for start checks."""
        introspectable = registry.introspector.get(self.name, name)
        place = introspectable.action_info
        where = f"{place.file}, line {place.line}" if getattr(place, "file", "") else introspectable["package"]
        return Fault(where, f"the {self.kind} {name!r} {problem}", remedy)

    def __str__(self) -> str:
        return self.kind


def add_extension_point(config: Configurator, point: ExtensionPoint, directive: Callable[..., None]) -> None:
    """Directive `config.add_extension_point(point, directive)`: other plug-ins may call `config.<directive>`.

    `directive` is a function of the configurator and whatever a contribution takes; it checks that and calls
    `point.contribute`. Its name becomes the method's. Raises ConfigurationError when there is such a method already.
    """
    name = directive.__name__
    known = getattr(config.registry, "_directives", {})
    if name in known or hasattr(type(config), name):
        raise ConfigurationError(f"{config.package_name}: there is a directive {name!r} already; name it otherwise")
    config.add_directive(name, directive)
    introspectable = config.introspectable(CATEGORY, point.name, f"config.{name}", "extension point")
    introspectable["value"] = point
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(_POINTS, {})[point.name] = point

    config.action((CATEGORY, point.name), register, introspectables=(introspectable,))


def extension_points(registry: Registry) -> dict[str, ExtensionPoint]:
    """Every extension point of the site by its name."""
    return dict(registry.get(_POINTS, {}))


def includeme(config: Configurator) -> None:
    """Make the directive a method of the configurator."""
    config.add_directive("add_extension_point", add_extension_point)
