"""Names that code, templates and style sheets use as text: of routes, templates, static files, permissions and more.

Python finds a misspelt function and says nothing about a misspelt name in quotes: it fails when a visitor gets
there. Here they are read from the syntax trees, with file and line. A name that is put together while the program
runs cannot be known beforehand and is left out; docs/plugins/seeing.md says what is found.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import decode_source
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from jinja2 import Environment, TemplateSyntaxError, nodes

ROUTE, TEMPLATE, STATIC_FILE, PERMISSION, SETTING, MAIL = (
    "route",
    "template",
    "static file",
    "permission",
    "setting",
    "mail",
)
#: A file that cannot be read; the name is what is wrong with it.
SYNTAX = "syntax"

_ROUTE_METHODS = frozenset({"route_url", "route_path"})
_TEMPLATE_FUNCTIONS = frozenset({"render", "render_to_response"})
_ADDING = "add_route"
_ASSET_FUNCTIONS = frozenset({"asset_url", "asset_integrity"})
#: Pyramid's own, which name a file of a static view as ``package:folder/file``.
_STATIC_METHODS = frozenset({"static_url", "static_path"})
_TEMPLATE_SUFFIX = ".jinja2"

#: What the argument of a call names, and where it stands: its place, and its keyword where no keyword of `_KEYWORDS`.
_NAMING = {
    "route_url": (ROUTE, 0, ""),
    "route_path": (ROUTE, 0, ""),
    "add_navigation": (ROUTE, 0, "route"),
    "has_permission": (PERMISSION, 0, ""),
}

#: What a keyword names, whatever is called with it.
_KEYWORDS = {
    "route_name": ROUTE,
    "_route_name": ROUTE,
    "permission": PERMISSION,
    "renderer": TEMPLATE,
    "renderer_name": TEMPLATE,
}

_LITERAL = re.compile(r"""["'(=](?P<address>/static/[^"'?#\s()<>{}]+)(?=["'?#\s)>])""")
_STATIC_ADDRESS = re.compile(r"/static/(?P<name>[^/]+)/(?:v[0-9a-z]{12}/)?(?P<path>.+)")
#: How a style sheet is read: comments, texts and escapes that lead nowhere are found too, so that nothing in them is.
_CSS_TEXT = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_CSS = re.compile(
    rf"""/\*.*?(?:\*/|\Z)
    |(?<![\w-])url\(\s*(?:(?P<quoted>{_CSS_TEXT})\s*|(?P<bare>(?:[^"'()\\]|\\.)*))\)
    |@import\s*(?P<imported>{_CSS_TEXT})
    |{_CSS_TEXT}|\\.""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_CSS_ESCAPE = re.compile(r"\\(?:(?P<number>[0-9a-fA-F]{1,6})(?:\r\n|\s)?|(?P<newline>\r?\n)|(?P<itself>.))")
_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|#")

#: The names in a Python file that stand for one text, or for one of several.
Constants = Mapping[str, tuple[str, ...]]


class Reference(NamedTuple):
    """A name in a file: what it is the name of, the name, and where it stands.

    One of `others` is as good as the name itself.
    """

    file: Path
    line: int
    kind: str
    name: str
    others: tuple[str, ...] = ()


def in_python(file: Path) -> Iterator[Reference]:
    """The names that a Python file uses. A file that does not compile is a reference of kind `SYNTAX`."""
    data = file.read_bytes()
    try:
        tree = _parsed(data, file)
    except SyntaxError as error:
        yield Reference(file, error.lineno or 1, SYNTAX, f"this does not compile: {error.msg}")
        return
    except ValueError as error:
        # Bytes that are none of the coding, or a zero byte before Python 3.12.
        line = data.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else 1
        yield Reference(file, line, SYNTAX, f"this does not compile: {error}")
        return
    constants = _constants(tree)
    for node, names in _in_scopes(tree, frozenset({"settings"})):
        if isinstance(node, ast.Call):
            found = _call(node, names, constants)
        elif isinstance(node, ast.Subscript) and _is_settings(node.value, names):
            found = ((SETTING, name) for name in _texts(node.slice, constants))
        else:
            continue
        yield from (Reference(file, node.lineno, kind, name) for kind, name in found)


def _parsed(source: bytes, file: Path) -> ast.Module:
    """The syntax tree of a file, which may say itself in which coding it is."""
    return ast.parse(decode_source(source), str(file))


def _constants(tree: ast.Module) -> Constants:
    """The names that the module gives to texts, but for those that anything else in the file has, too."""
    found: dict[str, tuple[str, ...]] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None and (texts := _texts(value, {})):
            found.update((target.id, texts) for target in targets if isinstance(target, ast.Name))
    if not found:
        return found
    bound = Counter(name for node in ast.walk(tree) for name in _bound(node))
    return {name: texts for name, texts in found.items() if bound[name] == 1}


def _bound(node: ast.AST) -> Iterator[str]:
    """The names to which a node gives a value."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.MatchMapping):
        yield node.rest or ""
    elif isinstance(name := getattr(node, "name", None), str):  # A function, a class, an exception, a pattern.
        yield name


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
    source = file.read_bytes()
    if _ADDING.encode() not in source:
        return  # Nearly all files, and parsing one takes long.
    try:
        tree = _parsed(source, file)
    except (SyntaxError, ValueError):
        return  # in_python tells of it.
    constants = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == _ADDING:
            yield from _given(node, 0, "name", constants)


def _call(node: ast.Call, names: frozenset[str], constants: Constants) -> Iterator[tuple[str, str]]:
    yield from _keywords(node, constants)
    called = _called(node)
    if called in _NAMING:
        kind, position, keyword = _NAMING[called]
        yield from ((kind, name) for name in _given(node, position, keyword, constants))
    elif called in _TEMPLATE_FUNCTIONS or _asks_environment(node):
        yield from _templates(_given(node, 0, "", constants))
    elif called == "add_slot":
        yield from _templates(_given(node, 1, "filling", constants))
    elif called == "replace_slot":
        yield from _templates(_given(node, 2, "filling", constants))
    elif called in _ASSET_FUNCTIONS:
        asked = product(_given(node, 1, "name", constants), _given(node, 2, "path", constants))
        yield from ((STATIC_FILE, "/".join(parts)) for parts in asked)
    elif called in _STATIC_METHODS:
        yield from ((STATIC_FILE, name) for name in _given(node, 0, "path", constants) if ":" in name)
    elif called == "send_mail" and isinstance(node.func, ast.Attribute):
        yield from ((MAIL, name) for name in _given(node, 2, "template", constants))
    elif called == "get" and isinstance(node.func, ast.Attribute) and _is_settings(node.func.value, names):
        yield from ((SETTING, name) for name in _given(node, 0, "", constants))


def _given(node: ast.Call, position: int, keyword: str, constants: Constants) -> tuple[str, ...]:
    """The texts that a call gives at a position or by a keyword; empty when that is not known."""
    if len(node.args) > position:
        return _texts(node.args[position], constants)
    return next((_texts(item.value, constants) for item in node.keywords if keyword and item.arg == keyword), ())


def _templates(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((TEMPLATE, name) for name in names if name.endswith(_TEMPLATE_SUFFIX))


def _asks_environment(node: ast.Call) -> bool:
    """Whether it is ``get_environment(…).get_template(…)``: other environments of Jinja have templates of their own."""
    asked = node.func.value if getattr(node.func, "attr", "") == "get_template" else None  # type: ignore[attr-defined]
    called = getattr(asked, "func", None)
    return getattr(called, "attr", getattr(called, "id", "")) == "get_environment"


def _keywords(node: ast.Call, constants: Constants) -> Iterator[tuple[str, str]]:
    for keyword in node.keywords:
        kind = _KEYWORDS.get(keyword.arg or "")
        for name in _texts(keyword.value, constants) if kind else ():
            if kind and (kind != TEMPLATE or name.endswith(_TEMPLATE_SUFFIX)):
                yield kind, name


def _is_settings(node: ast.expr, names: frozenset[str]) -> bool:
    if isinstance(node, ast.NamedExpr):
        node = node.value
    if isinstance(node, ast.Call):
        return _called(node) == "get_settings"
    return getattr(node, "attr", "") == "settings" or getattr(node, "id", "") in names


def _called(node: ast.Call) -> str:
    """The name of what is called, without what it belongs to; empty when it has none."""
    name: str = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name


def _texts(node: ast.expr, constants: Constants) -> tuple[str, ...]:
    """The texts that an expression can come to, as far as they stand there."""
    if isinstance(node, ast.Constant):
        return (node.value,) if isinstance(node.value, str) and node.value else ()
    if isinstance(node, ast.Name):
        return constants.get(node.id, ())
    if isinstance(node, ast.IfExp):
        return _texts(node.body, constants) + _texts(node.orelse, constants)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return tuple(text for value in node.values for text in _texts(value, constants))
    return ()


def in_template(environment: Environment, file: Path) -> Iterator[Reference]:
    """The names that a Jinja template uses. A template that does not compile is a reference of kind `SYNTAX`."""
    try:
        tree = environment.parse(_read(file))
    except _NotUTF8 as error:
        yield Reference(file, error.line, SYNTAX, "this is not UTF-8")
        return
    except TemplateSyntaxError as error:
        yield Reference(file, error.lineno, SYNTAX, f"the template does not compile: {error.message}")
        return
    for parent in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        yield from _parents(file, parent)
    for call in tree.find_all(nodes.Call):
        for kind, name in _template_call(call):
            yield Reference(file, call.lineno, kind, name)
    for item in tree.find_all((nodes.Getitem, nodes.Call)):
        for name in _template_settings(item):
            yield Reference(file, item.lineno, SETTING, name)
    for data in tree.find_all(nodes.TemplateData):
        for found in _LITERAL.finditer(data.data):
            yield from _static(file, data.lineno + data.data.count("\n", 0, found.start()), found["address"])


def _parents(file: Path, parent: Any) -> Iterator[Reference]:
    """The templates that an ``{% extends %}`` and its like name: of a list, one is enough."""
    if isinstance(parent, nodes.Include) and parent.ignore_missing:
        return
    if not isinstance(parent.template, nodes.List | nodes.Tuple):
        yield from (Reference(file, parent.lineno, TEMPLATE, name) for name in _template_texts(parent.template))
        return
    names = [_template_texts(item) for item in parent.template.items]
    if names and all(names):
        first, *others = (name for some in names for name in some)
        yield Reference(file, parent.lineno, TEMPLATE, first, tuple(others))


def _template_settings(node: Any) -> tuple[str, ...]:
    """The names in ``settings["name"]`` or ``settings.get("name")``; empty for anything else."""
    if isinstance(node, nodes.Getitem):
        settings, given = node.node, _template_texts(node.arg)
    elif isinstance(node.node, nodes.Getattr) and node.node.attr == "get":
        settings, given = node.node.node, _template_given(node, 0, "")
    else:
        return ()
    return given if getattr(settings, "attr", getattr(settings, "name", "")) == "settings" else ()


def _template_call(call: nodes.Call) -> Iterator[tuple[str, str]]:
    called = getattr(call.node, "attr", getattr(call.node, "name", ""))
    if called in _ROUTE_METHODS:
        yield from ((ROUTE, name) for name in _template_given(call, 0, "route_name"))
    elif called == "has_permission":
        yield from ((PERMISSION, name) for name in _template_given(call, 0, "permission"))
    elif called in _ASSET_FUNCTIONS:
        asked = product(_template_given(call, 0, "name"), _template_given(call, 1, "path"))
        yield from ((STATIC_FILE, "/".join(parts)) for parts in asked)
    elif called in _STATIC_METHODS:
        yield from ((STATIC_FILE, name) for name in _template_given(call, 0, "path") if ":" in name)


def _template_given(call: nodes.Call, position: int, keyword: str) -> tuple[str, ...]:
    if len(call.args) > position:
        return _template_texts(call.args[position])
    return next((_template_texts(item.value) for item in call.kwargs if item.key == keyword), ())


def _template_texts(node: nodes.Expr | None) -> tuple[str, ...]:
    """The texts that an expression of a template can come to, as far as they stand there."""
    if isinstance(node, nodes.Const):
        return (node.value,) if isinstance(node.value, str) else ()
    if isinstance(node, nodes.CondExpr):
        return _template_texts(node.expr1) + _template_texts(node.expr2)
    if isinstance(node, nodes.Or):
        return _template_texts(node.left) + _template_texts(node.right)
    return ()


def in_style_sheet(name: str, folder: Path, file: Path) -> Iterator[Reference]:
    """The static files that a style sheet of the `folder` that is published under `name` leads to."""
    try:
        text = _read(file)
    except _NotUTF8 as error:
        yield Reference(file, error.line, SYNTAX, "this is not UTF-8")
        return
    beside = posixpath.join("/static", name, file.parent.relative_to(folder).as_posix())
    for found in _CSS.finditer(text):
        url = _css_address(found)
        address = re.split("[?#]", url)[0]
        if address and not _ELSEWHERE.match(url):
            line = text.count("\n", 0, found.start()) + 1
            yield from _static(file, line, posixpath.normpath(posixpath.join(beside, address)))


def _css_address(found: re.Match[str]) -> str:
    """The address that a part of a style sheet names, with its escapes undone; empty when it names none."""
    text = found["quoted"] or found["imported"]
    return _CSS_ESCAPE.sub(_unescaped, text[1:-1] if text else found["bare"] or "").strip()


def _unescaped(escape: re.Match[str]) -> str:
    if not escape["number"]:
        return escape["itself"] or ""
    number = int(escape["number"], 16)
    # What is no character stands for the replacement character (CSS Syntax 3, 4.3.7).
    is_character = 0 < number <= sys.maxunicode and not 0xD800 <= number <= 0xDFFF
    return chr(number) if is_character else "\ufffd"


def _static(file: Path, line: int, address: str) -> Iterator[Reference]:
    """The static file at an address of this site; an address may be anything else, too."""
    if found := _STATIC_ADDRESS.fullmatch(unquote(address)):
        yield Reference(file, line, STATIC_FILE, f"{found['name']}/{found['path']}")


class _NotUTF8(Exception):
    """A file is no text in UTF-8 from `line` on."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _read(file: Path) -> str:
    data = file.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _NotUTF8(data.count(b"\n", 0, error.start) + 1) from error
