"""Slots fail safely and templates override one another (F36)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_plugins import make_plugin
from pyramid.request import Request, apply_request_extensions
from webtest import TestApp

from flasky.cli import main
from flasky.ownership import contributions
from flasky.settings import ConfigurationFaults
from flasky.slots import slots
from flasky.templating import get_environment

pytestmark = pytest.mark.usefixtures("samples")

ALL = "main accounts board poster echo"


@pytest.fixture
def app_settings() -> dict[str, Any]:
    """The samples, on a database that has their tables."""
    return {"flasky.plugins": ALL}


def test_what_a_function_returns_is_escaped(testapp: TestApp) -> None:
    assert "&lt;board&#39;s footer&gt;" in testapp.get("/").text


@pytest.mark.parametrize("how", ["python", "sql"])
def test_f36_a_failing_contribution_is_logged_with_its_plugin_and_the_page_stands(
    testapp: TestApp, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """After a failed statement, too, the rest of the page can read: PostgreSQL would refuse it."""
    with caplog.at_level(logging.ERROR):
        page = testapp.get(f"/board?fail={how}")
    assert "The board, with posters" in page.text
    assert "footer&gt;" not in page.text
    [record] = [record for record in caplog.records if record.name == "flasky.slots"]
    assert "plugin=board 1.2: the slot 'footer' (flasky_board.views.footer) failed" in record.getMessage()
    assert record.exc_info


def test_f36_a_failing_view_is_an_error_for_that_view_alone(testapp: TestApp) -> None:
    testapp.get("/board/broken/now", status=500)
    assert testapp.get("/board").status_int == 200


def test_a_later_plugin_overrides_a_template_and_extends_it(testapp: TestApp) -> None:
    page = testapp.get("/board")
    assert "<h1>The board, with posters</h1>" in page.text
    assert "navbar" in page.text


def test_the_site_overrides_every_plugin_by_a_folder_beside_its_ini(
    make_app: Callable[..., Any], tmp_path: Path
) -> None:
    """Three deep: the site extends the poster's, which extends the board's; and base.jinja2 itself."""
    folder = tmp_path / "own"
    (folder / "board").mkdir(parents=True)
    (folder / "board" / "index.jinja2").write_text(
        '{% extends "board/index.jinja2" %}{% block heading %}Ours: {{ super() }}{% endblock %}'
    )
    (folder / "base.jinja2").write_text('{% extends "base.jinja2" %}{% block title %}Club{% endblock %}')
    app = make_app(flasky__plugins=ALL, flasky__templates=str(folder))
    assert "<title>Club</title>" in TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/").text
    request = Request.blank("/")
    request.registry = app.registry
    apply_request_extensions(request)
    page = (
        get_environment(app.registry).get_template("board/index.jinja2").render(request=request, notices=[], kinds=[])
    )
    assert "<h1>Ours: The board, with posters</h1>" in page
    assert "<title>Club</title>" in page
    (folder / "board" / "none.jinja2").write_text('{% extends "board/none.jinja2" %}')
    with pytest.raises(ConfigurationFaults, match=r"none\.jinja2, line 1: no enabled plug-in has the template"):
        make_app(flasky__plugins=ALL, flasky__templates=str(folder))


def test_a_misspelt_slot_keeps_the_site_from_starting(make_app: Callable[..., Any], monkeypatch: Any) -> None:
    import flasky_echo  # noqa: PLC0415 - installed by the fixture

    monkeypatch.setattr(flasky_echo, "includeme", lambda config: config.add_slot("foter", "flasky_echo.views.home"))
    with pytest.raises(ConfigurationFaults, match=r"no page shows a slot 'foter'\. Did you mean 'footer'"):
        make_app(flasky__plugins=ALL)


def test_two_plugins_may_call_a_function_the_same_and_a_third_replaces_one_of_them(
    make_app: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    """Neither knows of the other: the plug-in's name stands before the function's."""
    for name in ("slota", "slotb"):
        top = f"def footer(request):\n    return {name!r}\n"
        make_plugin(tmp_path, name, "config.add_slot('footer', footer)", top=top)
    make_plugin(tmp_path, "slotc", "config.replace_slot('footer', 'slotb.footer', lambda request: 'instead')")
    monkeypatch.syspath_prepend(tmp_path)
    filled = slots(make_app(flasky__plugins="main slota slotb slotc").registry)["footer"]
    assert [(item.name, item.package) for item in filled] == [
        ("slota.footer", "flasky_slota"),
        ("slotb.footer", "flasky_slotc"),
    ]


#: What `flasky plugin show board` lists, one of each kind.
BOARD = {
    ("API resource", "board.api"),
    ("API schema", "BoardNotice"),
    ("administration screen", "board.manage"),
    ("command", "board"),
    ("content security policy", "img-src https://images.example.com"),
    ("extension point", "board.kinds"),
    ("fixtures", "flasky_board.fixtures"),
    ("health check", "board"),
    ("identity value", "board.has_pinned"),
    ("job", "board.tidy"),
    ("kind of notice", "plain"),
    ("mail", "mail/board_notice"),
    ("metric", "board_notices"),
    ("migrations", "flasky_board:migrations"),
    ("navigation", "board.index"),
    ("permission", "board.pin"),
    ("personal data", "board"),
    ("prefix", "/board"),
    ("route", "board.index"),
    ("schedule", "board.tidy"),
    ("seed", "board.examples"),
    ("setting", "board.shown"),
    ("shell name", "Notice"),
    ("slot", "board/latest.jinja2 in home"),
    ("start check", "check"),
    ("static", "board"),
    ("table", "board_notices"),
    ("template", "board/index.jinja2"),
    ("tween", "flasky_board.hooks.tween"),
    ("view", "board.index pin"),
}


def test_the_commands_say_who_fills_what_and_who_wins(ini_file: Callable[..., Path]) -> None:
    """Each as a table and as JSON."""
    ini = str(ini_file(flasky__plugins=ALL))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["--ini", ini, *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    [home] = [row for row in json.loads(run("slots", "--json")) if row["slot"] == "home"]
    assert "plug-in main: main/index.jinja2" in home["shown_by"]
    assert [(item["plugin"], item["with"]) for item in home["filled_by"] if item["plugin"] != "accounts"] == [
        ("poster", "poster/latest.jinja2"),
        ("echo", "flasky_echo.views.home"),
    ]
    assert "poster" in run("slots")
    rows = json.loads(run("templates", "board/index.jinja2", "--json"))
    assert [(row["owner"], row["place"]) for row in rows] == [("poster", "wins"), ("board", "behind 1")]
    assert "behind 1" in run("templates")
    about = json.loads(run("plugin", "show", "board", "--json"))
    assert about["complete"] is True
    assert {(item["kind"], item["name"]) for item in about["contributions"]} >= BOARD
    assert all(item["plugin"] == "board" for item in about["contributions"])


def test_the_board_is_a_sample_of_every_kind_of_contribution(make_app: Callable[..., Any]) -> None:
    """But for a way to sign in, and for what a site can have only one of."""
    every = contributions(make_app(flasky__plugins=ALL).registry)
    others = {"home page", "identity provider", "sign-in method"}
    of_pyramid = {"request attribute", "renderer", "view deriver"}
    others |= of_pyramid | {f"{what} predicate" for what in ("route", "subscriber", "view")}
    assert {one.kind for one in every} - {one.kind for one in every if one.plugin == "board"} <= others
