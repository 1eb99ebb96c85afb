"""What each plug-in costs, from a request to `flasky plugin stats`."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pyramid.paster import get_app
from webtest import TestApp

from flasky.cli import main
from flasky.cli.serve import reduced
from flasky.errors.counts import count_error
from flasky.events import ServingBegins
from flasky.ownership import Owner
from flasky.site import get_site
from flasky.statistics import sharing
from flasky.statistics.numbers import numbers_of, together
from flasky.statistics.sharing import Sharing, all_processes, folder_of, read_folder
from flasky.testing.reset import SiteReset
from flasky.testing.waiting import wait_until

pytestmark = pytest.mark.databases("sqlite")  # Numbers are counted above the dialect.


@pytest.fixture
def app_settings() -> dict[str, Any]:
    """With a page that asks the database."""
    return {"flasky.plugins": "main accounts api blog"}


def test_requests_statements_and_start_belong_to_the_plugin_of_the_view(testapp: TestApp, statements: Any) -> None:
    def now() -> dict[str, Any]:
        return numbers_of(testapp.app.registry)

    before = now()["blog"].requests
    testapp.get("/")
    sent = [one for one in statements() if not one.startswith(("BEGIN", "SAVEPOINT", "RELEASE"))]
    after = now()
    assert after["blog"].requests.runs == before.runs + 1
    assert after["blog"].requests.statements == before.statements + len(sent)
    assert after["blog"].requests.seconds > before.seconds
    assert list(after)[:5] == ["flasky", "main", "accounts", "api", "blog"]
    assert all(after[name].start_ms > 0 for name in ("flasky", "main", "accounts", "api", "blog"))
    assert after["blog"].version == after["flasky"].version


def test_a_subscriber_is_a_hook_of_its_plugin(testapp: TestApp) -> None:
    registry = testapp.app.registry
    before = numbers_of(registry)["accounts"].hooks.runs
    registry.notify(SiteReset(registry))
    after = numbers_of(registry)
    # It has two for that.
    assert after["accounts"].hooks.runs == before + 2
    assert set(after["accounts"].runs) >= {"subscriber"}


def test_a_site_that_does_not_want_it_measures_nothing(make_app: Callable[..., Any]) -> None:
    app = make_app(flasky__measure="false")
    TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/health/live")
    assert all(not one.runs for one in numbers_of(app.registry).values())


@pytest.fixture
def server(ini_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application of an INI file that believes it is served."""
    monkeypatch.setattr(sharing.Sharing, "start", lambda self: None)
    app = get_app(str(ini_file()))
    app.registry.notify(ServingBegins(app.registry))
    return app


def run(ini: str, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["--ini", ini, "plugin", "stats", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_tells_what_a_running_server_measured(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And needs no plug-in for it: it works on a site that could not start again."""
    ini = get_site(server.registry).ini_file
    client = TestApp(server, extra_environ={"HTTP_HOST": "localhost"})
    for _ in range(3):
        client.get("/health/live")
    for kind in ("view", "mail", "view"):
        count_error(server.registry, Owner("main", "0"), kind)
    Sharing(server.registry, Path(ini).parent / "run" / Path(ini).stem).write()
    text = Path(ini).read_text()
    Path(ini).write_text(text.replace("main accounts", "main acounts"))
    told = json.loads(run(ini, "--json"))
    assert [one["pid"] for one in told["processes"]] == [os.getpid()]
    rows = {row["name"]: row for row in told["plugins"]}
    # When the server began.
    assert rows["accounts"]["hooks"]["count"] == rows["accounts"]["by_kind"]["subscriber"]["count"] == 1
    assert rows["flasky"]["requests"]["count"] == 3
    assert rows["flasky"]["requests"]["ms_each"] > 0
    assert (rows["main"]["errors"], rows["main"]["errors_by_kind"]) == (3, {"view": 2, "mail": 1})
    lines = run(ini).splitlines()
    assert next(line for line in lines if line.startswith("main ")).endswith("  3 (mail 1, view 2)")
    assert lines[0].split()[:3] == ["Plug-in", "Version", "Start"]
    assert f"1 process: {os.getpid()} since " in lines[-1]


def test_a_real_server_is_seen_from_another_process(live_site: Any) -> None:
    """A process of its own, as that is what it is about: a second of CPU."""

    def seen() -> bool:
        told = json.loads(run(str(live_site.ini), "--json"))
        return any(row["name"] == "main" and row["requests"]["count"] for row in told["plugins"])

    wait_until(seen, "the server told its numbers")
    live_site.stop()
    assert json.loads(run(str(live_site.ini), "--json"))["processes"] == []


def test_without_a_server_the_start_is_measured_here(ini_file: Callable[..., Path]) -> None:
    ini = str(ini_file())
    told = json.loads(run(ini, "--json"))
    assert told["processes"] == []
    assert {row["name"]: row["start_ms"] > 0 for row in told["plugins"]} == dict.fromkeys(
        ("flasky", "main", "accounts"), True
    )
    assert "No server of" in run(ini)


def test_the_file_of_a_process_is_private_and_holds_numbers_only(server: Any) -> None:
    folder = Path(get_site(server.registry).ini_file).parent / "run" / "site"
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = json.loads(file.read_text())
    assert set(content) == {"format", "owner", "pid", "since", "plugins"}
    assert set(content["plugins"]["main"]) == {"name", "version", "start_ms", "runs", "errors"}


def test_a_process_that_was_killed_is_not_told_of_and_cleared_away(server: Any, tmp_path: Path) -> None:
    folder = Path(get_site(server.registry).ini_file).parent / "run" / "site"
    [file] = folder.glob("*.json")
    content = json.loads(file.read_text())
    place, _, _ = content["owner"].partition(":")
    gone = folder / "999999.json"
    gone.write_text(json.dumps({**content, "pid": 999999, "owner": f"{place}:999999:1:x"}))
    other = folder / "7.json"
    other.write_text(json.dumps({**content, "pid": 7, "owner": f"elsewhere:{os.getpid()}:1:y"}))
    (folder / "8.json").write_text("not JSON")
    assert sorted(one.pid for one in read_folder(folder)) == sorted([7, os.getpid()])
    both = together(all_processes(server.registry))
    single = content["plugins"]["main"]["start_ms"]
    assert both["main"].start_ms == single
    server.registry.notify(ServingBegins(server.registry))
    assert not gone.exists()
    assert other.exists()


def test_a_folder_that_cannot_be_written_is_told_once_and_stops_nothing(
    server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert Sharing(server.registry, tmp_path / "file" / "run").write() is False
    assert "`flasky plugin stats` will not see this process" in caplog.text


def test_only_what_changed_is_written(server: Any, tmp_path: Path) -> None:
    mine = Sharing(server.registry, tmp_path / "other")
    assert mine.write()
    mine.file.unlink()
    assert mine.write()
    assert not mine.file.exists()
    TestApp(server, extra_environ={"HTTP_HOST": "localhost"}).get("/health/live")
    assert mine.write()
    assert mine.file.exists()
    mine.stop()
    assert not mine.file.exists()


def test_a_site_without_an_ini_file_or_a_folder_tells_nobody(tmp_path: Path) -> None:
    assert folder_of("", "run") is None
    assert folder_of("/etc/site.ini", "") is None
    assert folder_of("/etc/site.ini", "run") == Path("/etc/run/site")
    # Of two sites whose INI files lie side by side, as the three that ship, neither shows the other's numbers.
    assert folder_of("/etc/other.ini", "run") != folder_of("/etc/site.ini", "run")
    assert folder_of("/etc/site.ini", str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["site.ini", "my.site.ini", ".reduced-site.ini"])
def test_a_server_without_some_plugins_tells_its_numbers_where_the_site_is_asked(tmp_path: Path, name: str) -> None:
    """`flasky serve --safe` and `--without` serve a copy of the INI file, of which nobody knows the name."""
    original = tmp_path / name
    original.write_text("[app:main]\nuse = egg:flasky\nflasky.plugins = main board\n", encoding="utf-8")
    with reduced(original, ["board"]) as copy:
        assert copy != original
        assert "board" not in copy.read_text(encoding="utf-8")
        assert folder_of(str(copy), "run") == folder_of(str(original), "run") == tmp_path / "run" / original.stem
    assert not copy.exists()


def test_a_worker_beside_the_servers_is_seen_as_long_as_it_works(server: Any) -> None:
    """As `flasky jobs run` is; here in this process, under the name of a file of its own."""
    folder = Path(get_site(server.registry).ini_file).parent / "run" / "site"
    [file] = folder.glob("*.json")
    file.unlink()
    with sharing.numbers_told(server.registry):
        assert [one.pid for one in read_folder(folder)] == [os.getpid()]
    assert read_folder(folder) == []
