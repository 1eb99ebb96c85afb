"""What pages say of the code's own files, and how decisions are numbered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from walk import REPOSITORY

BLOG = REPOSITORY / "flasky" / "plugins" / "blog"
DECISIONS = sorted((REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"))


def test_each_module_of_the_blog_has_its_line_for_who_is_new() -> None:
    page = (REPOSITORY / "docs" / "plugins" / "blog.md").read_text(encoding="utf-8")
    section = page.partition("\n## Where things are\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([\w/]+)` \| [^|]+ \|$", section, re.MULTILINE)
    modules = [file.stem for file in BLOG.glob("*.py") if file.stem != "__init__"]
    folders = [f"{file.parent.name}/" for file in BLOG.glob("*/__init__.py")]

    assert sorted(named) == sorted([*modules, *folders])


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_begins_with_its_number(page: Path) -> None:
    """By which others name it."""
    assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]} ")
