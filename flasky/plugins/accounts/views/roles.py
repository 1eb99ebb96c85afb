"""Roles: one table of who may do what, a page for each role, and new ones."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config
from wtforms.fields.choices import SelectChoice

from flasky.languages import _
from flasky.parameters import parse_id
from flasky.plugins.accounts import roles
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.forms import RoleForm
from flasky.plugins.accounts.grants import LADDER
from flasky.plugins.accounts.models import Role
from flasky.plugins.accounts.views.answers import UNPROCESSABLE, go, refuse, show
from flasky.plugins.accounts.words import role_description
from flasky.plugins.accounts.work import work_of

_MANAGE = "accounts.manage_roles"
#: A permission granted or revoked costs a look-up and a row each.
_DECIDING = 400


@view_config(route_name="accounts.roles", request_method="GET", permission=_MANAGE, statements=5)
def show_roles(request: Request) -> Response:
    """The table of roles and permissions, and the form for a new role."""
    form = RoleForm(request)
    return _page(request, form)


@view_config(route_name="accounts.roles", request_method="POST", permission=_MANAGE, fresh_proof=True, statements=40)
def create_role(request: Request) -> Response:
    """Make a role."""
    form, work = RoleForm(request), work_of(request)
    if form.validate():
        like = _by_name(request, form.like.data or "")
        try:
            role = roles.create_role(work, form.name.data, form.description.data or "", like=like)
        except Fault as fault:
            refuse(request, form, fault)
        else:
            request.flash(_("The role ${role} is made.", mapping={"role": role.name}), "success")
            return go(request, "accounts.role", role_id=role.id)
    return _page(request, form, UNPROCESSABLE)


@view_config(route_name="accounts.role", request_method="GET", permission=_MANAGE, statements=6)
def show_role(request: Request) -> Response:
    """What a role may do."""
    return _role_page(request, _role(request))


@view_config(
    route_name="accounts.role",
    request_method="POST",
    permission=_MANAGE,
    fresh_proof=True,
    repeated=("permission",),
    statements=_DECIDING,
)
def change_role(request: Request) -> Response:
    """Store what is ticked, or delete the role."""
    role, work = _role(request), work_of(request)
    try:
        if request.POST.get("action") == "delete":
            roles.delete_role(work, role)
            request.flash(_("The role is deleted."), "success")
            return go(request, "accounts.roles")
        _decide(request, role)
    except Refused as refused:
        request.tm.doom()
        return _role_page(request, role, refused, UNPROCESSABLE)
    request.flash(_("The permissions are stored."), "success")
    return go(request, "accounts.role", role_id=role.id)


def _decide(request: Request, role: Role) -> None:
    work, ticked = work_of(request), set(request.POST.getall("permission"))
    for row in roles.table(work).rows:
        cell = row.cells[role.name]
        if not cell.fixed and cell.held != (row.name in ticked):
            roles.decide(work, role, row.name, granted=row.name in ticked)


def _by_name(request: Request, name: str) -> Role | None:
    return next((role for role, _count in roles.all_roles(work_of(request)) if role.name == name), None)


def _role(request: Request) -> Role:
    role: Role | None = request.db.get(Role, parse_id(request.matchdict["role_id"]))
    if role is None:
        raise HTTPNotFound
    return role


def _page(request: Request, form: RoleForm, status: int = 200) -> Response:
    work = work_of(request)
    counts = roles.all_roles(work)
    none = SelectChoice("", request.localizer.translate(_("No role")))
    form.like.choices = [none, *(SelectChoice(role.name) for role, _count in counts)]
    values: dict[str, Any] = {"form": form, "table": roles.table(work), "counts": {r.name: n for r, n in counts}}
    return show(request, "roles", values, status)


def _role_page(request: Request, role: Role, refused: Refused | None = None, status: int = 200) -> Response:
    values = {
        "role": role,
        "description": role_description(role),
        "rows": roles.table(work_of(request)).rows,
        "refused": refused.reason if refused else None,
        "always": role.name in LADDER,
    }
    return show(request, "role", values, status)
