"""`flasky about`."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from click.testing import Result

Flasky = Callable[..., Result]
CANARY = "canary-6d10"


def test_versions_database_plugins_and_schema(flasky: Flasky, ini_file: Callable[..., Path], database_url: str) -> None:
    """On both databases."""
    facts = json.loads(flasky("--ini", ini_file(sqlalchemy__url=database_url), "about", "--json").output)
    assert facts["flasky"] == version("flasky")
    assert facts["database"]["kind"] == database_url.partition("://")[0].partition("+")[0]
    assert facts["database"]["version"][0].isdigit()
    assert facts["schema"]["state"] == "current"
    assert [item["name"] for item in facts["plugins"]] == ["main", "accounts"]
    assert facts["libraries"]["pyramid"] == version("pyramid")


def test_a_site_without_a_database_is_described_all_the_same(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    result = flasky("--ini", ini_file(), "about")
    assert result.exit_code == 0
    assert "Schema: missing. There is no database" in result.output
    assert "upgrade head" in result.output


def test_cfg_03_it_can_be_pasted_into_a_report(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    before_host, in_query = f"u:{CANARY}@127.0.0.1:1/db", f"/db?host=127.0.0.1&port=1&user=u&password={CANARY}"
    for place in (before_host, in_query):
        ini = ini_file(sqlalchemy__url=f"postgresql://{place}", flasky__secret_key=CANARY)
        result = flasky("--ini", ini, "about")
        assert result.exit_code == 0
        assert CANARY not in result.output + flasky("--ini", ini, "db", "status").output
        assert "cannot be reached" in result.output
