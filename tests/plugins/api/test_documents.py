"""Where programs begin: the addresses that say what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import validate
from pyramid.interfaces import IRoutesMapper
from pyramid.registry import Registry
from webtest import TestApp

from flasky.api_resources import openapi_document

pytestmark = pytest.mark.databases("sqlite")  # The database is not asked.


def test_the_start_leads_to_the_document_and_it_is_what_the_command_prints(
    testapp: TestApp, registry: Registry
) -> None:
    start = testapp.get("/api", headers={"Accept": "text/html"})
    assert start.content_type == "application/json"
    answer = testapp.get(start.json["openapi"])
    assert answer.content_type == "application/json"
    assert answer.json == openapi_document(registry)
    validate(answer.json)


def test_the_document_says_which_operations_need_a_token(testapp: TestApp) -> None:
    document = testapp.get("/api/openapi.json").json
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    thing = document["paths"]["/api/thing"]
    assert thing["get"]["security"] == [{}, {"bearer": []}], "none is needed, and one is taken"
    assert thing["put"]["security"] == [{"bearer": []}]
    assert thing["put"]["x-flasky-permission"] == "things.change"


def test_hdr_07_shared_caches_may_keep_both_and_ask_again(testapp: TestApp) -> None:
    """HDR-07: nothing of a visitor is in them."""
    for path in ("/api", "/api/openapi.json"):
        answer = testapp.get(path)
        again = testapp.get(path, headers={"If-None-Match": answer.headers["ETag"]}, status=304)
        assert again.body == b""
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "max-age=300, public"
        assert answer.headers["Vary"] == "Authorization"


def test_hdr_06_the_start_is_for_programs(testapp: TestApp) -> None:
    """HDR-06."""
    answer = testapp.post("/api", headers={"Accept": "text/html"}, status=405)
    assert answer.content_type == "application/problem+json"


def test_addresses_for_programs_stay_where_the_pages_are_moved(make_app: Any) -> None:
    """HDR-06: what is not there is told to programs as JSON below /api alone."""
    moved = {
        "flasky__plugins": "main accounts api blog",
        "flasky__prefix__blog": "/club",
        "flasky__prefix__api": "/desk",
    }
    registry = make_app(**moved).registry
    assert [path for path in openapi_document(registry)["paths"] if not re.match(r"/api(/|$)", path)] == []
    patterns = {route.name: route.pattern for route in registry.getUtility(IRoutesMapper).get_routes()}
    assert (patterns["blog.write"], patterns["api.tokens"]) == ("club/write", "desk/auth/tokens")
