"""Signing in and out, by password, code and mailed link, and proving oneself again."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.plugins.accounts import authentication, sessions, tokens
from flasky.plugins.accounts.authentication import BadCredentials
from flasky.plugins.accounts.errors import Fault
from flasky.plugins.accounts.forms import CodeForm, LinkForm, LoginForm, ProveForm
from flasky.plugins.accounts.grants import SIGNED_IN
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.views.answers import (
    NEXT,
    REFUSALS,
    UNPROCESSABLE,
    go,
    go_on,
    refuse,
    show,
    show_code,
    wanted,
)
from flasky.plugins.accounts.views.answers import show_login as login_page
from flasky.plugins.accounts.views.mailed_links import is_in_address, put_away, secret_of
from flasky.plugins.accounts.work import work_of
from flasky.redirects import safe_next

_SIGNING_IN = 20


@view_config(route_name="accounts.login", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def show_login(request: Request) -> Response:
    """The form to sign in with."""
    hidden = wanted(request)
    if request.identity is not None:
        return HTTPSeeOther(safe_next(request, hidden.get(NEXT)))
    return login_page(request, LoginForm(request), hidden)


@view_config(
    route_name="accounts.login", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=_SIGNING_IN
)
def login(request: Request) -> Response:
    """Begin a session. Everything that is wrong is answered alike (ENU-01)."""
    form, hidden, status = LoginForm(request), wanted(request), UNPROCESSABLE
    if form.validate():
        try:
            signed_in = authentication.sign_in(
                work_of(request), form.login.data, form.password.data, remember=form.remember_me.data
            )
        except BadCredentials:
            refuse(request, form, Fault("password", _("Name or password is wrong.")))
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return go_on(request, signed_in, hidden)
    return login_page(request, form, hidden, status)


@view_config(route_name="accounts.code", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def show_code_form(request: Request) -> Response:
    """The form for the code of the second factor."""
    if sessions.pending(work_of(request)) is None:
        return go(request, "accounts.login")
    return show_code(request, CodeForm(request), wanted(request))


@view_config(
    route_name="accounts.code", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=_SIGNING_IN
)
def enter_code(request: Request) -> Response:
    """Complete signing in."""
    form, hidden, status = CodeForm(request), wanted(request), UNPROCESSABLE
    if form.validate():
        try:
            signed_in = authentication.enter_code(work_of(request), form.code.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return go_on(request, signed_in, hidden)
    return show_code(request, form, hidden, status)


@view_config(route_name="accounts.link", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def show_link_form(request: Request) -> Response:
    """The form to ask for a link."""
    return show(request, "link", {"form": LinkForm(request)})


@view_config(route_name="accounts.link", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=15)
def ask_for_link(request: Request) -> Response:
    """Mail a link, if there is such a member; the answer is the same if not."""
    form, status = LinkForm(request), UNPROCESSABLE
    if form.validate():
        try:
            authentication.ask_for_link(work_of(request), form.login.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return show(request, "mailed", {"email": None})
    return show(request, "link", {"form": form}, status)


@view_config(route_name="accounts.link_token", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def show_link(request: Request) -> Response:
    """A page with a button: programs that look into mails open every link (CSR-04)."""
    secret = secret_of(request)
    token = tokens.look_up(work_of(request), Purpose.SIGN_IN, secret)
    if is_in_address(request):
        return put_away(request, secret)
    name = {"username": token.user.username}
    return show(
        request,
        "button",
        {
            "title": _("Sign in"),
            "text": _("Sign in as ${username}?", mapping=name),
            "button": _("Sign in"),
        },
    )


@view_config(
    route_name="accounts.link_token",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    statements=_SIGNING_IN,
)
def sign_in_by_link(request: Request) -> Response:
    """Begin a session."""
    return go_on(request, authentication.sign_in_by_link(work_of(request), secret_of(request)), {})


@view_config(route_name="accounts.prove", request_method="GET", permission=SIGNED_IN, statements=1)
def show_prove(request: Request) -> Response:
    """The form that asks for the password again."""
    return show(request, "prove", {"form": ProveForm(request), "hidden": wanted(request)})


@view_config(route_name="accounts.prove", request_method="POST", permission=SIGNED_IN)
def prove(request: Request) -> Response:
    """Renew the session and go on with what was asked for."""
    form, hidden, status = ProveForm(request), wanted(request), UNPROCESSABLE
    if form.validate():
        try:
            signed_in = authentication.prove(work_of(request), form.password.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return go_on(request, signed_in, hidden)
    return show(request, "prove", {"form": form, "hidden": hidden}, status)


@view_config(
    route_name="accounts.logout",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="accounts/logout.jinja2",
    statements=1,
)
def show_logout(_request: Request) -> dict[str, Any]:
    """A button: a link that signs out could be followed by any page and any program (SES-03)."""
    return {}


@view_config(route_name="accounts.logout", request_method="POST", permission=NO_PERMISSION_REQUIRED)
def logout(request: Request) -> Response:
    """End the session of this browser, also one that is over already."""
    authentication.sign_out(work_of(request))
    request.flash(_("You are signed out."))
    response = HTTPSeeOther(safe_next(request, None))
    sessions.forget_cookie(request, response)
    return response


@view_config(
    route_name="accounts.account",
    request_method="GET",
    permission=SIGNED_IN,
    renderer="accounts/account.jinja2",
    statements=1,
)
def show_account(_request: Request) -> dict[str, Any]:
    """Where everything about one's own account is found."""
    return {}
