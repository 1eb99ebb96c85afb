"""The echo's page."""

from __future__ import annotations

import click
from markupsafe import Markup
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config


@click.command()
def echo():
    """Say it again."""


@view_config(route_name="echo.index", request_method="GET", permission=NO_PERMISSION_REQUIRED, renderer="string")
def index(_request):
    """An echo."""
    return "echo"


def home(_request):
    """A mark on the home page."""
    return Markup('<p class="echo-latest">echo</p>')


def note(event):
    """Note on the request that the subscriber ran."""
    event.request.environ.setdefault("sample.order", []).append("echo")
