"""CSRF: unsafe methods need a token, and no token helps a request that another site sent.

The token is a random value in a cookie of its own and its keyed fingerprint in the form, bound to the visitor's
session by `config`-free means: whoever signs people in rotates it (`new_csrf_token`). The cookie is set only by a
page that shows a form, so that public pages stay without cookies (SES-10).
"""

from __future__ import annotations

import secrets
from typing import Any

from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.interfaces import ICSRFStoragePolicy
from pyramid.request import Request
from pyramid.viewderivers import INGRESS
from zope.interface import implementer

from flasky.cookies import cookie_name, set_cookie
from flasky.security.keys import Signer
from flasky.security.origin import check_origin

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
_COOKIE = "csrf"
_LEAST_LENGTH = 22


@implementer(ICSRFStoragePolicy)
class CSRFStoragePolicy:
    """Keeps the random value in a cookie; the form holds its fingerprint."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def new_csrf_token(self, request: Request) -> str:
        """Start a new value, for a visitor who just signed in; returns its token."""
        value = secrets.token_urlsafe(32)
        request.environ["flasky.csrf"] = value
        request.add_response_callback(
            lambda _request, response: set_cookie(request, response, _COOKIE, value)
        )
        return self._signer.digest(value)

    def get_csrf_token(self, request: Request) -> str:
        """The token of this visitor; starts one when they have none."""
        value = self._value(request)
        return self._signer.digest(value) if value else self.new_csrf_token(request)

    def check_csrf_token(self, request: Request, supplied_token: str) -> bool:
        """Whether the form's token belongs to the cookie."""
        value = self._value(request)
        return bool(value) and self._signer.matches(value, supplied_token)

    @staticmethod
    def _value(request: Request) -> str:
        started: str | None = request.environ.get("flasky.csrf")
        value: str = started or request.cookies.get(cookie_name(request, _COOKIE), "")
        return value if len(value) >= _LEAST_LENGTH and value.isascii() else ""


def csrf_field(request: Request) -> Markup:
    """The hidden field that every form with method="post" contains."""
    token = request.registry.getUtility(ICSRFStoragePolicy).get_csrf_token(request)
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)


def check_origin_of(view: Any, _info: Any) -> Any:
    """A view deriver that refuses an unsafe request from another site, whatever token it carries (CSR-03)."""

    def checked(context: Any, request: Request) -> Any:
        if request.method not in {"GET", "HEAD", "OPTIONS"} and not getattr(request, "exception", None):
            check_origin(request)
        return view(context, request)

    return checked


def includeme(config: Configurator) -> None:
    """Require a token for every unsafe method, before the permission is asked."""
    config.set_csrf_storage_policy(CSRFStoragePolicy(Signer(config.registry, "csrf")))
    config.set_default_csrf_options(require_csrf=True, token=FIELD, header=HEADER, check_origin=False)
    config.add_view_deriver(check_origin_of, "flasky_origin", under=INGRESS, over="csrf_view")
    config.add_request_method(csrf_field, "csrf_field")
