"""The slot on the profile page: what other plug-ins show of a member there.

    config.add_profile_section("blog", template="blog/profile.jinja2", values=function)

`function(request, user)` returns what the template uses besides `member`, the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.plugins.accounts.models import User

_REGISTRY_KEY = "accounts.profile_sections"

Values = Callable[[Request, User], Mapping[str, Any]]


@dataclass(frozen=True)
class ProfileSection:
    """A part of the profile page."""

    name: str
    template: str
    values: Values
    order: int


def add_profile_section(
    config: Configurator, name: str, *, template: str, values: Values | str, order: int = 100
) -> None:
    """Directive `config.add_profile_section(name, template=…, values=…, order=100)`; `values` may be a dotted name."""
    section = ProfileSection(name, template, config.maybe_dotted(values), order)
    introspectable = config.introspectable("accounts profile sections", name, name, "profile section")
    introspectable["value"] = section
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(_REGISTRY_KEY, {})[name] = section

    config.action((_REGISTRY_KEY, name), register, introspectables=(introspectable,))


def sections(registry: Registry) -> list[ProfileSection]:
    """Every section, in the order in which they are shown."""
    added: dict[str, ProfileSection] = registry.get(_REGISTRY_KEY, {})
    return sorted(added.values(), key=lambda section: (section.order, section.name))
