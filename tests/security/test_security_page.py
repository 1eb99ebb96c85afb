"""docs/operations/security.md and the tests name each other."""

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


def test_every_requirement_that_a_test_names_has_its_row():
    """In the test's name (`test_inp_07_…`), or anywhere in its module (INP-07)."""
    page = (ROOT / "docs" / "operations" / "security.md").read_text(encoding="utf-8")
    first_cells = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| "))
    rows = set(re.findall(r"\b[A-Z]{3}-\d\d\b", first_cells))
    kinds = "|".join({row[:3] for row in rows})
    named = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text(encoding="utf-8")
        named |= {f"{kind}-{number}" for kind, number in re.findall(rf"\b({kinds})-(\d\d)\b", text)}
        for test in re.findall(r"(?m)^ *def (test_\w+)", text):
            found = re.findall(rf"_({kinds.lower()})_(\d\d)(?!\d)", test)
            named |= {f"{kind.upper()}-{number}" for kind, number in found}

    assert {"SES-04", "INP-07", "ERR-03"} <= named
    assert named - rows == set()
