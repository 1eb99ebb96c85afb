"""Permissions: what a plug-in's views can ask for, and which roles have it unless the site decides otherwise.

A plug-in declares each permission with its title; a view names it (`permission="blog.write"`). Who holds it is no
business of the kernel: the identity provider decides, with `default_roles` as a proposal.

The directive is not called add_permission: Pyramid's configurator has a method of that name, which only notes a name.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry

_REGISTRY_KEY = "flasky.permissions"
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
LONGEST_PERMISSION = 100


class Permission(NamedTuple):
    """Something that somebody may be allowed to do: its name, its title for people, who has it by default."""

    name: str
    title: Any
    default_roles: frozenset[str]

    @property
    def plugin(self) -> str:
        """The plug-in that declares it."""
        return self.name.partition(".")[0]


def declare_permission(config: Configurator, name: str, title: Any, *, roles: tuple[str, ...] = ("User",)) -> None:
    """Directive `config.declare_permission("blog.write", _("Write posts"), roles=("User",))`.

    `name` begins with the plug-in's own name; `roles` are the names of the roles that hold it until an
    administrator decides otherwise, none for `()`. Raises ConfigurationError for a name of another form.
    """
    if not _NAME.fullmatch(name) or len(name) > LONGEST_PERMISSION:
        raise ConfigurationError(
            f"{config.package_name}: the permission {name!r} must be named <plug-in>.<what>, in lower-case letters, "
            f"digits and underscores, with at most {LONGEST_PERMISSION} characters"
        )
    permission = Permission(name, title, frozenset(roles))
    introspectable = config.introspectable("flasky permissions", name, name, "permission")
    introspectable["value"] = permission
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(_REGISTRY_KEY, {})[name] = permission

    config.action((_REGISTRY_KEY, name), register, introspectables=(introspectable,))


def permissions(registry: Registry) -> dict[str, Permission]:
    """Every permission of the enabled plug-ins, by name, in the order of their names."""
    declared: dict[str, Permission] = registry.get(_REGISTRY_KEY, {})
    return {name: declared[name] for name in sorted(declared)}


def includeme(config: Configurator) -> None:
    """Make the directive a method of the configurator."""
    config.add_directive("declare_permission", declare_permission)
