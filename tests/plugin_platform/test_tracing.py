"""In development: the trace of a request and the slots of a page; in no other environment anything of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from webtest import TestApp

import flasky
from flasky.database import get_database
from flasky.testing.plugin import TEST_SETTINGS
from flasky.tracing import get_traces
from flasky.tracing.traces import KEPT


def client_of(app: Any) -> TestApp:
    return TestApp(app, extra_environ={"HTTP_HOST": "localhost"})


@pytest.fixture(scope="module")
def development(faulty: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestApp]:
    """A development site with the plug-in `faulty`, and a template of the site's own."""
    folder = tmp_path_factory.mktemp("development")
    (folder / "templates" / "main").mkdir(parents=True)
    (folder / "templates" / "main" / "index.jinja2").write_text('{% extends "main/index.jinja2" %}')
    settings = {
        **TEST_SETTINGS,
        "flasky.environment": "development",
        "flasky.plugins": "main accounts faulty",
        "flasky.templates": str(folder / "templates"),
        "sqlalchemy.url": f"sqlite:///{folder}/data.sqlite",
    }
    app = flasky.main({}, **settings)
    # Nothing here asks the database, so there is none.
    app.registry["flasky.schema_is_current"] = True
    yield client_of(app)
    get_database(app.registry).dispose()


def steps_of(client: TestApp, response: Any) -> list[tuple[str, str, str, int]]:
    traces = get_traces(client.app.registry)
    assert traces is not None
    trace = traces.find(response.headers["X-Request-ID"])
    assert trace is not None
    return [(step.kind, step.plugin, step.name, step.depth) for step in trace.steps]


def test_a_trace_holds_what_ran_for_whom_and_inside_of_what(development: TestApp) -> None:
    steps = steps_of(development, development.get("/"))
    named = [(kind, plugin) for kind, plugin, _, _ in steps]
    assert named[:3] == [("tween", "faulty"), ("subscriber", "faulty"), ("view", "main")]
    assert ("template", "site", "main/index.jinja2") in [step[:3] for step in steps]
    assert ("template", "main", "main/index.jinja2") in [step[:3] for step in steps]
    assert ("template", "flasky", "base.jinja2") in [step[:3] for step in steps]
    depth = {step[:3]: step[3] for step in steps}
    view = depth["view", "main", "flasky.plugins.main.views.index"]
    assert depth["tween", "faulty", "flasky_faulty.hooks.tween"] == 0
    assert 0 < view < depth["template", "site", "main/index.jinja2"]
    assert depth["slot", "faulty", "flasky_faulty.hooks.fill"] > depth["template", "flasky", "base.jinja2"]


def test_the_browser_is_told_what_took_long(development: TestApp) -> None:
    """Server-Timing, as the W3C has it: names are tokens, descriptions are quoted."""
    response = development.get("/")
    header = response.headers["Server-Timing"]
    assert f'total;desc="/_trace/{response.headers["X-Request-ID"]}";dur=' in header
    for part in header.split(", "):
        assert re.fullmatch(r'[a-z0-9]+;desc="[ -!#-\[\]-~]*";dur=\d+\.\d+', part), part
    assert 'desc="view main: flasky.plugins.main.views.index"' in header


def test_the_pages_show_the_newest_requests_and_one_of_them(development: TestApp) -> None:
    asked = development.get("/faulty/fine")
    page = development.get("/_trace")
    number = asked.headers["X-Request-ID"]
    assert f'<a href="/_trace/{number}">GET /faulty/fine</a>' in page.text
    shown = development.get(f"/_trace/{number}")
    assert "flasky_faulty.views.fine" in shown.text
    assert re.search(r"<progress value=\"[\d.]+\" max=\"[\d.]+\"", shown.text)
    assert "Server-Timing" not in shown.headers
    assert "only the newest" in development.get("/_trace/0123456789abcdef", status=404).text.lower()


def test_a_path_is_shown_without_control_characters_and_numbers_in_one_line(development: TestApp) -> None:
    number = development.get("/nowhere%00%1b[2J", status=400).headers["X-Request-ID"]
    for address in ("/_trace", f"/_trace/{number}"):
        page = development.get(address)
        assert "/nowhere\\x00\\x1b[2J" in page.text
        assert not {"\0", "\x1b"} & set(page.text)
        cells = re.findall(
            r'<t[hd]( scope="col")?( class="text-nowrap")?>(?:Milliseconds|[\d.]+)(?: <progress.*)?</t[hd]>', page.text
        )
        assert cells
        assert all(cell[1] for cell in cells)


def test_no_more_than_the_newest_are_kept(development: TestApp) -> None:
    first = development.get("/health/live").headers["X-Request-ID"]
    for _ in range(KEPT):
        development.get("/health/live")
    traces = get_traces(development.app.registry)
    assert traces is not None
    assert len(traces.newest()) == KEPT
    assert traces.find(first) is None


def test_the_page_of_an_error_leads_to_its_trace(development: TestApp) -> None:
    page = development.get("/faulty/view", status=500)
    assert f'href="/_trace/{page.headers["X-Request-ID"]}"' in page.text
    assert ("view", "faulty", "flasky_faulty.views.view") in [step[:3] for step in steps_of(development, page)]


def test_the_switch_shows_each_slot_and_who_fills_it(development: TestApp) -> None:
    """Where it is, and in a list below the page, those that nobody fills too; without style or script in the page."""
    plain = development.get("/")
    assert "flasky-slot" not in plain.text
    page = development.get("/?_slots")
    assert re.findall(r"flasky-slot-label.>(footer: [^<]*)<", page.text) == ["footer: 1. faulty, 2. accounts"]
    head, _, panel = page.text.partition('<section class="flasky-slots')
    assert "flasky-slot" not in head.partition("</head>")[0].replace("tracing.css", "")
    assert re.findall(r"<dt><code>(.*?)</code></dt>", panel) == ["head", "navbar", "home", "footer"]
    assert "faulty 2.1 <code>flasky_faulty.hooks.fill</code> <small>order 100</small>" in panel
    assert re.search(r"<dt><code>head</code></dt>\s*<dd>\s*nobody fills it", panel)
    assert page.headers["Content-Security-Policy"] == plain.headers["Content-Security-Policy"]
    assert "style=" not in page.text
    assert "<style" not in page.text
    assert page.headers["Content-Length"] == str(len(page.body))
    assert development.get("/faulty/fine?_slots").text == "fine"


@pytest.mark.parametrize("environment", ["testing", "production"])
def test_in_no_other_environment_there_is_anything_of_it(make_app: Callable[..., Any], environment: str) -> None:
    secret = {"flasky.secret_key": "Vw8s2KpYxTq6ZrBnGm4LhJd9EcFa3U-and-more"}
    client = client_of(make_app(**{"flasky.environment": environment, **secret}))
    page = client.get("/?_slots")
    assert "flasky-slot" not in page.text
    assert "Server-Timing" not in page.headers
    client.get("/_trace", status=404)
    client.get("/_trace/0123456789abcdef", status=404)
    assert get_traces(client.app.registry) is None


def test_a_path_with_a_secret_is_not_shown(make_app: Callable[..., Any]) -> None:
    """LOG-01."""
    app = make_app(flasky__environment="development", pyramid__includes="failing_pages")
    app.registry["flasky.schema_is_current"] = True
    client = client_of(app)
    answer = client.get("/failing/secret/canary-token", status=500)
    assert "canary-token" not in client.get("/_trace").text
    assert "canary-token" not in client.get(f"/_trace/{answer.headers['X-Request-ID']}").text


@pytest.mark.databases("sqlite")  # A browser sees no difference between databases.
def test_in_a_browser_the_policy_holds_and_the_labels_are_seen(live_site: Any, page: Any) -> None:
    """F: a page that broke its policy would complain, and the kit would fail; a real server and browser."""
    page.goto(f"{live_site.url}/?_slots")
    label = page.locator(".flasky-slot-label", has_text="home: ")
    assert label.first.is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('flasky-slot')).outlineStyle") == "dashed"
    page.get_by_role("link", name="What ran for this page").click()
    assert page.locator(".trace-steps tbody tr").count() > 3
