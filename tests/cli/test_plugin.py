"""`flasky plugin list`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from flasky.loader import version

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
