"""The pages of the plug-in `main`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config


@view_config(
    route_name="main.index",
    request_method="GET",
    renderer="main/index.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def index(_request: Request) -> dict[str, Any]:
    """The greeting, and the time at which it was made."""
    return {"now": datetime.now(UTC)}
