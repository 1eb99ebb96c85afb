"""What each role may do: what the plug-ins propose, as far as the administrators did not decide otherwise.

Only decisions are stored. So nothing has to be written when a plug-in is switched on, and what was revoked stays
revoked through restarts, upgrades and switching off (docs/decisions/0050-permissions-of-roles.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyramid.registry import Registry
from sqlalchemy import Select, case, func, literal, select

from flasky.permissions import Permission, permissions
from flasky.plugins.accounts.models import RolePermission

USER, MODERATOR, ADMINISTRATOR = "User", "Moderator", "Administrator"
#: The roles that always exist; each may also do what the ones before it may.
LADDER = (USER, MODERATOR, ADMINISTRATOR)

#: Held by everybody who is signed in, confirmed or not (ACL-06): to confirm, to change the address, to sign out.
SIGNED_IN = "accounts.signed_in"

_CACHE = "accounts.grants"


class Cell(NamedTuple):
    """Whether a role holds a permission, and whether that can be changed."""

    held: bool
    fixed: bool


class Row(NamedTuple):
    """A permission, or a stored name that no enabled plug-in declares, and its cell for each role by name."""

    name: str
    title: Any
    cells: dict[str, Cell]


def proposed(permission: Permission, role: str) -> bool:
    """Whether `role` holds `permission` when nobody decided anything."""
    if role not in LADDER:
        return role in permission.default_roles
    return any(name in permission.default_roles for name in LADDER[: LADDER.index(role) + 1])


def effective(registry: Registry, role: str, decisions: str) -> frozenset[str]:
    """What `role` may do; `decisions` is what `decisions_of_role` selected.

    The Administrator holds every permission, whatever was decided: a site cannot be locked against its owner.
    """
    cache: dict[tuple[str, str], frozenset[str]] = registry.setdefault(_CACHE, {})
    key = (role, decisions)
    if key not in cache:
        cache[key] = _effective(registry, role, decisions)
    return cache[key]


def _effective(registry: Registry, role: str, decisions: str) -> frozenset[str]:
    decided = {word[1:]: word[0] == "+" for word in decisions.split()}
    return frozenset(
        name
        for name, permission in permissions(registry).items()
        if role == ADMINISTRATOR or name == SIGNED_IN or decided.get(name, proposed(permission, role))
    )


def decisions_of_role(role_id: Any) -> Select[str]:
    """A select of one text: the decisions about a role as words, `+` or `-` and the permission."""
    word = case((RolePermission.granted, literal("+")), else_=literal("-")) + RolePermission.permission
    return select(func.coalesce(func.aggregate_strings(word, " "), "")).where(RolePermission.role_id == role_id)


def is_fixed(role: str, permission: str) -> bool:
    """Whether nobody can change if `role` holds `permission`."""
    return role == ADMINISTRATOR or permission == SIGNED_IN
