"""Where programs begin: what there is, and its description with OpenAPI. For everybody, and the same for all."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.api_resources import openapi_document
from flasky.prefixes import at_the_root

_REGISTRY_KEY = "api.openapi"
_CACHED_SECONDS = 300

_START = {"type": "object", "properties": {"openapi": {"type": "string", "format": "uri"}}, "required": ["openapi"]}


def show_start(request: Request) -> Response:
    """Where the description is."""
    return _cacheable(*_written({"openapi": request.route_url("api.openapi")}))


def show_openapi(request: Request) -> Response:
    """The OpenAPI document of the site, as `flasky openapi` prints it."""
    kept: tuple[bytes, str] | None = request.registry.get(_REGISTRY_KEY)
    if kept is None:
        # Whoever never asks pays nothing for it.
        kept = request.registry[_REGISTRY_KEY] = _written(openapi_document(request.registry))
    return _cacheable(*kept)


def _written(document: Any) -> tuple[bytes, str]:
    """The document as it is sent, and what tells it from others."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return body, hashlib.sha256(body).hexdigest()[:32]


def _cacheable(body: bytes, etag: str) -> Response:
    response = Response(body, content_type="application/json", conditional_response=True)
    response.etag = etag
    response.cache_control.public = True
    response.cache_control.max_age = _CACHED_SECONDS
    return response


def includeme(config: Configurator) -> None:
    """Register both addresses, and describe them as any other."""
    public: dict[str, Any] = {"request_method": "GET", "permission": NO_PERMISSION_REQUIRED, "statements": 0}
    # Wherever the pages of the plug-in are: programs know no other address.
    with at_the_root(config):
        config.add_route("api.start", "/api")
        config.add_route("api.openapi", "/api/openapi.json")
    config.add_view(show_start, route_name="api.start", **public)
    config.add_view(show_openapi, route_name="api.openapi", **public)
    for route, summary, schema in (
        ("api.start", "Where the description of everything is", _START),
        ("api.openapi", "The description of everything, with OpenAPI", {"type": "object"}),
    ):
        found = {"description": "It", "content": {"application/json": {"schema": schema}}}
        config.add_api_resource(route, {"get": {"summary": summary, "responses": {"200": found}}})
