"""A plug-in that only tests see: views of every kind that a request must get past the defences to reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from pyramid.csrf import new_csrf_token
from pyramid.httpexceptions import HTTPSeeOther, HTTPTooManyRequests
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.parameters import id_pattern, parse_id, parse_page
from flasky.plugin import Plugin
from flasky.security.json_body import read_json

plugin = Plugin(name="doors", description="Doors.")


@dataclass(frozen=True)
class Member:
    """Whoever sends `X-Test-Member`."""

    userid: str
    permissions: frozenset[str] = frozenset({"doors.enter"})
    language: str | None = None
    timezone: str | None = None


def identify(request: Request) -> Member | None:
    """The member that the request's header names."""
    name = request.headers.get("X-Test-Member")
    return Member(name) if name else None


def read_token(request: Request, text: str) -> Member | None:
    """The member that a token is for."""
    if text == "too-often":
        raise HTTPTooManyRequests(headers=[("Retry-After", "7")])
    if text == "curious":
        return Member("nobody else" if request.identity is None else "whoever has the cookie")
    return {"good": Member("program"), "poor": Member("poor program", frozenset())}.get(text)


def who(request: Request) -> dict[str, Any]:
    """Who is asking, with the version of the answer."""
    request.response.etag = "1"
    return {"who": request.authenticated_userid}


def show_form(request: Request) -> Response:
    """A page with a form."""
    return Response(str(request.csrf_field()))


def echo(request: Request) -> dict[str, Any]:
    """What was sent, as the view sees it."""
    return {
        "fields": [[name, str(value)] for name, value in request.POST.items()],
        "query": [[name, value] for name, value in request.GET.items()],
    }


def upload(request: Request) -> dict[str, Any]:
    """How large the picture is."""
    return {"size": len(request.POST["picture"].file.read())}


def sign_in(request: Request) -> Response:
    """Start a new session, as far as CSRF is concerned."""
    new_csrf_token(request)
    return HTTPSeeOther("/doors/form")


def read_object(request: Request) -> dict[str, Any]:
    """The keys of the JSON object that was sent."""
    return {"keys": sorted(read_json(request))}


def item(request: Request) -> dict[str, Any]:
    """The id and the page that were asked for."""
    return {"id": parse_id(request.matchdict["id"]), "page": parse_page(request)}


def about(request: Request) -> dict[str, Any]:
    """What the site believes about the request."""
    return {
        "scheme": request.scheme,
        "host": request.host,
        "client": request.client_addr,
        "peer": request.peer,
        "url": request.route_url("doors.about"),
        "script": request.script_name,
    }


def numbers(_request: Request) -> Response:
    """A download of which a part may be asked for."""
    response = Response(b"0123456789", content_type="application/octet-stream", conditional_response=True)
    response.last_modified = datetime(2026, 3, 1, tzinfo=UTC)
    return response


def enter(_request: Request) -> dict[str, Any]:
    """Only for members."""
    return {"entered": True}


def includeme(config: Configurator) -> None:
    """Register the doors."""
    config.set_identity(identify)
    public: dict[str, Any] = {"permission": NO_PERMISSION_REQUIRED, "renderer": "json"}
    config.add_route("doors.form", "/doors/form")
    config.add_view(show_form, route_name="doors.form", request_method="GET", **public)
    config.add_view(echo, route_name="doors.form", request_method="POST", **public)
    config.add_route("doors.closed", "/doors/closed")
    config.add_view(echo, route_name="doors.closed", request_method="POST", permission="doors.enter", renderer="json")
    config.add_view(enter, route_name="doors.closed", request_method="GET", permission="doors.enter", renderer="json")
    config.add_route("doors.post", "/doors/post")
    config.add_view(
        echo, route_name="doors.post", request_method=("POST", "PUT"), require_csrf=False, repeated=("tag",), **public
    )
    config.add_route("doors.upload", "/doors/upload")
    config.add_view(
        upload,
        route_name="doors.upload",
        request_method="POST",
        require_csrf=False,
        max_body=3 * 2**20,
        files=("picture",),
        **public,
    )
    config.add_route("doors.sign_in", "/doors/sign-in")
    config.add_view(sign_in, route_name="doors.sign_in", request_method="POST", **public)
    config.add_route("doors.json", "/doors/json")
    config.add_view(read_object, route_name="doors.json", request_method="POST", require_csrf=False, **public)
    config.add_route("doors.item", f"/doors/item/{id_pattern()}")
    config.add_view(item, route_name="doors.item", request_method="GET", **public)
    config.add_route("doors.about", "/doors/about")
    config.add_view(about, route_name="doors.about", request_method="GET", **public)
    config.add_route("doors.any", "/doors/any")
    config.add_view(echo, route_name="doors.any", require_csrf=False, **public)
    config.add_route("doors.delete", "/doors/by-route", request_method="DELETE")
    config.add_view(echo, route_name="doors.delete", require_csrf=False, **public)
    config.add_route("doors.numbers", "/doors/numbers")
    config.add_view(numbers, route_name="doors.numbers", request_method="GET", **public)
    config.add_route("doors.trace", "/doors/trace")
    config.add_view(enter, route_name="doors.trace", request_method=("GET", "TRACE"), **public)
    config.add_credential("Bearer", read_token)
    config.add_route("doors.api", "/doors/programs")
    config.add_view(who, route_name="doors.api", request_method="GET", **public)
    config.add_view(who, route_name="doors.api", request_method="PUT", **public)
    config.add_view(who, route_name="doors.api", request_method="POST", permission="doors.enter", renderer="json")
    well = {"responses": {"200": {"description": "Who is asking"}}}
    config.add_api_resource("doors.api", {"get": well, "put": well, "post": well})
    # Pyramid's own static view, which a plug-in may use although the site has its own way.
    files = str(Path(__file__).parent / "sample_files")
    config.add_static_view("doors-files", files, permission=NO_PERMISSION_REQUIRED)
    config.add_csp_source("img-src", "https://images.example.net")
