"""The list of members, and looking after one of them."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.forms import RequestForm
from flasky.languages import _
from flasky.languages.switching import switched
from flasky.parameters import parse_id
from flasky.plugins.accounts import emptying, people, registration, roles, security_log, two_factor
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.forms import EmptyingForm, InviteForm
from flasky.plugins.accounts.limits import storable
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.views.answers import UNPROCESSABLE, blank, go, refuse, show
from flasky.plugins.accounts.words import sentence
from flasky.plugins.accounts.work import work_of

_LONGEST_KEY = 255


@view_config(
    route_name="accounts.people",
    request_method="GET",
    permission="accounts.see_people",
    renderer="accounts/people.jinja2",
    statements=2,
)
def show_people(request: Request) -> dict[str, Any]:
    """The members in the order of their names, a page of 50 at a time."""
    after = storable(request.GET.get("after", ""))[:_LONGEST_KEY]
    return {"page": people.members(work_of(request), after=after), "first": not after}


@view_config(route_name="accounts.member", request_method="GET", permission="accounts.manage_people", statements=6)
def show_member(request: Request) -> Response:
    """What those see who look after members."""
    user = _member(request)
    return _page(request, user, _blank(request, user))


@view_config(
    route_name="accounts.member",
    request_method="POST",
    permission="accounts.manage_people",
    fresh_proof=True,
    statements=40,
)
def manage(request: Request) -> Response:
    """Do what the button says: disable, enable, end the sessions, give another role, empty the profile."""
    is_switched = switched(request)
    user, work = _member(request), work_of(request)
    if is_switched:
        return _page(request, user, EmptyingForm(request))
    action = request.POST.get("action", "")
    if action == "empty":
        return _empty(request, user)
    try:
        if action == "disable":
            people.disable(work, user)
        elif action == "enable":
            people.enable(work, user)
        elif action == "end_sessions":
            people.end_sessions_of(work, user)
        elif action == "role" and _may_give_roles(request):
            _give_role(request, user)
        elif action == "second_factor" and _may_give_roles(request):
            # For a member who lost both phone and recovery codes; they are told by mail.
            two_factor.remove(work, user)
        else:
            raise Refused(_("This cannot be done here."))
    except Refused as refused:
        return _refuse(request, user, refused, _blank(request, user))
    return _done(request, user)


@view_config(route_name="accounts.invite", request_method="GET", permission="accounts.manage_people", statements=1)
def show_invite(request: Request) -> Response:
    """The form to invite somebody."""
    return show(request, "invite", {"form": InviteForm(request)})


@view_config(route_name="accounts.invite", request_method="POST", permission="accounts.manage_people")
def invite(request: Request) -> Response:
    """Mail an invitation."""
    form = InviteForm(request)
    if form.validate():
        try:
            registration.invite(work_of(request), form.email.data)
        except Fault as fault:
            refuse(request, form, fault)
        else:
            request.flash(_("The invitation is on its way to ${email}.", mapping={"email": form.email.data}), "success")
            return go(request, "accounts.invite")
    return show(request, "invite", {"form": form}, UNPROCESSABLE)


def _empty(request: Request, user: User) -> Response:
    form = EmptyingForm(request)
    if not form.validate():
        return _page(request, user, form, status=UNPROCESSABLE)
    parts = [part for part in emptying.PARTS if form[part].data]
    try:
        emptying.empty(work_of(request), user, parts, form.reason.data, seen=form.seen.data or "")
    except Fault as fault:
        return _page(request, user, form, status=refuse(request, form, fault))
    except Refused as refused:
        # The page that says why shows what there is now: its form is about that.
        form.seen.data = emptying.digest(user)
        return _refuse(request, user, refused, form)
    return _done(request, user)


def _blank(request: Request, user: User) -> RequestForm:
    form = blank(EmptyingForm, request)
    form.seen.data = emptying.digest(user)
    return form


def _done(request: Request, user: User) -> Response:
    request.flash(_("Done."), "success")
    return go(request, "accounts.member", user_id=user.id)


def _refuse(request: Request, user: User, refused: Refused, form: RequestForm) -> Response:
    request.tm.doom()
    return _page(request, user, form, refused, status=UNPROCESSABLE)


def _may_give_roles(request: Request) -> bool:
    return "accounts.manage_roles" in request.identity.permissions


def _give_role(request: Request, user: User) -> None:
    work = work_of(request)
    name = request.POST.get("role", "")
    role = next((role for role, _count in roles.all_roles(work) if role.name == name), None)
    if role is None:
        raise Refused(_("There is no such role."))
    roles.change_role(work, user, role)


def _member(request: Request) -> User:
    user: User | None = roles.find_member(work_of(request), parse_id(request.matchdict["user_id"]))
    if user is None:
        raise HTTPNotFound
    return user


def _page(
    request: Request, user: User, form: RequestForm, refused: Refused | None = None, status: int = 200
) -> Response:
    work = work_of(request)
    values = {
        "member": user,
        "refused": refused.reason if refused else None,
        "form": form,
        "filled": emptying.filled(user),
        "roles": [role for role, _count in roles.all_roles(work)],
        "may_give_roles": _may_give_roles(request),
        "has_second_factor": two_factor.is_on(work, user.id),
        "rows": security_log.events(work, user.id, limit=20),
        "sentence": sentence,
    }
    return show(request, "member", values, status)
