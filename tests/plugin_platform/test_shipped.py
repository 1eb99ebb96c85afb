"""What ships passes the conformance suite, whose rules test_conformance.py shows at work."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest

from flasky.conformance.rule import PASSED
from flasky.conformance.subject import Subject
from flasky.conformance.suite import check
from flasky.conformance.workbench import Workbench
from flasky.plugin import ENTRY_POINT_GROUP

SHIPPED = sorted(entry.name for entry in distribution("flasky").entry_points if entry.group == ENTRY_POINT_GROUP)


def test_the_distribution_declares_its_plugins() -> None:
    assert {"main", "accounts", "api", "blog"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_keeps_every_promise(name: str, workbench: Workbench) -> None:
    """Every built-in that Flasky's distribution declares, with its own wheel, which is built once."""
    subject = Subject(name, workbench)
    outcomes = check(subject)
    subject.close()
    assert [str(finding) for outcome in outcomes for finding in outcome.findings] == []
    passed = {outcome.rule.name for outcome in outcomes if outcome.status == PASSED}
    assert {"start", "import", "names", "permissions", "translations", "disabled", "wheel"} <= passed
    if name != "main":
        assert {"settings", "models", "migrations"} <= passed
    if name in {"accounts", "blog"}:
        assert "mails" in passed
