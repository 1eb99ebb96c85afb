"""API resources: the document says what the site does, and what does not fit is a fault at start."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from made_plugins import make_plugin
from openapi_spec_validator import validate
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from flasky.api_resources import add_api_resource, openapi_document
from flasky.cli import main
from flasky.cli.context import Context
from flasky.ownership import contributions
from flasky.settings import ConfigurationFaults

OK = {"200": {"description": "well"}}
ROUTE = """
from pyramid.security import NO_PERMISSION_REQUIRED
config.add_route('{name}.api', '{pattern}')
for method, permission in (('GET', NO_PERMISSION_REQUIRED), ('PUT', '{name}.change')):
    config.add_view(lambda request: {{}}, route_name='{name}.api', request_method=method, renderer='json',
                    permission=permission)
config.declare_permission('{name}.change', 'Change')
"""


@pytest.fixture(autouse=True)
def _path(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)


def site(make_app, tmp_path, name: str, operations: Any, pattern: str = "/api/things/{number:[0-9]{1,9}}", **more: Any):
    body = ROUTE.format(name=name, pattern=pattern)
    body += f"config.add_api_resource('{name}.api', {operations!r})\n"
    body += "".join(f"config.add_api_schema({key!r}, {value!r})\n" for key, value in more.items())
    make_plugin(tmp_path, name, body)
    return make_app(flasky__plugins=f"main {name}")


NUMBER = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer"}}
THING = {"type": "object", "properties": {"parent": {"$ref": "#/components/schemas/Thing"}}}
WHOLE = {
    "get": {
        "summary": "A thing",
        "parameters": [NUMBER],
        "responses": {
            "200": {
                "description": "It",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
            }
        },
    },
    "put": {"operationId": "changeThing", "parameters": [NUMBER], "responses": {"204": {"description": "Changed"}}},
}


def test_the_document_is_openapi_and_says_whose_each_operation_is(make_app, tmp_path, monkeypatch) -> None:
    app = site(make_app, tmp_path, "apigood", WHOLE, Thing=THING)
    monkeypatch.setattr(Context, "application", app)
    document = json.loads(CliRunner().invoke(main, ["openapi"]).output)
    validate(document)
    assert document == openapi_document(app.registry)
    (path,) = document["paths"]
    assert path == "/api/things/{number}"
    get, put = document["paths"][path]["get"], document["paths"][path]["put"]
    assert (get["operationId"], put["operationId"]) == ("apigood.api.get", "changeThing")
    assert (get["tags"], get["x-flasky-plugin"]) == (["apigood"], "apigood")
    assert "x-flasky-permission" not in get
    assert put["x-flasky-permission"] == "apigood.change"
    assert document["servers"] == [{"url": "http://localhost"}]
    listed = {(item.kind, item.name) for item in contributions(app.registry) if item.plugin == "apigood"}
    assert {("API resource", "apigood.api"), ("API schema", "Thing")} <= listed


def test_a_site_without_resources_has_a_document_too(bare_app) -> None:
    document = openapi_document(bare_app.registry)
    validate(document)
    assert document["paths"] == {}


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ({}, "it describes no method"),
        ({"GET": {"responses": OK}}, "'GET' is no method; expected one of get, put"),
        ({"get": {}}, "get: an operation needs responses"),
        ({"get": {"responses": {"fine": {"description": "x"}}}}, "get: 'fine' is no status"),
        ({"get": {"responses": {"200": {}}}}, "get: the response 200 needs a description"),
        ({"get": {"responses": OK, "x": object()}}, "it cannot be written as JSON"),
    ],
)
def test_a_bad_description_is_refused_where_it_stands(operations: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"flasky_polls: the API resource 'polls.api': .*{words}"):
        add_api_resource(_Config("flasky_polls"), "polls.api", operations)


class _Config(Configurator):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.package_name = name


@pytest.mark.parametrize(
    ("name", "operations", "pattern", "words"),
    [
        ("apione", {"post": {"responses": OK}}, "/api/x", "describes post, which no view answers"),
        ("apitwo", {"get": {"responses": OK}}, "/api/{id}", "does not describe id of the path for get"),
        ("apithree", {"get": {"parameters": [NUMBER], "responses": OK}}, "/api/x", "describes number, which is not in"),
        ("apifour", {"get": {"responses": {"200": {"$ref": "#/components/schemas/Lost"}}}}, "/api/x", "schemas/Lost'"),
        ("apifive", {"get": {"responses": OK}}, "/api/*rest", "has the pattern '/api/\\*rest'"),
        (
            "apisix",
            {"get": {"operationId": "same", "responses": OK}, "put": {"operationId": "same", "responses": OK}},
            "/api/x",
            "has the operationId 'same'",
        ),
    ],
)
def test_what_does_not_fit_is_a_fault_with_its_place(make_app, tmp_path, name, operations, pattern, words) -> None:
    with pytest.raises(ConfigurationFaults, match=rf"flasky_{name}/__init__.py, line \d+: the API resource .*{words}"):
        site(make_app, tmp_path, name, operations, pattern)


def test_a_resource_without_a_route_and_a_schema_of_two_are_faults(make_app, tmp_path) -> None:
    for name in ("apiseven", "apieight"):
        body = f"config.add_api_resource('{name}.x', {{'get': {{'responses': {OK!r}}}}})\n"
        body += "config.add_api_schema('Thing', {})"
        make_plugin(tmp_path, name, body)
    with pytest.raises(ConfigurationFaults) as caught:
        make_app(flasky__plugins="main apiseven apieight")
    assert "the API schema 'Thing' is claimed by api" in str(caught.value)
    assert "the API resource 'apiseven.x' has no route. Add config.add_route('apiseven.x', …)" in str(caught.value)
