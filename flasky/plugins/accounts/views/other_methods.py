"""Signing in by a method of another plug-in: what its view answers with."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from flasky.languages import _
from flasky.plugins.accounts import authentication
from flasky.plugins.accounts.authentication import BadCredentials
from flasky.plugins.accounts.errors import Fault
from flasky.plugins.accounts.forms import LoginForm
from flasky.plugins.accounts.views.answers import UNPROCESSABLE, blank, go_on, refuse, show_login, wanted
from flasky.plugins.accounts.work import work_of


def sign_in_as(request: Request, method: str, user_id: int | None, *, remember: bool = False) -> Response:
    """`request.sign_in_as("key.card", user_id)`: the answer to a form by which somebody proved who they are.

    `user_id` is the member that they proved to be, None if nobody was found. The answer leads to `next`, to the code
    of the second factor, or is the page for signing in with what is wrong: the same for a wrong proof and for a
    member who is shut out. In a request that only reads it raises what any change raises there. Raises LookupError
    for a method that was not declared, and TooManyTries, whose page is there already.
    """
    hidden = wanted(request)
    try:
        signed_in = authentication.sign_in_by_method(work_of(request), method, user_id, remember=remember)
    except BadCredentials:
        form = blank(LoginForm, request)
        refuse(request, form, Fault("login", _("That did not work. Try again, or sign in another way.")))
        return show_login(request, form, hidden, UNPROCESSABLE)
    return go_on(request, signed_in, hidden)


def includeme(config: Configurator) -> None:
    """Give requests the method."""
    config.add_request_method(sign_in_as, "sign_in_as")
