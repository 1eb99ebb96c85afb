"""Roles: which there are, what they may do, and who has which. The last administrator cannot vanish (ACL-03).

Everything that could take the last administrator away (another role, disabling, leaving) first locks the row of the
role Administrator, so that two of them cannot each count the other: on PostgreSQL by that lock, on SQLite because a
writing transaction is alone from its beginning.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from flasky.languages import _
from flasky.permissions import permissions
from flasky.plugins.accounts import grants
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.events import RoleChanged
from flasky.plugins.accounts.grants import ADMINISTRATOR, LADDER, Cell, Row
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import LONGEST_ROLE_NAME, Role, RolePermission, User
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.work import Work


class NoSuchPermission(LookupError):
    """A permission was named that no enabled plug-in declares."""


class RoleTable(NamedTuple):
    """Every role, and a row for every permission."""

    roles: list[Role]
    rows: list[Row]


def all_roles(work: Work) -> list[tuple[Role, int]]:
    """Every role with the number of its members, the oldest first. It only reads."""
    count = select(func.count(User.id)).where(User.role_id == Role.id).scalar_subquery()
    return [(role, number) for role, number in work.db.execute(select(Role, count).order_by(Role.id))]


def table(work: Work) -> RoleTable:
    """Which role may do what, as one table. It only reads."""
    roles = list(work.db.scalars(select(Role).order_by(Role.id)))
    decided = {(row.role_id, row.permission): row.granted for row in work.db.scalars(select(RolePermission))}
    declared = permissions(work.registry)
    rows = [
        Row(
            name,
            permission.title,
            {
                role.name: Cell(
                    grants.is_fixed(role.name, name)
                    or decided.get((role.id, name), grants.proposed(permission, role.name)),
                    grants.is_fixed(role.name, name),
                )
                for role in roles
            },
        )
        for name, permission in declared.items()
    ]
    return RoleTable(roles, rows)


def decide(work: Work, role: Role, permission: str, *, granted: bool) -> None:
    """Grant a permission to a role or revoke it. Raises NoSuchPermission, and Refused for what nobody can change."""
    declared = permissions(work.registry)
    if permission not in declared:
        raise NoSuchPermission(
            f"No enabled plug-in declares the permission {permission!r}. There are: {', '.join(declared)}."
        )
    if grants.is_fixed(role.name, permission):
        raise Refused(
            _(
                "${role} always has the permission ${permission}.",
                mapping={"role": role.name, "permission": permission},
            )
        )
    row = work.db.get(RolePermission, (role.id, permission))
    if row is None:
        work.db.add(RolePermission(role_id=role.id, permission=permission, granted=granted))
    else:
        row.granted = granted
    work.db.flush()
    record(work, Event.PERMISSION_CHANGED, None, role=role.name, permission=permission, granted=granted)


def create_role(work: Work, name: str, description: str = "", *, like: Role | None = None) -> Role:
    """Make a role; with `like` it may do what that one may do now. Raises Fault for a name that cannot be taken."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_ROLE_NAME or not name.isprintable():
        raise Fault("name", _("A role's name has 1 to ${count} characters.", mapping={"count": LONGEST_ROLE_NAME}))
    role = Role(name=name, description=description)
    try:
        with work.db.begin_nested():
            work.db.add(role)
            work.db.flush()
    except IntegrityError as error:
        raise Fault("name", _("There is a role of this name.")) from error
    held = permissions_of(work, like) if like is not None else frozenset()
    declared = permissions(work.registry)
    work.db.add_all(
        RolePermission(role_id=role.id, permission=permission, granted=permission in held)
        for permission in declared
        if permission in held or grants.proposed(declared[permission], name)
    )
    work.db.flush()
    return role


def permissions_of(work: Work, role: Role) -> frozenset[str]:
    """What a role may do. It only reads."""
    decisions = work.db.scalar(grants.decisions_of_role(role.id)) or ""
    return grants.effective(work.registry, role.name, decisions)


def others_may(work: Work, permission: str) -> bool:
    """Whether a member who has a profile, and is not whoever asks, has a permission. One statement; it only reads.

    An administrator counts who has still to set up a second factor: they can.
    """
    me = work.identity.user_id if work.identity else 0
    somebody = select(User.id).where(User.role_id == Role.id, User.id != me, User.has_profile).exists()
    statement = select(Role.name, grants.decisions_of_role(Role.id).scalar_subquery()).where(somebody)
    with work.reading() as connection:
        found = connection.execute(statement).all()
    return any(permission in grants.effective(work.registry, name, decisions) for name, decisions in found)


def delete_role(work: Work, role: Role) -> None:
    """Remove a role that nobody has. Raises Refused for one of the three that always exist, and one in use."""
    if role.name in LADDER:
        raise Refused(_("The role ${role} always exists.", mapping={"role": role.name}))
    try:
        with work.db.begin_nested():
            work.db.execute(delete(Role).where(Role.id == role.id))
    except IntegrityError as error:
        raise Refused(_("There are members with the role ${role}.", mapping={"role": role.name})) from error


def change_role(work: Work, user: User, role: Role) -> None:
    """Give a member another role, effective with their next request. Raises Refused for the last administrator."""
    administrator = lock_administrators(work)
    work.db.refresh(user, ["role_id", "disabled_at"])
    if user.role_id == role.id:
        return
    if user.role_id == administrator.id:
        keep_an_administrator(work, user)
    assign(work, user, role)


def assign(work: Work, user: User, role: Role) -> None:
    """Give a member a role, record it, tell them and the other plug-ins."""
    former = work.db.scalars(select(Role.name).where(Role.id == user.role_id)).one()
    user.role = role
    work.db.flush()
    record(work, Event.ROLE_CHANGED, user.id, former=former, role=role.name)
    send_to_member(work, "mail/changed", user, what="role")
    work.registry.notify(RoleChanged(work, user, former))


def lock_administrators(work: Work) -> Role:
    """The role Administrator, its row locked until the transaction ends."""
    # FOR NO KEY UPDATE: giving somebody a role refers to its row and must not wait for this.
    query = select(Role).where(Role.name == ADMINISTRATOR).with_for_update(key_share=True)
    role: Role = work.db.scalars(query).one()
    return role


def keep_an_administrator(work: Work, leaving: User) -> None:
    """Raise Refused when nobody could administer the site without this member; after `lock_administrators`."""
    work.db.flush()
    others = administrators().where(User.id != leaving.id)
    if work.db.scalar(select(func.count()).select_from(others.subquery())) == 0:
        raise Refused(_("This is the last administrator. Make somebody else one first."))


def administrators() -> Select[int]:
    """The ids of those who can administer the site: confirmed, not disabled, not leaving."""
    return (
        select(User.id)
        .join(Role, Role.id == User.role_id)
        .where(
            Role.name == ADMINISTRATOR,
            User.confirmed_at.is_not(None),
            User.disabled_at.is_(None),
            User.deletion_due_at.is_(None),
        )
    )


def find_member(work: Work, user_id: int) -> User | None:
    """The member with that id and their role, or None."""
    return work.db.get(User, user_id, options=[joinedload(User.role)])
