"""What the documentation names is there: files behind links, make targets, commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from walk import REPOSITORY

from flasky.cli import main
from flasky.cli.context import Context

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:^|[\s&])make ([a-z][a-z-]*)", re.MULTILINE)
FLASKY = re.compile(r"(?:^|[$>] |&& |\")flasky (?:--ini \S+ )?([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)
COMMENT = re.compile(r"(?:^|\s)# .*$", re.MULTILINE)
#: The plug-in of the examples.
EXAMPLES = {"polls"}
DOCUMENT = re.compile(r"\bdocs/[\w./-]+\.md\b")


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(REPOSITORY)) for page in pages]


@cache
def code(page: Path) -> str:
    """Everything on a page that is set as code."""
    text = page.read_text(encoding="utf-8")
    return COMMENT.sub("", "\n".join([*FENCED.findall(text), *INLINE.findall(FENCED.sub("", text))]))


def prose(page: Path) -> str:
    return INLINE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page}: {target}"
        assert file.is_relative_to(REPOSITORY), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page}: {target}"


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {(target, page.name) for page in PAGES for target in MAKE.findall(code(page))}
    assert {"serve", "test", "lint", "bench"} <= {target for target, _ in named}
    assert [(target, page) for target, page in named if target not in targets] == []


def test_every_flasky_command_that_is_named_exists() -> None:
    named = {(*found, page.name) for page in PAGES for found in FLASKY.findall(code(page))}
    assert {"mail", "plugin", "log"} <= {command for command, _, _ in named}
    assert [found for found in sorted(named) if not exists(found[0], found[1])] == []


def exists(command: str, below: str) -> bool:
    """Whether `flasky command below` is one; a word behind a command that has none below it is its argument."""
    if command in EXAMPLES:
        return True
    with click.Context(main, obj=Context(str(REPOSITORY / "development.ini"))) as context:
        found = main.get_command(context, command)
        if isinstance(found, click.Group) and below:
            found = found.get_command(context, below)
    return found is not None


def test_every_command_of_flasky_is_named_somewhere() -> None:
    """A command that no page names would not be found by anybody."""
    written = "\n".join(code(page) for page in PAGES)
    with click.Context(main, obj=Context(str(REPOSITORY / "development.ini"))) as context:
        commands = main.list_commands(context)
    assert [name for name in commands if f"flasky {name}" not in re.sub(r" --ini \S+", "", written)] == []


def test_every_document_that_code_or_text_names_exists() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    missing = []
    for name in listed.stdout.splitlines():
        path = REPOSITORY / name
        if path.suffix in {".py", ".md", ".toml", ".ini", ".mako", ".jinja2", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            missing += [(name, file) for file in DOCUMENT.findall(text) if not (REPOSITORY / file).is_file()]
    assert missing == []


def indexes() -> Iterator[Path]:
    yield from (REPOSITORY / "docs").glob("*/README.md")
    yield REPOSITORY / "docs" / "README.md"


@pytest.mark.parametrize("index", list(indexes()), ids=lambda index: index.parent.name)
def test_every_page_stands_in_the_index_of_its_folder(index: Path) -> None:
    linked = set(LINK.findall(index.read_text(encoding="utf-8")))
    pages = {page.name for page in index.parent.glob("*.md")} - {"README.md"}
    assert sorted(name for name in pages - linked if not name.endswith(".zh.md")) == []
