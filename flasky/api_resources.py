"""API resources: addresses of plug-ins that answer programs, and the OpenAPI document of all of them.

A plug-in adds its route and views as any other, and describes them with `config.add_api_resource`. The description
is checked against the route and its views when the site starts, so that the document says what the site does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry

from flasky.extension_points import ExtensionPoint
from flasky.ownership import owner_of_module
from flasky.route_views import PUBLIC, RouteView, route_views
from flasky.settings import Fault
from flasky.site import get_site
from flasky.versions import version_of

RESOURCES = ExtensionPoint("flasky.api_resources", "API resource")
SCHEMAS = ExtensionPoint("flasky.api_schemas", "API schema")

OPENAPI = "3.1.0"
_ADD_SCHEMA = "Add it: config.add_api_schema(name, schema)"
METHODS = ("get", "put", "post", "delete", "patch")
_SCHEMA_NAME = re.compile(r"[A-Za-z0-9._-]+")
_SCHEMA_PLACE = "#/components/schemas/"
#: Pyramid's `{name:pattern}` and OpenAPI's `{name}`.
_PLACEHOLDER = re.compile(r"{(\w+)(?::(?:[^{}]|{[^{}]*})*)?}")


class ApiResource(NamedTuple):
    """What is said of one route: an OpenAPI operation for each method."""

    route: str
    operations: Mapping[str, Mapping[str, Any]]
    package: str


def add_api_resource(
    config: Configurator,
    route: str,
    operations: Mapping[str, Mapping[str, Any]],
) -> None:
    """Directive `config.add_api_resource("polls.api", {"get": {"responses": {…}}})`.

    `operations` are OpenAPI 3.1 operation objects by method, in lower case. Raises ConfigurationError for what is no
    such object; what does not fit the route or its views is a fault at start.
    """
    if problem := _unfit(operations):
        raise ConfigurationError(f"{config.package_name}: the API resource {route!r}: {problem}")
    RESOURCES.contribute(config, route, ApiResource(route, operations, config.package_name))


def add_api_schema(config: Configurator, name: str, schema: Mapping[str, Any]) -> None:
    """Directive `config.add_api_schema("Poll", {"type": "object"})`: a JSON schema that operations can refer to.

    They do so as ``{"$ref": "#/components/schemas/Poll"}``. Raises ConfigurationError for what is no such thing.
    """
    if not (_SCHEMA_NAME.fullmatch(name) and isinstance(schema, Mapping)):
        raise ConfigurationError(
            f"{config.package_name}: the API schema {name!r} must be a mapping, and named with letters, digits, "
            "'.', '_' and '-'"
        )
    if problem := _not_json(schema):
        raise ConfigurationError(f"{config.package_name}: the API schema {name!r}: {problem}")
    SCHEMAS.contribute(config, name, schema)


def _unfit(operations: Mapping[str, Any]) -> str:
    if not operations:
        return "it describes no method"
    for method, operation in operations.items():
        if method not in METHODS:
            return f"{method!r} is no method; expected one of {', '.join(METHODS)}"
        if problem := _unfit_operation(operation):
            return f"{method}: {problem}"
    return _not_json(operations)


def _not_json(value: Any) -> str:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"it cannot be written as JSON: {error}"
    return ""


def _unfit_operation(operation: Any) -> str:
    responses = operation.get("responses") if isinstance(operation, Mapping) else None
    if not isinstance(responses, Mapping) or not responses:
        return "an operation needs responses, as in {'200': {'description': '…'}}"
    for status, response in responses.items():
        if not re.fullmatch(r"[1-5](\d\d|XX)|default", str(status)):
            return f"{status!r} is no status; expected as in '200', '4XX' or 'default'"
        if not isinstance(response, Mapping) or not ("$ref" in response or response.get("description")):
            return f"the response {status} needs a description"
    return ""


def api_resources(registry: Registry) -> list[ApiResource]:
    """Every described route, in the order of the plug-ins."""
    return list(RESOURCES.contributions(registry).values())


def faults_of_resources(registry: Registry) -> list[Fault]:
    """Descriptions that do not fit their routes and views, or refer to what is not there."""
    resources = api_resources(registry)
    if not resources:
        return []
    rows = _rows(registry)
    schemas = SCHEMAS.contributions(registry)
    faults = [
        RESOURCES.fault(registry, item.route, problem, remedy)
        for item in resources
        for problem, remedy in _problems(item, rows.get(item.route, []), schemas)
    ]
    faults.extend(
        SCHEMAS.fault(registry, name, f"refers to {reference!r}, which is not there", _ADD_SCHEMA)
        for name, schema in schemas.items()
        for reference in _dangling(schema, schemas)
    )
    faults.extend(_repeated(registry, resources))
    return faults


def _rows(registry: Registry) -> dict[str, list[RouteView]]:
    rows: dict[str, list[RouteView]] = {}
    for row in route_views(registry):
        rows.setdefault(row.route, []).append(row)
    return rows


def _problems(item: ApiResource, rows: list[RouteView], schemas: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not rows:
        yield "has no route", f"Add config.add_route({item.route!r}, …)"
        return
    pattern = rows[0].pattern
    if "*" in pattern:
        yield f"has the pattern {pattern!r}", "OpenAPI knows no placeholder for the rest of a path"
    placeholders = set(_PLACEHOLDER.findall(pattern))
    for method, operation in item.operations.items():
        if not any(row.view and (not row.methods or method.upper() in row.methods) for row in rows):
            yield f"describes {method}, which no view answers", "Add the view, or take the method out"
        described = _path_parameters(operation)
        if missing := placeholders - described:
            yield (
                f"does not describe {', '.join(sorted(missing))} of the path for {method}",
                "Add to its parameters: {'name': …, 'in': 'path', 'required': True, 'schema': {…}}",
            )
        if surplus := described - placeholders:
            yield f"describes {', '.join(sorted(surplus))}, which is not in {pattern!r}, for {method}", "Take it out"
    for reference in _dangling(item.operations, schemas):
        yield f"refers to {reference!r}, which is not there", _ADD_SCHEMA


def _path_parameters(operation: Mapping[str, Any]) -> set[str]:
    return {
        str(parameter.get("name"))
        for parameter in operation.get("parameters", ())
        if parameter.get("in") == "path" and parameter.get("required") is True
    }


def _dangling(value: Any, schemas: Mapping[str, Any]) -> Iterator[str]:
    """The references below `value` that lead nowhere."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.removeprefix(_SCHEMA_PLACE).partition("/")[0] not in schemas:
            yield reference
        for below in value.values():
            yield from _dangling(below, schemas)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from _dangling(below, schemas)


def _repeated(registry: Registry, resources: list[ApiResource]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for item in resources:
        for method, operation in item.operations.items():
            name = _operation_id(item, method, operation)
            if name in first:
                problem = f"has the operationId {name!r}, as {first[name]!r} has"
                yield RESOURCES.fault(registry, item.route, problem, "Give one of them another")
            first.setdefault(name, item.route)


def _operation_id(item: ApiResource, method: str, operation: Mapping[str, Any]) -> str:
    return str(operation.get("operationId") or f"{item.route}.{method}")


def asked_permissions(registry: Registry) -> list[str]:
    """The permissions that operations of the site ask for, by name: what a program can be given."""
    rows = _rows(registry)
    asked = {_asked(rows[item.route], method) for item in api_resources(registry) for method in item.operations}
    return sorted(asked - {PUBLIC})


def openapi_document(registry: Registry) -> dict[str, Any]:
    """The OpenAPI document of every resource of the site, as plain JSON values.

    Each operation says whose it is (`x-flasky-plugin`), unless it is public which permission its view asks for
    (`x-flasky-permission`), and which credentials would do (`security`): for a public one, none as well.
    """
    from flasky.security.credentials import schemes  # noqa: PLC0415 - it stands on this module

    rows = _rows(registry)
    credentials = {scheme.lower(): {"type": "http", "scheme": scheme.lower()} for scheme in schemes(registry)}
    security: list[dict[str, list[str]]] = [{name: []} for name in credentials]
    paths: dict[str, Any] = {}
    for item in api_resources(registry):
        path = _PLACEHOLDER.sub(r"{\1}", rows[item.route][0].pattern)
        for method, operation in item.operations.items():
            described = _described(registry, item, method, operation, rows[item.route])
            if security:
                # A public operation takes a credential, too: what is hidden is shown to whom it is.
                described.setdefault("security", security if "x-flasky-permission" in described else [{}, *security])
            paths.setdefault(path, {})[method] = described
    site = get_site(registry)
    return {
        "openapi": OPENAPI,
        "info": {"title": "Flasky", "version": version_of("flasky")},
        "servers": [{"url": site.settings["flasky.base_url"]}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS.contributions(registry),
            **({"securitySchemes": credentials} if credentials else {}),
        },
    }


def _described(
    registry: Registry, item: ApiResource, method: str, operation: Mapping[str, Any], rows: list[RouteView]
) -> dict[str, Any]:
    owner = owner_of_module(registry, item.package)[0]
    asked = _asked(rows, method)
    return {
        "tags": [owner],
        **operation,
        "operationId": _operation_id(item, method, operation),
        "x-flasky-plugin": owner,
        **({} if asked == PUBLIC else {"x-flasky-permission": asked}),
    }


def _asked(rows: list[RouteView], method: str) -> str:
    return next(row.permission for row in rows if row.view and (not row.methods or method.upper() in row.methods))


def includeme(config: Configurator) -> None:
    """Add the directives and their check."""
    config.add_extension_point(RESOURCES, add_api_resource)
    config.add_extension_point(SCHEMAS, add_api_schema)
    config.add_start_check(faults_of_resources)
