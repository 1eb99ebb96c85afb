"""docs/plugins: the tutorials are typed (their other examples: test_examples.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from walk import Walk, steps

DOCS = Path(__file__).resolve().parents[2] / "docs" / "plugins"


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A fresh copy of the project."""
    made = Walk(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("page", ["tutorial", "growing"])
def test_the_tutorials_are_typed_from_the_first_command_to_the_last(walk: Walk, page: str) -> None:
    """From `flasky plugin new` to the removed plug-in, and from an empty folder to one that keeps every promise."""
    for step in steps(DOCS / f"{page}.md"):
        walk.take(step)
