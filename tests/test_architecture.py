"""The shape of the code, held by its syntax trees: which way imports point, and where nothing may be kept."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "flasky"
PLUGINS = PACKAGE / "plugins"
SHIPPED = sorted(folder.name for folder in PLUGINS.iterdir() if (folder / "__init__.py").is_file())

#: What a plug-in publishes to the others: its declaration and its models, and what its services decide.
PUBLISHED = frozenset({"", "models", "services", "events", "permissions"})

MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = frozenset({"list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter"})
CHANGING = frozenset(
    {"append", "add", "update", "setdefault", "pop", "popitem", "clear", "extend", "insert", "remove", "discard"}
)


@cache
def tree(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def kernel_files() -> list[Path]:
    """The Python files of the kernel; the test kit belongs to it."""
    return [file for file in sorted(PACKAGE.rglob("*.py")) if not file.is_relative_to(PLUGINS)]


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, anywhere in it, with the line."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_kernel_imports_no_plugin() -> None:
    """DESIGN §2: kernel → plug-in never."""
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in kernel_files()
        for line, name in imports(file)
        if name.startswith("flasky.plugins.")
    ]
    assert found == []


def test_the_kernel_names_no_plugin() -> None:
    """No text in the kernel is the name of what ships, or of something of it; nor in its templates and its test kit."""
    names = SHIPPED
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for file in kernel_files()
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value in names or node.value.startswith(("flasky.plugins.", *(f"{name}." for name in names))))
    ]
    area = "flasky/directives.py"  # The left one of the navbar's two areas is called main.
    assert [text for text in found if not (text.startswith(area) and text.endswith("'main'"))] == []
    named = re.compile(rf"""["'](?:{"|".join(names)})[./]""")
    templates = [file for file in sorted((PACKAGE / "templates").rglob("*")) if file.is_file()]
    assert templates
    assert [file.name for file in templates if named.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_plugin_uses_only_what_another_publishes(name: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {module}"
        for file in sorted((PLUGINS / name).rglob("*.py"))
        for line, module in imports(file)
        if module.startswith("flasky.plugins.") and (parts := module.split("."))[2] != name
        if (parts[3] if len(parts) > 3 else "") not in PUBLISHED and (PLUGINS / parts[2] / f"{parts[3]}.py").exists()
    ]
    assert found == []


@pytest.mark.parametrize("name", SHIPPED)
def test_models_know_neither_services_nor_views_and_services_no_views(name: str) -> None:
    """Views → services → models, never the other way."""
    forbidden = {"models": ("services", "views", "forms"), "services": ("views", "forms")}
    found = [
        f"{file.relative_to(ROOT)}:{line}: {module}"
        for room, others in forbidden.items()
        for file in sorted((PLUGINS / name).glob(f"{room}.py")) + sorted((PLUGINS / name / room).rglob("*.py"))
        for line, module in imports(file)
        if module.startswith(tuple(f"flasky.plugins.{name}.{other}" for other in others))
    ]
    assert found == []


def test_models_do_not_postpone_their_annotations() -> None:
    """Decision 0072: SQLAlchemy would compile and evaluate the text of each annotation, twice, at every start."""
    found = [
        str(file.relative_to(ROOT))
        for file in sorted(PACKAGE.rglob("*.py"))
        if {"sqlalchemy.orm.mapped_column", "__future__.annotations"} <= {name for _line, name in imports(file)}
    ]
    assert found == []


def test_alembics_folder_is_no_package() -> None:
    """With an __init__.py it would shadow the library."""
    assert not (ROOT / "alembic" / "__init__.py").exists()


def changeable_names(module: ast.Module) -> set[str]:
    """Names that a module makes at its top as something changeable."""
    names = set()
    for statement in module.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            called = getattr(statement.value, "func", None)
            kind = getattr(called, "id", getattr(called, "attr", ""))
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if isinstance(statement.value, MUTABLE) or kind in MUTABLE_CALLS:
                names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def changed_name(node: ast.AST) -> str:
    """The plain name whose content a node changes: by a method, by an item, or by an attribute."""
    holder: ast.AST | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
        holder = node.func.value
    elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        # What a view deriver offers is an attribute of the function: Pyramid wants it so.
        holder = None if getattr(node, "attr", "") == "options" else node.value
    return holder.id if isinstance(holder, ast.Name) else ""


def module_state(file: Path) -> Iterator[tuple[int, str]]:
    """What a module keeps and changes later: its own collections, attributes of its functions, and `global`."""
    module = tree(file)
    kept = changeable_names(module)
    functions = {item.name for item in module.body if isinstance(item, ast.FunctionDef)}
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            yield node.lineno, ", ".join(node.names)
        elif (name := changed_name(node)) in kept | (functions if isinstance(node, ast.Attribute) else set()):
            yield getattr(node, "lineno", 0), name


def test_parity_5_nothing_is_kept_in_a_module() -> None:
    """State lives on the registry or the request, or two applications in one process would meet."""
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for line, name in module_state(file)
    ]
    assert found == []


def test_the_rule_about_state_sees_what_it_should(tmp_path: Path) -> None:
    """So that an empty list above means something."""
    source = tmp_path / "sample.py"
    source.write_text(
        "CACHE = {}\nSEEN: set = set()\nTABLE = {'a': 1}\n\n"
        "def one():\n    CACHE['a'] = 1\n    SEEN.add(1)\n    return TABLE['a']\n\n"
        "def two():\n    global TABLE\n    one.count = 2\n",
        encoding="utf-8",
    )
    assert sorted(module_state(source)) == [(6, "CACHE"), (7, "SEEN"), (11, "TABLE"), (12, "one")]


def test_every_file_of_the_repository_is_utf_8() -> None:
    """PARITY row 22a."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    binary = {".png", ".ico", ".mo", ".jpg", ".gif", ".webp", ".sqlite", ".woff2"}
    for name in filter(None, listed.decode().split("\0")):
        file = ROOT / name
        if file.suffix not in binary and file.is_file():
            file.read_text(encoding="utf-8")


def test_a_start_imports_neither_the_parser_of_markdown_nor_the_texts_of_examples() -> None:
    """Decision 0072: who writes first waits for the parser, not every start."""
    needed_later = ("markdown_it", "nh3", "flasky.plugins.blog.pipeline", "flasky.plugins.blog.seeding")
    found = {
        str(file.relative_to(PLUGINS))
        for file in sorted(PACKAGE.rglob("*.py"))
        # Not within a function, and not for types alone.
        for node in tree(file).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.startswith(needed_later)
    }
    assert found == {"blog/pipeline.py"}
