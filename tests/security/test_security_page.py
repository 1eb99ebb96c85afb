"""docs/operations/security.md names tests: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_exists():
    """A row is met because a test shows it, not because the page says so."""
    page = (ROOT / "docs" / "operations" / "security.md").read_text()
    files = (ROOT / "tests").rglob("test_*.py")
    written = set(re.findall(r"(?m)^ *def (test_\w+)", "\n".join(file.read_text(encoding="utf-8") for file in files)))
    named = set(re.findall(r"`(test_\w+)`", page))

    assert len(named) > 30
    assert named <= written
