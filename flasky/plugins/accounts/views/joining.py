"""Joining: registering, by an invitation too, and confirming the address."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.plugins.accounts import confirmation, registration, tokens
from flasky.plugins.accounts.forms import AddressForm, RegisterForm
from flasky.plugins.accounts.grants import SIGNED_IN
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.views.answers import REFUSALS, UNPROCESSABLE, go, refuse, show
from flasky.plugins.accounts.views.mailed_links import is_in_address, put_away, secret_of
from flasky.plugins.accounts.work import work_of
from flasky.redirects import safe_next


@view_config(route_name="accounts.register", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def show_registration(request: Request) -> Response:
    """The form to join with."""
    if request.identity is not None:
        return HTTPSeeOther(safe_next(request, None))
    return _registration(request, RegisterForm(request))


@view_config(route_name="accounts.invitation", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def show_invitation(request: Request) -> Response:
    """The same form, with the address that the invitation was mailed to."""
    secret = secret_of(request)
    invited = registration.find_invitation(work_of(request), secret)
    if is_in_address(request):
        return put_away(request, secret)
    return _registration(request, RegisterForm(request, data={"email": invited.email, "invitation": secret}))


@view_config(route_name="accounts.register", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=30)
def register(request: Request) -> Response:
    """Make an account; an address that has one already is answered alike (ENU-02)."""
    form, status = RegisterForm(request), UNPROCESSABLE
    work = work_of(request)
    if form.validate():
        try:
            outcome = registration.register(
                work,
                username=form.username.data,
                email=form.email.data,
                password=form.password.data,
                invitation=form.invitation.data or "",
            )
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            if outcome.user is not None and outcome.user.confirmed_at is not None:
                # The invitation came by mail, so there is nothing to confirm and no mail to wait for.
                request.flash(_("You have joined. Sign in with your name and your password."), "success")
                return go(request, "accounts.login")
            return show(request, "joined", {"email": form.email.data})
    return _registration(request, form, status)


def _registration(request: Request, form: RegisterForm, status: int = 200) -> Response:
    is_open = registration.is_open(work_of(request)) or bool(form.invitation.data)
    return show(request, "register", {"form": form, "is_open": is_open}, status)


@view_config(route_name="accounts.confirm", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def show_confirmation(request: Request) -> Response:
    """A page with a button: programs that look into mails open every link (CSR-04)."""
    secret = secret_of(request)
    token = tokens.look_up(work_of(request), Purpose.CONFIRM, secret)
    if is_in_address(request):
        return put_away(request, secret)
    return show(
        request,
        "button",
        {
            "title": _("Confirm your address"),
            "text": _("Is ${email} your address?", mapping={"email": token.email}),
            "button": _("Yes, confirm it"),
        },
    )


@view_config(route_name="accounts.confirm", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=30)
def confirm(request: Request) -> Response:
    """Count the address as confirmed."""
    user = confirmation.confirm(work_of(request), secret_of(request))
    request.flash(_("Your address is confirmed."), "success")
    identity = request.identity
    if identity is not None and identity.user_id == user.id:
        return HTTPSeeOther(safe_next(request, None))
    return go(request, "accounts.login")


@view_config(
    route_name="accounts.unconfirmed",
    request_method="GET",
    permission=SIGNED_IN,
    renderer="accounts/unconfirmed.jinja2",
    statements=1,
)
def show_unconfirmed(request: Request) -> dict[str, Any] | Response:
    """What somebody can do whose address is not confirmed (ACL-06)."""
    if request.identity.confirmed:
        return HTTPSeeOther(safe_next(request, None))
    return {"email": request.identity.email}


@view_config(route_name="accounts.resend", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def show_resend(request: Request) -> Response:
    """The form to have the link mailed again."""
    email = request.identity.email if request.identity is not None else ""
    return show(request, "resend", {"form": AddressForm(request, data={"email": email})})


@view_config(route_name="accounts.resend", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=15)
def resend(request: Request) -> Response:
    """Mail the link again if that address waits for it; the answer is the same if not (ENU-03)."""
    form, status = AddressForm(request), UNPROCESSABLE
    if form.validate():
        try:
            confirmation.resend(work_of(request), form.email.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return show(request, "mailed", {"email": form.email.data})
    return show(request, "resend", {"form": form}, status)
