"""docs/operations/security.md and the tests name each other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: The sections of the page that are about a plug-in, and where its tests are; the kernel's are everywhere else.
PLUGINS = {
    "Accounts": ("tests/plugins/accounts/", "tests/functional/test_accounts_"),
    "API": ("tests/plugins/api/", "tests/security/test_credentials.py"),
    "Blog": ("tests/plugins/blog/", "tests/browser/test_blog.py", "tests/test_compiling.py"),
}
KERNEL = ("What is met", "What is met in part")


def page() -> str:
    """The page."""
    return (ROOT / "docs" / "operations" / "security.md").read_text(encoding="utf-8")


@cache
def files() -> dict[str, str]:
    """What each file of tests says, by its path from the root."""
    found = sorted((ROOT / "tests").rglob("test_*.py"))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in found}


def rows(*sections: str) -> set[str]:
    """The requirements that have a row on the page, or in these sections of it."""
    parts = re.split(r"(?m)^## ", page())
    text = "\n".join(part for part in parts if not sections or part.partition("\n")[0] in sections)
    first_cells = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))
    return set(re.findall(r"\b[A-Z]{3}-\d\d\b", first_cells))


def names_of(text: str) -> list[str]:
    """What the tests in a file are called."""
    return re.findall(r"(?m)^ *def (test_\w+)", text)


def in_names(text: str) -> set[str]:
    """The requirements that the names of the tests in a file have (`test_inp_07_…`)."""
    kinds = "|".join(sorted({row[:3].lower() for row in rows()}))
    found = [pair for test in names_of(text) for pair in re.findall(rf"_({kinds})_(\d\d)(?!\d)", test)]
    return {f"{kind.upper()}-{number}" for kind, number in found}


def section_of(file: str) -> tuple[str, ...]:
    """The sections in which the requirements of a file of tests have to stand."""
    return next(((section,) for section, places in PLUGINS.items() if file.startswith(places)), KERNEL)


def test_every_test_that_the_page_names_exists() -> None:
    """A row is met because a test shows it, not because the page says so."""
    written = {test for text in files().values() for test in names_of(text)}
    named = set(re.findall(r"`(test_\w+)`", page()))

    assert len(named) > 30
    assert named <= written


def test_every_requirement_that_a_test_names_has_its_row() -> None:
    """In the test's name (`test_inp_07_…`), or anywhere in its module (INP-07)."""
    kinds = "|".join(sorted({row[:3] for row in rows()}))
    named = set()
    for text in files().values():
        named |= in_names(text) | {f"{kind}-{number}" for kind, number in re.findall(rf"\b({kinds})-(\d\d)\b", text)}

    assert {"SES-04", "INP-07", "ERR-03"} <= named
    assert named - rows() == set()


@pytest.mark.parametrize("sections", [KERNEL, *((section,) for section in PLUGINS)], ids=lambda sections: sections[0])
def test_each_section_has_the_requirements_that_its_tests_have_in_their_names(sections: tuple[str, ...]) -> None:
    """What another plug-in meets says nothing about this one."""
    named = {one for file, text in files().items() if section_of(file) == sections for one in in_names(text)}

    assert len(named) > 5
    assert named - rows(*sections) == set()
