"""Names that code and templates use as text: routes, templates, static files, permissions, settings, mails.

Python finds a misspelt function and says nothing about a misspelt name in quotes: it fails when a visitor gets
there. Here they are read from the syntax trees, with file and line. A name that is put together while the program
runs cannot be known beforehand and is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, TemplateSyntaxError, nodes

ROUTE, TEMPLATE, STATIC_FILE, PERMISSION, SETTING, MAIL = (
    "route",
    "template",
    "static file",
    "permission",
    "setting",
    "mail",
)
SYNTAX = "syntax"

_ROUTE_METHODS = frozenset({"route_url", "route_path"})
_TEMPLATE_FUNCTIONS = frozenset({"render", "render_to_response"})
_ADDING = "add_route"
_ASSET_FUNCTIONS = frozenset({"asset_url", "asset_integrity"})
_TEMPLATE_SUFFIX = ".jinja2"


class Reference(NamedTuple):
    """A name in a file: what it is the name of, the name, and where it stands."""

    file: Path
    line: int
    kind: str
    name: str


def in_python(file: Path) -> Iterator[Reference]:
    """The names that a Python file uses."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    for node, names in _in_scopes(tree, frozenset({"settings"})):
        if isinstance(node, ast.Call):
            yield from (Reference(file, node.lineno, kind, name) for kind, name in _call(node, names))
        elif isinstance(node, ast.Subscript) and _is_settings(node.value, names) and (name := _text(node.slice)):
            yield Reference(file, node.lineno, SETTING, name)


def _in_scopes(scope: ast.AST, names: frozenset[str]) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """Every node in `scope`, with the names that stand for the settings there."""
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        names -= {argument.arg for argument in ast.walk(scope.args) if isinstance(argument, ast.arg)} - {"settings"}
    outside = names
    own: list[ast.AST] = []
    inner: list[ast.AST] = []
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        own.append(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            inner.append(node)
        else:
            waiting.extend(ast.iter_child_nodes(node))
    names = names.union(*(_names_for_settings(node, names) for node in own))
    yield from ((node, names) for node in own)
    # What a class gives a name to is no name in its methods.
    seen = outside if isinstance(scope, ast.ClassDef) else names
    for node in inner:
        yield from _in_scopes(node, seen)


def _names_for_settings(node: ast.AST, names: frozenset[str]) -> Iterator[str]:
    """The names that an assignment gives to the settings: ``s = get_site(registry).settings``."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        targets = [node.target]
    value: ast.expr | None = getattr(node, "value", None)
    if targets and value is not None and _is_settings(value, names):
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def routes_added_in(file: Path) -> Iterator[str]:
    """The names of the routes that a Python file adds, also those that this site's settings leave out."""
    source = file.read_text(encoding="utf-8")
    if _ADDING not in source:
        return  # Nearly all files, and parsing one takes long.
    for node in ast.walk(ast.parse(source, str(file))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == _ADDING and node.args:
            yield _text(node.args[0])


def _call(node: ast.Call, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    yield from _keywords(node)
    called = getattr(node.func, "attr", getattr(node.func, "id", ""))
    given = [_text(argument) for argument in node.args]
    first = given[0] if given else ""
    if called in _ROUTE_METHODS | {"add_navigation"} and first:
        yield ROUTE, first
    elif called == "has_permission" and first:
        yield PERMISSION, first
    elif (called in _TEMPLATE_FUNCTIONS or _asks_environment(node)) and first.endswith(_TEMPLATE_SUFFIX):
        yield TEMPLATE, first
    elif called in _ASSET_FUNCTIONS and len(given) == 3 and all(given[1:]):
        yield STATIC_FILE, "/".join(given[1:])
    elif called == "send_mail" and isinstance(node.func, ast.Attribute) and len(given) > 2 and given[2]:
        yield MAIL, given[2]
    elif called == "get" and first and isinstance(node.func, ast.Attribute) and _is_settings(node.func.value, names):
        yield SETTING, first


def _asks_environment(node: ast.Call) -> bool:
    """Whether it is ``get_environment(…).get_template(…)``: other environments of Jinja have templates of their own."""
    asked = node.func.value if getattr(node.func, "attr", "") == "get_template" else None  # type: ignore[attr-defined]
    called = getattr(asked, "func", None)
    return getattr(called, "attr", getattr(called, "id", "")) == "get_environment"


def _keywords(node: ast.Call) -> Iterator[tuple[str, str]]:
    for keyword in node.keywords:
        name = _text(keyword.value)
        if name and keyword.arg == "route_name":
            yield ROUTE, name
        elif name and keyword.arg == "permission":
            yield PERMISSION, name
        elif name.endswith(_TEMPLATE_SUFFIX) and keyword.arg == "renderer":
            yield TEMPLATE, name


def _is_settings(node: ast.expr, names: frozenset[str]) -> bool:
    if isinstance(node, ast.NamedExpr):
        node = node.value
    return getattr(node, "attr", "") == "settings" or getattr(node, "id", "") in names


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def in_template(environment: Environment, file: Path) -> Iterator[Reference]:
    """The names that a Jinja template uses. A template that does not compile is a reference of kind `SYNTAX`."""
    try:
        tree = environment.parse(file.read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        yield Reference(file, error.lineno, SYNTAX, error.message or "")
        return
    parents: Iterator[Any] = tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport))
    for parent in parents:
        optional = isinstance(parent, nodes.Include) and parent.ignore_missing
        names = [] if optional else _constants([parent.template])
        yield from (Reference(file, parent.lineno, TEMPLATE, name) for name in names)
    for call in tree.find_all(nodes.Call):
        for kind, name in _template_call(call):
            yield Reference(file, call.lineno, kind, name)
    for item in tree.find_all((nodes.Getitem, nodes.Call)):
        if name := _template_setting(item):
            yield Reference(file, item.lineno, SETTING, name)


def _template_setting(node: Any) -> str:
    """The name in ``settings["name"]`` or ``settings.get("name")``; empty for anything else."""
    if isinstance(node, nodes.Getitem):
        settings, given = node.node, _constants([node.arg])
    elif isinstance(node.node, nodes.Getattr) and node.node.attr == "get":
        settings, given = node.node.node, _constants(node.args[:1])
    else:
        return ""
    named = getattr(settings, "attr", getattr(settings, "name", ""))
    return given[0] if given and named == "settings" else ""


def _template_call(call: nodes.Call) -> Iterator[tuple[str, str]]:
    called = getattr(call.node, "attr", getattr(call.node, "name", ""))
    given = _constants(call.args)
    if called in _ROUTE_METHODS and given:
        yield ROUTE, given[0]
    elif called == "has_permission" and given:
        yield PERMISSION, given[0]
    elif called in _ASSET_FUNCTIONS and len(given) == 2:
        yield STATIC_FILE, "/".join(given)


def _constants(expressions: Iterable[nodes.Expr]) -> list[str]:
    return [node.value for node in expressions if isinstance(node, nodes.Const) and isinstance(node.value, str)]
