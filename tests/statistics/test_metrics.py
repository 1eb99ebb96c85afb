"""Metrics in the text format of Prometheus, for who knows the token and for nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from webtest import TestApp

from flasky.cli import main
from flasky.settings import ConfigurationFaults
from flasky.testing.reset import SiteReset

TOKEN = "Vw8s2KpYxTq6ZrBnGm4LhJd9EcFa3U7t"
#: A line of the format, as its documentation has it.
LINE = re.compile(
    r"# (HELP|TYPE) [a-z_0-9]+ .+|"
    r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-z_0-9]+="(\\.|[^"\\\n])*"(,[a-z_0-9]+="(\\.|[^"\\\n])*")*\})? \S+'
)
PLUGIN = """
from flasky.plugin import Plugin
plugin = Plugin(name="gauges")
def fails(registry):
    raise RuntimeError("no number today")
def bad_label(registry):
    return [({"Bad-Label": "x"}, 1)]
def includeme(config):
    config.add_metric("gauges_open", "Open \\\\ now.\\nReally.", lambda registry: 3)
    config.add_metric("gauges_votes_total", "Votes.", "gauges_plugin.votes", kind="counter")
    config.add_metric("gauges_broken", "Fails.", fails)
    config.add_metric("gauges_label", "Cannot be said.", bad_label)
def votes(registry):
    return [({"poll": 'tea "or"\\ncoffee'}, 2.5), ({"poll": "hutong"}, float("inf"))]
"""


@pytest.fixture(scope="module")
def gauges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plug-in `gauges`, installed for this module."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "gauges_plugin.py").write_text(PLUGIN)
    info = folder / "gauges-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gauges\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[flasky.plugins]\ngauges = gauges_plugin:plugin\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture
def client(make_app: Callable[..., Any], gauges: Path) -> TestApp:
    """A site with metrics."""
    app = make_app(flasky__plugins="main accounts gauges", flasky__metrics_token=TOKEN)
    return TestApp(app, extra_environ={"HTTP_HOST": "localhost"})


def asked(client: TestApp, token: str = TOKEN, status: int = 200) -> Any:
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"}, status=status)


def test_without_a_token_there_is_no_such_page(bare_testapp: TestApp) -> None:
    asked(bare_testapp, status=404)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer wrong"}])
def test_only_who_sends_the_token_may_read(client: TestApp, headers: dict[str, str]) -> None:
    """Not even from this machine: behind a proxy everybody comes from there."""
    answer = client.get("/metrics", headers=headers, status=401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.body == b""


@pytest.mark.parametrize("token", ["short", "a" * 40, "two words that are long enough to be one"])
def test_a_token_that_can_be_guessed_is_refused_and_not_shown(make_app: Callable[..., Any], token: str) -> None:
    with pytest.raises(ConfigurationFaults, match=r"flasky\.metrics_token: expected at least 32") as caught:
        make_app(flasky__metrics_token=token)
    assert token not in str(caught.value)


def test_what_plugins_cost_and_what_they_add_are_told_in_the_text_format(client: TestApp, caplog: Any) -> None:
    client.get("/health/live")
    client.app.registry.notify(SiteReset(client.app.registry))
    answer = asked(client)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    lines = answer.text.splitlines()
    assert answer.text.endswith("\n")
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert r"# HELP gauges_open Open \\ now.\nReally." in lines
    assert "# TYPE gauges_open gauge" in lines
    assert "gauges_open 3" in lines
    assert "# TYPE gauges_votes_total counter" in lines
    assert r'gauges_votes_total{poll="tea \"or\"\ncoffee"} 2.5' in lines
    assert 'gauges_votes_total{poll="hutong"} +Inf' in lines
    process = re.escape('process="') + r'\d+"'
    for sample in (
        rf'flasky_plugin_runs_total{{{process},plugin="flasky",kind="view"}} 1',
        rf'flasky_plugin_info{{{process},plugin="gauges",version="1\.0"}} 1',
        rf'flasky_plugin_start_seconds{{{process},plugin="main"}} 0\.\d+',
        rf'flasky_plugin_run_seconds_total{{{process},plugin="accounts",kind="subscriber"}} \S+',
    ):
        assert re.search(f"^{sample}$", answer.text, re.MULTILINE), sample


def test_a_metric_that_fails_is_logged_with_its_plugin_and_the_others_are_told(client: TestApp, caplog: Any) -> None:
    text = asked(client).text
    assert "gauges_broken" not in text
    assert "gauges_label" not in text
    messages = [record.getMessage() for record in caplog.records]
    assert any("plugin=gauges 1.0: the metric gauges_broken failed: RuntimeError: no number" in m for m in messages)
    assert any("plugin=gauges 1.0: the metric gauges_label failed: ValueError: a label" in m for m in messages)
    assert re.search(r'flasky_plugin_errors_total\{process="\d+",plugin="gauges",kind="metric"\} 2', asked(client).text)


def test_a_plugin_shows_its_metrics(gauges: Path, ini_file: Callable[..., Path]) -> None:
    ini = str(ini_file(flasky__plugins="main accounts gauges"))
    done = CliRunner().invoke(main, ["--ini", ini, "plugin", "show", "gauges", "--json"])
    found = [(one["kind"], one["name"]) for one in json.loads(done.stdout)["contributions"]]
    assert ("metric", "gauges_open") in found


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("'Open', ''", "must be named <plug-in>_<what>"),
        ("'gauges_open', '', int, kind='histogram'", "is a 'histogram'"),
        ("'gauges_open', '', int, kind='counter'", "ends with _total"),
        ("'gauges_open_total', '', int", "ends with _total"),
    ],
)
def test_a_name_or_kind_that_means_nothing_keeps_the_site_from_starting(
    gauges: Path, make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, arguments: str, problem: str
) -> None:
    import gauges_plugin  # noqa: PLC0415 - installed by the fixture

    call = arguments if "int" in arguments else f"{arguments}, int"
    monkeypatch.setattr(gauges_plugin, "includeme", eval(f"lambda config: config.add_metric({call})"))  # noqa: S307
    with pytest.raises(ConfigurationFaults, match=re.escape(problem)):
        make_app(flasky__plugins="main gauges")
