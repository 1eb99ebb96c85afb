"""A new password, by a mailed link or by its owner, and another address."""

from __future__ import annotations

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.plugins.accounts import address_change, reset, sessions, tokens
from flasky.plugins.accounts.forms import AddressForm, ChangeAddressForm, ChangePasswordForm, ResetForm
from flasky.plugins.accounts.grants import SIGNED_IN
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.views.answers import REFUSALS, UNPROCESSABLE, go, refuse, show
from flasky.plugins.accounts.views.mailed_links import is_in_address, put_away, secret_of
from flasky.plugins.accounts.work import work_of
from flasky.redirects import safe_next

_CHANGING = 30


@view_config(route_name="accounts.reset", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def show_asking(request: Request) -> Response:
    """The form to ask for a link."""
    return show(request, "reset", {"form": AddressForm(request)})


@view_config(route_name="accounts.reset", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=15)
def ask(request: Request) -> Response:
    """Mail a link, if there is an account with that address; the answer is the same if not (ENU-03)."""
    form, status = AddressForm(request), UNPROCESSABLE
    if form.validate():
        try:
            reset.ask(work_of(request), form.email.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return show(request, "mailed", {"email": form.email.data})
    return show(request, "reset", {"form": form}, status)


@view_config(route_name="accounts.reset_token", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def show_reset(request: Request) -> Response:
    """The form for the new password."""
    secret = secret_of(request)
    token = tokens.look_up(work_of(request), Purpose.RESET, secret)
    if is_in_address(request):
        return put_away(request, secret)
    return show(request, "reset_token", {"form": ResetForm(request), "username": token.user.username})


@view_config(
    route_name="accounts.reset_token", request_method="POST", permission=NO_PERMISSION_REQUIRED, statements=_CHANGING
)
def reset_password(request: Request) -> Response:
    """Store the new password; nobody is signed in by it (TOK-06)."""
    form, secret, status = ResetForm(request), secret_of(request), UNPROCESSABLE
    token = tokens.look_up(work_of(request), Purpose.RESET, secret)
    if form.validate():
        try:
            reset.reset(work_of(request), secret, form.password.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            request.flash(_("Your password is changed. Sign in with the new one."), "success")
            return go(request, "accounts.login")
    return show(request, "reset_token", {"form": form, "username": token.user.username}, status)


@view_config(route_name="accounts.change_password", request_method="GET", permission="accounts.take_part", statements=1)
def show_change_password(request: Request) -> Response:
    """The form for another password."""
    return show(request, "change_password", {"form": ChangePasswordForm(request)})


@view_config(
    route_name="accounts.change_password",
    request_method="POST",
    permission="accounts.take_part",
    statements=_CHANGING,
)
def change_password(request: Request) -> Response:
    """Store another password; the member's other sessions end (SES-04)."""
    form, status = ChangePasswordForm(request), UNPROCESSABLE
    if form.validate():
        try:
            signed_in = reset.change_password(work_of(request), form.old_password.data, form.password.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            request.flash(_("Your password is changed. Your other sessions have ended."), "success")
            response = go(request, "accounts.sessions")
            sessions.set_cookie(request, response, signed_in)
            return response
    return show(request, "change_password", {"form": form}, status)


@view_config(route_name="accounts.change_email", request_method="GET", permission=SIGNED_IN, statements=1)
def show_change_address(request: Request) -> Response:
    """The form for another address."""
    return show(request, "change_email", {"form": ChangeAddressForm(request)})


@view_config(route_name="accounts.change_email", request_method="POST", permission=SIGNED_IN, statements=15)
def change_address(request: Request) -> Response:
    """Mail a link to the new address; one that has an account is answered alike (ENU-02)."""
    form, status = ChangeAddressForm(request), UNPROCESSABLE
    if form.validate():
        try:
            address_change.ask(work_of(request), form.email.data, form.password.data)
        except REFUSALS as refusal:
            status = refuse(request, form, refusal)
        else:
            return show(request, "mailed", {"email": form.email.data})
    return show(request, "change_email", {"form": form}, status)


@view_config(route_name="accounts.change_email_token", request_method="GET", permission=NO_PERMISSION_REQUIRED)
def show_new_address(request: Request) -> Response:
    """A page with a button: programs that look into mails open every link (CSR-04)."""
    secret = secret_of(request)
    token = tokens.look_up(work_of(request), Purpose.CHANGE_ADDRESS, secret)
    if is_in_address(request):
        return put_away(request, secret)
    values = {"email": token.email, "username": token.user.username}
    return show(
        request,
        "button",
        {
            "title": _("Confirm your new address"),
            "text": _("Is ${email} from now on the address of ${username}?", mapping=values),
            "button": _("Yes, change it"),
        },
    )


@view_config(
    route_name="accounts.change_email_token",
    request_method="POST",
    permission=NO_PERMISSION_REQUIRED,
    statements=_CHANGING,
)
def confirm_new_address(request: Request) -> Response:
    """Change the address."""
    address_change.change(work_of(request), secret_of(request))
    request.flash(_("Your address is changed."), "success")
    return HTTPSeeOther(safe_next(request, None))
