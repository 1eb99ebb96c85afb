"""Errors as visitors and operators meet them: a real server, its log file, and the command that searches it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from webtest import TestApp

from flasky.cli import main
from flasky.testing.ini import REPOSITORY, write_ini
from flasky.testing.live import LiveSite, free_port
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate
from flasky.wsgi import Application

Statements = Callable[[], list[str]]


def answer_of(url: str, **headers: str) -> Any:
    """The answer to a GET, whatever its status."""
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)  # noqa: S310 - our own
    except urllib.error.HTTPError as error:
        return error


def test_a_page_that_does_not_exist_is_404_and_costs_no_statement(testapp: TestApp, statements: Statements) -> None:
    assert "Not Found" in testapp.get("/no-such-page", status=404)
    assert statements() == []


def test_the_page_that_fails_on_purpose_is_500_parity_14(testapp: TestApp, statements: Statements) -> None:
    response = testapp.get("/500", status=500)
    assert "Internal Server Error" in response
    assert statements() == []


def test_in_production_it_does_not_exist_parity_14(make_app: Callable[..., Application]) -> None:
    settings = {"flasky.environment": "production", "flasky.base_url": "http://localhost"}
    app = make_app(**settings, **{"flasky.secret_key": "Vw8s2KpYxTq6ZrBnGm4LhJd9EcFa3U-and-more"})
    TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/500", status=404)


class TestLiveSite:
    """The logging of the INI files that ship, on a server."""

    @pytest.fixture
    def site_logging_like(self, tmp_path: Path) -> Iterator[Callable[[str], LiveSite]]:
        """A function that makes a site which logs as the named INI file does; not started."""
        made: list[LiveSite] = []

        def make(shipped: str) -> LiveSite:
            port = free_port()
            settings = {
                **TEST_SETTINGS,
                "flasky.plugins": "main",
                "flasky.base_url": f"http://127.0.0.1:{port}",
                "sqlalchemy.url": f"sqlite:///{tmp_path}/data.sqlite",
            }
            migrate(settings)
            ini = write_ini(tmp_path / "site.ini", settings, port)
            own, theirs = ini.read_text(encoding="utf-8"), (REPOSITORY / shipped).read_text(encoding="utf-8")
            ini.write_text(own[: own.index("[loggers]")] + theirs[theirs.index("[loggers]") :], encoding="utf-8")
            made.append(LiveSite(ini, port))
            return made[-1]

        yield make
        for site in made:
            site.kill()

    @pytest.mark.parametrize("shipped", ["development.ini", "production.ini"])
    def test_the_id_on_the_page_leads_to_the_traceback_err_04(
        self, site_logging_like: Callable[[str], LiveSite], shipped: str
    ) -> None:
        site = site_logging_like(shipped)
        site.start()
        response = answer_of(f"{site.url}/500")
        request_id = response.headers["X-Request-ID"]
        assert request_id in response.read().decode()
        site.kill()
        result = CliRunner().invoke(main, ["--ini", str(site.ini), "log", request_id])
        assert result.exit_code == 0
        assert result.output.count("FailedOnPurpose: This page fails on purpose") >= 1
        (file,) = (site.ini.parent / "logs").iterdir()
        assert sum("traceback" in json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()) == 1
        console = site.log.read_text(encoding="utf-8")
        assert console.count("Traceback (most recent call last)") == 1
        assert request_id in console

    def test_a_log_that_cannot_be_written_stops_nothing_f20(self, site_logging_like: Callable[[str], LiveSite]) -> None:
        site = site_logging_like("production.ini")
        logs: Path = site.ini.parent / "logs"
        logs.write_text("a file where the folder should be", encoding="utf-8")
        site.start()
        assert answer_of(f"{site.url}/500").status == 500
        assert answer_of(f"{site.url}/").status == 200
        assert "cannot be written" in site.log.read_text(encoding="utf-8")
