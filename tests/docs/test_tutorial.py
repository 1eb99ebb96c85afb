"""The tutorial is typed for real: every command of its pages, in order, in a fresh copy of the project.

tests/samples/walk.py says how pages are written so that this is possible.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from walk import REPOSITORY, Typed, Walk, commands, steps

from flasky.testing.missing import missing

TUTORIAL = REPOSITORY / "docs" / "tutorial"
PAGES = sorted(TUTORIAL.glob("[0-9]*[a-z].md"))
ENGLISH = [page for page in PAGES if not page.name.endswith(".zh.md")]


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A fresh copy of the project."""
    if shutil.which("curl") is None:
        missing("curl, which the tutorial types,", "Debian: apt install curl.")
    made = Walk(tmp_path)
    yield made
    made.stop()


def test_parity_1_to_22a_what_the_tutorial_shows_is_what_one_sees(walk: Walk) -> None:
    """The walk of PARITY: settings, pages, shell, mail, the rename with rows, a plug-in with a table, tests."""
    for page in ENGLISH:
        for step in steps(page):
            walk.take(step)


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_every_page_is_there_in_chinese_with_the_same_commands(page: Path) -> None:
    translated = page.with_suffix(".zh.md")
    assert translated.exists()
    assert commands(translated) == commands(page)


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_both_languages_show_the_same(page: Path) -> None:
    assert seen(page.with_suffix(".zh.md")) == seen(page)


def seen(page: Path) -> list[list[str]]:
    return [step.shown for step in steps(page) if isinstance(step, Typed)]


def test_the_list_of_pages_is_complete_in_both_languages() -> None:
    for index, language in (("README.md", ".md"), ("README.zh.md", ".zh.md")):
        text = (TUTORIAL / index).read_text(encoding="utf-8")
        for page in ENGLISH:
            assert f"({page.with_suffix(language).name})" in text


def test_another_output_than_the_shown_one_is_noticed(walk: Walk) -> None:
    walk.take(Typed("echo 2030-01-01 0123456789ab", "here", ["2031-12-31 ba9876543210"]))
    walk.take(Typed("printf 'one\\ntwo\\nthree\\n'", "here", ["one", "…"]))
    for shown in ([], ["one"], ["one", "three"], ["one", "two", "thr"]):
        with pytest.raises(AssertionError, match="One sees"):
            walk.take(Typed("printf 'one\\ntwo\\nthree\\n'", "here", shown))
