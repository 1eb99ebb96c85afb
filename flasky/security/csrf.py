"""CSRF: unsafe methods need a token, and no token helps a request that another site sent (CSR-01 to CSR-03).

The token is the keyed fingerprint of a random value that stands in a cookie of its own. Whoever signs people in or
out starts a new value (`pyramid.csrf.new_csrf_token`), so a token dies with the session that it was made in. The
cookie is set only by a page that shows a form, so that public pages stay without cookies (SES-10).
"""

from __future__ import annotations

import secrets
from typing import Any

from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.exceptions import BadCSRFToken
from pyramid.interfaces import ICSRFStoragePolicy
from pyramid.request import Request
from pyramid.response import Response
from pyramid.viewderivers import INGRESS
from translationstring import TranslationString
from zope.interface import implementer

from flasky.cookies import cookie_name, set_cookie
from flasky.courtesy import give_way
from flasky.errors.exceptions import Refused
from flasky.errors.fixed import RESOURCE
from flasky.languages import _
from flasky.security.credentials import check_credential, has_credential
from flasky.security.headers import mark_personal
from flasky.security.keys import Signer
from flasky.security.origin import check_origin

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_COOKIE = "csrf"
_LENGTH = 43
_TOKEN_KEY = "flasky_csrf_value"  # noqa: S105 - the name of an attribute


class RefusedToken(Refused, BadCSRFToken):  # type: ignore[misc] # Pyramid has no types
    """The request has no token, or one that does not belong to this visitor. Never says which token it was."""


@implementer(ICSRFStoragePolicy)
class CSRFStoragePolicy:
    """Keeps the random value in a cookie; the form holds its fingerprint."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def new_csrf_token(self, request: Request) -> str:
        """Start a new value, for a visitor who just signed in or out; returns its token."""
        if _TOKEN_KEY not in request.__dict__:
            request.add_response_callback(_send_cookie)
        # On the request, not in its environ: a second attempt of the request must set the cookie again.
        value = request.__dict__[_TOKEN_KEY] = secrets.token_urlsafe(32)
        mark_personal(request)
        return self._signer.digest(value)

    def get_csrf_token(self, request: Request) -> str:
        """The token of this visitor; starts one when they have none."""
        value = self.value(request)
        if not value:
            return self.new_csrf_token(request)
        mark_personal(request)
        return self._signer.digest(value)

    def check_csrf_token(self, request: Request, supplied_token: str) -> bool:
        """Whether the form's token belongs to the cookie."""
        value = self.value(request)
        return bool(value) and self._signer.matches(value, supplied_token)

    @staticmethod
    def value(request: Request) -> str:
        """The random value of this visitor; empty when they have none, or one that this site never made."""
        value: str = request.__dict__.get(_TOKEN_KEY) or request.cookies.get(cookie_name(request, _COOKIE), "")
        return value if len(value) == _LENGTH and value.isascii() else ""


def _send_cookie(request: Request, response: Response) -> None:
    set_cookie(request, response, _COOKIE, request.__dict__[_TOKEN_KEY])


def csrf_field(request: Request) -> Markup:
    """`request.csrf_field()`: the hidden field that every form with method="post" contains."""
    token = request.registry.getUtility(ICSRFStoragePolicy).get_csrf_token(request)
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)


def check_token(request: Request) -> None:
    """Raise RefusedToken unless the request gives the visitor's token, once, in the form or in the header."""
    given = [str(token) for token in request.POST.getall(FIELD)]
    if (header := request.headers.get(HEADER)) is not None:
        given.append(header)
    policy = request.registry.getUtility(ICSRFStoragePolicy)
    if len(given) == 1 and policy.check_csrf_token(request, given[0]):
        return
    raise RefusedToken(
        seen=_what_was_seen(given, bool(policy.value(request))),
        expected=_(
            "the token of this site's page, once, as the form field ${field} or the header ${header}, "
            "and the cookie that came with the page",
            mapping={"field": FIELD, "header": HEADER},
        ),
        setting="flasky.secret_key, which signs the token; the view's option require_csrf",
    )


def _what_was_seen(given: list[str], has_cookie: bool) -> TranslationString:
    if not given:
        return _("no token")
    if len(given) > 1:
        return _("${number} tokens", mapping={"number": len(given)})
    if not given[0]:
        return _("an empty token")
    return _("a token of another session, or an old one") if has_cookie else _("a token without its cookie")


def csrf_view(view: Any, info: Any) -> Any:
    """A view deriver in the place of Pyramid's: checks origin and token before it is asked who is there.

    A view that authenticates without cookies says `require_csrf=False`; a page of another site is refused there too.
    A request that a credential vouches for needs neither (CSR-05). At an API resource who is unknown is told so first:
    a program that forgot its credential would look for the token in vain.
    """
    if info.exception_only:
        return view
    needs_token = info.options.get("require_csrf") is not False
    permission = info.options.get("permission")

    def checked(context: Any, request: Request) -> Any:
        if RESOURCE in request.environ:
            check_credential(request, permission)
        if request.method not in SAFE_METHODS:
            give_way()
            if not has_credential(request):
                check_origin(request)
                if needs_token:
                    check_token(request)
        return view(context, request)

    return checked


csrf_view.options = ("require_csrf",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    """Require a token for every unsafe method, before the permission is asked."""
    config.set_csrf_storage_policy(CSRFStoragePolicy(Signer(config.registry, "csrf")))
    config.add_view_deriver(csrf_view, "csrf_view", under=INGRESS, over="secured_view")
    config.add_request_method(csrf_field, "csrf_field")
