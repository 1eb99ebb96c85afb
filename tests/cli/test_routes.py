"""`flasky routes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Flasky = Callable[..., Result]


@pytest.fixture
def ini(ini_file: Callable[..., Path]) -> Path:
    """A site with every plug-in that ships, in development."""
    return ini_file(flasky__environment="development")


def test_each_route_with_its_view_permission_and_plugin(flasky: Flasky, ini: Path) -> None:
    (home,) = [line for line in flasky("--ini", ini, "routes").output.splitlines() if line.startswith("main.index ")]
    assert home.split()[:5] == ["main.index", "/", "GET", "public", "main"]
    assert "flasky.plugins.main.views.index (" in home
    file, line = home.rpartition("(")[2].rstrip(")").split(":")
    assert "def index" in "".join(Path(file).read_text(encoding="utf-8").splitlines(keepends=True)[int(line) - 1 :])


def test_json(flasky: Flasky, ini: Path) -> None:
    rows = json.loads(flasky("--ini", ini, "routes", "--json").output)
    (home,) = [row for row in rows if row["route"] == "main.index"]
    assert home["methods"] == ["GET"]
    assert home["plugin"] == "main"
    assert {"flasky", "main"} <= {row["plugin"] for row in rows}
    assert json.loads(flasky("--ini", ini, "routes", "/", "--json").output) == [home]


def test_who_answers_a_path(flasky: Flasky, ini: Path) -> None:
    result = flasky("--ini", ini, "routes", "/")
    assert result.exit_code == 0
    assert "main.index  /  GET  →  answers: flasky.plugins.main.views.index" in result.output


def test_why_nobody_answers(flasky: Flasky, ini: Path) -> None:
    """A wrong method, and a path that no pattern matches: exit status 1 and each candidate's reason."""
    result = flasky("--ini", ini, "routes", "/", "--method", "POST")
    assert result.exit_code == 1
    assert "main.index  /  GET  →  POST is not one of its methods" in result.output
    result = flasky("--ini", ini, "routes", "/no-such-page")
    assert result.exit_code == 1
    assert "the pattern does not match" in result.output
    assert "Nobody answers GET /no-such-page." in result.output


def test_a_path_begins_with_a_slash(flasky: Flasky, ini: Path) -> None:
    result = flasky("--ini", ini, "routes", "no-such-page")
    assert result.exit_code == 1
    assert "flasky routes /no-such-page" in result.output
