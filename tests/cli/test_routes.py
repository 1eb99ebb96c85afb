"""`flasky routes`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from made_plugins import make_plugin

import flasky as flasky_package
from flasky.wsgi import Application

Flasky = Callable[..., Result]


@pytest.fixture(scope="module")
def _started() -> dict[Any, Application]:
    return {}


@pytest.fixture
def ini(ini_file: Callable[..., Path], _started: dict[Any, Application], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with every plug-in that ships, in development; it is started once for all commands of this module."""
    start = flasky_package.main

    def main(global_config: Any, **settings: Any) -> Application:
        key = tuple(sorted((name, str(value)) for name, value in settings.items() if name != "sqlalchemy.url"))
        if key not in _started:
            _started[key] = start(global_config, **settings)
        return _started[key]

    monkeypatch.setattr(flasky_package, "main", main)
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


@pytest.mark.parametrize("address", ["http://localhost:6543", "https://www.example.com/?page=2#end", "/?x=1", "/#top"])
def test_a_path_may_be_copied_from_a_browser(flasky: Flasky, ini: Path, address: str) -> None:
    result = flasky("--ini", ini, "routes", address)
    assert result.exit_code == 0
    assert "main.index  /  GET  →  answers: " in result.output


def test_why_nobody_answers(flasky: Flasky, ini: Path) -> None:
    """A wrong method, and a path that no pattern matches: exit status 1 and each candidate's reason."""
    result = flasky("--ini", ini, "routes", "/", "--method", "POST")
    assert result.exit_code == 1
    assert "main.index  /  GET  →  POST is not one of its methods" in result.output
    assert result.output.startswith("Nobody answers POST /.\n")


@pytest.mark.parametrize(
    ("path", "begin", "others"),
    [
        ("/no-such-page", [], []),
        ("/people/ann", ["/people", "/people/{user_id:[0-9]{1,9}}"], ["/roles", "/"]),
        ("/langauge", ["/language"], ["/roles", "/"]),
        ("/lang", ["/language"], ["/roles", "/"]),
    ],
)
def test_where_nobody_answers_only_the_routes_that_begin_so_are_told(
    flasky: Flasky, ini: Path, path: str, begin: list[str], others: list[str]
) -> None:
    """The answer first; a misspelt beginning is near enough."""
    result = flasky("--ini", ini, "routes", path)
    assert result.exit_code == 1
    first, *lines = result.output.splitlines()
    assert first == f"Nobody answers GET {path}."
    if not begin:
        assert lines == ["No route begins so. `flasky routes` lists all."]
        return
    assert all(line.endswith("→  the pattern does not match") for line in lines)
    patterns = [line.split("  ")[1] for line in lines]
    assert set(begin) <= set(patterns)
    assert not [pattern for pattern in patterns if pattern in others]
    assert len(patterns) < 20


def test_a_route_that_begins_with_a_placeholder_may_always_be_meant(flasky: Flasky, placed: Path) -> None:
    """Nobody can tell by its first part what it answers."""
    lines = flasky("--ini", placed, "routes", "/2026/november").output.splitlines()
    assert lines == [
        "Nobody answers GET /2026/november.",
        "dated.month  /{year}/{month:[0-9]+}    →  the pattern does not match",
        "dated.page  /y{year}/x    →  the pattern does not match",
    ]


@pytest.fixture
def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ini_file: Callable[..., Path]) -> Path:
    """A site with a plug-in whose patterns begin with a placeholder."""
    patterns = {"dated.month": "/{year}/{month:[0-9]+}", "dated.page": "/y{year}/x"}
    make_plugin(tmp_path, "dated", "\n".join(f"config.add_route({one!r}, {path!r})" for one, path in patterns.items()))
    monkeypatch.syspath_prepend(tmp_path)
    return ini_file(flasky__plugins="main dated")


def test_a_path_begins_with_a_slash(flasky: Flasky, ini: Path) -> None:
    result = flasky("--ini", ini, "routes", "no-such-page")
    assert result.exit_code == 1
    assert "flasky routes /no-such-page" in result.output


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plug-in `front`, which takes addresses before the plug-in `behind` can, installed for this module."""
    here = "config.add_route('{0}', {1!r}{2})"
    routes = {
        "front": [
            ("front.any", "/front/{rest:.*}", ""),
            ("front.post", "/posted", ", request_method='POST'"),
            ("front.number", "/numbers/{number:[0-9]+}", ""),
            ("front.header", "/headed", ", header='X-Front'"),
        ],
        "behind": [
            ("behind.page", "/front/page", ""),
            ("behind.deep", "/front/{year:[0-9]{4}}/*rest", ""),
            ("behind.put", "/posted", ", request_method='PUT'"),
            ("behind.posted", "/posted", ""),
            ("behind.post", "/posted", ", request_method='POST'"),
            ("behind.any", "/numbers/{slug}", ""),
            ("behind.number", "/numbers/{id:[0-9]{2}}", ""),
            ("behind.headed", "/headed", ""),
        ],
    }
    folder = tmp_path_factory.mktemp("front")
    for name, some in routes.items():
        make_plugin(folder, name, "\n".join(here.format(*one) for one in some))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.fixture
def fronted(front: None, ini_file: Callable[..., Path]) -> Path:
    """A site with both."""
    return ini_file(flasky__plugins="main front behind")


def test_a_route_that_nobody_reaches_is_told_with_who_stands_before_it(flasky: Flasky, fronted: Path) -> None:
    """As far as patterns, methods and predicates tell: one that takes only some of its addresses is not in its way."""
    rows = json.loads(flasky("--ini", fronted, "routes", "--json").output)
    assert {row["route"]: row["shadowed_by"] for row in rows if row["shadowed_by"]} == {
        "behind.page": "front.any",
        "behind.deep": "front.any",
        "behind.post": "front.post",
        "behind.number": "front.number",
    }
    lines = flasky("--ini", fronted, "routes").output.splitlines()
    assert "Shadowed by" in lines[0]
    assert [line.split()[3] for line in lines if line.startswith("behind.page ")] == ["front.any"]


def test_who_would_answer_if_nobody_stood_before(flasky: Flasky, fronted: Path) -> None:
    said = flasky("--ini", fronted, "routes", "/front/page").output
    assert "behind.page  /front/page    →  shadowed by front.any of front" in said
    rows = json.loads(flasky("--ini", fronted, "routes", "/front/page", "--json").output)
    assert [(row["route"], row["shadowed_by"]) for row in rows] == [("behind.page", "front.any")]
    assert "front.post  /posted    →  GET is not one of its route's methods" in (
        flasky("--ini", fronted, "routes", "/posted").output
    )


def test_no_route_that_ships_is_shadowed(flasky: Flasky, ini: Path) -> None:
    rows = json.loads(flasky("--ini", ini, "routes", "--json").output)
    assert [row["route"] for row in rows if row["shadowed_by"]] == []
