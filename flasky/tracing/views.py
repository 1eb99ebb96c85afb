"""The pages of the traces; they exist in development only."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.tracing import get_traces
from flasky.tracing.overlay import SWITCH
from flasky.tracing.traces import KEPT, Traces


def _traces(request: Request) -> Traces:
    traces = get_traces(request.registry)
    assert traces is not None  # noqa: S101 - narrows the type: without traces there are no such routes
    return traces


@view_config(
    route_name="flasky.traces",
    request_method="GET",
    renderer="tracing/list.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def list_traces(request: Request) -> dict[str, Any]:
    """The newest requests."""
    return {"traces": _traces(request).newest(), "limit": KEPT, "switch": SWITCH}


@view_config(
    route_name="flasky.trace",
    request_method="GET",
    renderer="tracing/show.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def show_trace(request: Request) -> dict[str, Any]:
    """What ran for one request."""
    trace = _traces(request).find(request.matchdict["id"])
    if trace is None:
        detail = _("Only the newest ${limit} requests of this process are remembered.", mapping={"limit": KEPT})
        raise HTTPNotFound(detail)
    return {"trace": trace, "switch": SWITCH}
