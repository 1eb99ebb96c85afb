"""A page that fails on purpose, to see what an error looks like; production does not have it."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.trial import fails_on_purpose


class FailedOnPurpose(Exception):
    """Somebody asked for /500."""


@view_config(route_name="main.fail", permission=NO_PERMISSION_REQUIRED)
@fails_on_purpose
def fail(_request: Request) -> Response:
    """Raise an error that nothing expects."""
    raise FailedOnPurpose("This page fails on purpose, so that you can see what an error looks like.")


def includeme(config: Configurator) -> None:
    """Register the page."""
    config.add_route("main.fail", "/500")
    config.scan(__name__)
