"""`flasky plugin list`."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import Result
from made_plugins import make_plugin

Flasky = Callable[..., Result]


def test_parity_9_the_shipped_plugins_are_listed(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    lines = flasky("--ini", ini_file(flasky__plugins="accounts"), "plugin", "list").output.splitlines()
    assert lines[0].split() == ["Plug-in", "Version", "Enabled", "Description"]
    assert lines[1].split()[:3] == ["accounts", version("flasky"), "yes"]
    assert ["main", version("flasky"), "no"] in [line.split()[:3] for line in lines[2:]]


def test_json(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    rows = json.loads(flasky("--ini", ini_file(), "plugin", "list", "--json").output)
    (main,) = [row for row in rows if row["name"] == "main"]
    assert (main["enabled"], main["position"], main["package"]) == (True, 1, "flasky.plugins.main")
    assert main["works"] is True


def test_a_name_that_two_distributions_offer_is_marked(
    flasky: Flasky, ini_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        make_plugin(tmp_path, name, "pass")
        (tmp_path / f"flasky_{name}-1.dist-info" / "entry_points.txt").write_text(
            f"[flasky.plugins]\ncontested = flasky_{name}:plugin\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    said = flasky("--ini", ini_file(flasky__plugins="main"), "plugin", "list").output
    assert "(offered by flasky-one 1 and by flasky-two 1)" in said
    faults = json.loads(flasky("--ini", ini_file(flasky__plugins="contested"), "plugin", "doctor", "--json").output)
    assert ("contested", "the plug-in 'contested' is offered by flasky-one 1 and by flasky-two 1") in [
        (fault["plugin"], fault["problem"]) for fault in faults
    ]


def test_it_works_when_the_site_cannot_start(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    """A misspelt plug-in, wrong settings: the list is shown, the plug-ins' faults follow, exit status 1."""
    result = flasky("--ini", ini_file(flasky__plugins="mian accounts", mail__port="x"), "plugin", "list")
    assert result.exit_code == 1
    assert any(line.split() == ["mian", "yes", "not", "installed"] for line in result.output.splitlines())
    assert "no installed plug-in is called 'mian'. Did you mean 'main'?" in result.output


def test_it_works_without_an_ini_file(flasky: Flasky) -> None:
    result = flasky("--ini", "/nowhere.ini", "plugin", "list")
    assert result.exit_code == 0
    assert "So none is enabled." in result.output
    assert "accounts" in result.output


def test_show_tells_what_pyramids_own_directives_brought_and_what_the_declaration_says(
    flasky: Flasky, ini_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plugin(
        tmp_path,
        "shown",
        """
        config.add_request_method(lambda request: 3, "shown_number", property=True)
        config.add_view_predicate("shown_only", "flasky_shown.Only")
        config.add_view_deriver(lambda view, info: view, "shown_deriver")
        config.add_renderer("shown", "flasky_shown.Only")
        """,
        top="class Only:\n    def __init__(self, value, info=None):\n        pass",
        declaration="prefix='/shown', fixtures='flasky_shown.fixtures'",
    )
    monkeypatch.syspath_prepend(tmp_path)
    about = json.loads(flasky("--ini", ini_file(flasky__plugins="shown"), "plugin", "show", "shown", "--json").output)
    assert (about["prefix"], about["fixtures"]) == ("/shown", "flasky_shown.fixtures")
    assert {(one["kind"], one["name"]) for one in about["contributions"]} == {
        ("request attribute", "shown_number"),
        ("view predicate", "shown_only"),
        ("view deriver", "shown_deriver"),
        ("renderer", "shown"),
        ("prefix", "/shown"),
        ("fixtures", "flasky_shown.fixtures"),
    }
