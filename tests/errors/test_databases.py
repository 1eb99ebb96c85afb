"""What errors of the database come to, on real databases (ERR-02, P8, F21, F23-F26, F29, F30)."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from unprivileged import permissions_count
from webtest import TestApp

from flasky.database import get_database
from flasky.wsgi import Application

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def app_settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(SAMPLES)
    return {"pyramid.includes": "failing_pages"}


def connections_in_use(app: Application) -> int:
    database = get_database(app.registry)
    return database.engine.pool.checkedout() + database.read_engine.pool.checkedout()


@pytest.mark.parametrize(("page", "status"), [("view", 500), ("flush", 409), ("commit", 409)])
def test_wherever_it_fails_the_page_comes_and_the_connection_goes_back_p8_f33(
    app: Application, testapp: TestApp, caplog: pytest.LogCaptureFixture, page: str, status: int
) -> None:
    for _attempt in range(3):
        response = testapp.post(f"/failing/{page}", status=status)
        assert response.headers["X-Request-ID"] in response.text
        assert connections_in_use(app) == 0
    assert len([record for record in caplog.records if record.exc_info]) == 3
    assert testapp.post("/failing/write").text == "1"


def test_a_number_too_large_for_the_database_is_400(testapp: TestApp) -> None:
    testapp.get("/failing/number?value=" + "9" * 4000, status=400)
    assert testapp.get("/failing/number?value=7").text == "7"


def test_half_a_character_is_400(testapp: TestApp) -> None:
    testapp.get("/failing/surrogate", status=400)


def test_a_missing_table_is_500(testapp: TestApp) -> None:
    testapp.get("/failing/missing_table", status=500)


def test_a_write_in_a_request_that_reads_is_the_views_mistake(testapp: TestApp) -> None:
    testapp.get("/failing/write_while_reading", status=500)


def test_when_all_connections_are_taken_it_is_503_f30(app: Application, testapp: TestApp) -> None:
    get_database(app.registry).read_engine.pool._timeout = 0.2
    response = testapp.get("/failing/all_connections", status=503)
    assert int(response.headers["Retry-After"]) > 0
    assert connections_in_use(app) == 0


def test_values_of_statements_are_not_logged_log_01(testapp: TestApp, caplog: pytest.LogCaptureFixture) -> None:
    testapp.post("/failing/flush", status=409)
    assert "parameters: (" not in caplog.text


class TestDown:
    """The database cannot be reached: a page that needs none, and everything else still works (ERR-02)."""

    @pytest.fixture(params=["sqlite", "postgresql"])
    def down(
        self,
        request: pytest.FixtureRequest,
        make_app: Callable[..., Application],
        app_settings: dict[str, Any],
        tmp_path: Path,
    ) -> TestApp:
        urls = {
            "sqlite": f"sqlite:///{tmp_path}/gone/data.sqlite",
            "postgresql": "postgresql://nobody@127.0.0.1:1/none",
        }
        app = make_app(sqlalchemy__url=urls[request.param], pyramid__includes="failing_pages")
        return TestApp(app, extra_environ={"HTTP_HOST": "localhost"})

    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    def test_pages_that_need_it_are_503_err_02(self, down: TestApp, accept: str) -> None:
        for response in (
            down.get("/failing/read", headers={"Accept": accept}, status=503),
            down.post("/failing/write", headers={"Accept": accept}, status=503),
        ):
            assert int(response.headers["Retry-After"]) > 0
            assert response.headers["X-Request-ID"] in response.text

    def test_a_visitor_with_cookies_gets_the_same_page_err_02(self, down: TestApp) -> None:
        down.set_cookie("session", "whatever")
        assert "Service Unavailable" in down.get("/failing/read", status=503).text

    def test_pages_that_need_none_are_served(self, down: TestApp) -> None:
        home = down.get("/")
        assert home.status_int == 200
        stylesheet = next(part for part in home.text.split('"') if part.endswith("flasky.css"))
        assert down.get(stylesheet).status_int == 200
        down.get("/no-such-page", status=404)


class TestSQLiteFiles:
    """Files that SQLite cannot use."""

    @pytest.fixture
    def site(self, make_app: Callable[..., Application], app_settings: dict[str, Any]) -> TestApp:
        return TestApp(make_app(pyramid__includes="failing_pages"), extra_environ={"HTTP_HOST": "localhost"})

    @pytest.fixture
    def file(self, site: TestApp) -> Path:
        return Path(str(make_url(get_database(site.app.registry).engine.url).database))

    def test_another_program_holds_the_lock_f21(
        self, site: TestApp, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("PRAGMA journal_mode=WAL")
            other.execute("CREATE TABLE t (id)")
            site.post("/failing/write")
            self._shorten_the_wait(site)
            other.execute("BEGIN IMMEDIATE")
            site.post("/failing/write", status=503)
            assert site.get("/failing/read").text == "1"
            other.execute("ROLLBACK")
        other.close()
        assert site.post("/failing/write").text == "1"
        assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1

    def test_the_file_is_no_database_f25(self, site: TestApp, file: Path) -> None:
        file.write_text("this is a letter to my aunt, " * 100, encoding="utf-8")
        site.get("/failing/missing_table", status=503)
        assert file.read_text(encoding="utf-8").startswith("this is a letter")

    def test_the_file_was_deleted_f24(self, site: TestApp, file: Path) -> None:
        sqlite3.connect(file).close()
        file.touch()
        assert site.get("/failing/read").text == "1"
        file.unlink()
        site.get("/failing/read", status=503)
        assert not file.exists()

    @pytest.mark.parametrize("what", ["file", "folder"])
    def test_it_may_only_be_read_f23(
        self, site: TestApp, file: Path, caplog: pytest.LogCaptureFixture, what: str
    ) -> None:
        """Writing is 503 and the log says why; reading works or is 503; with the permissions back all is well."""
        with sqlite3.connect(file) as other:
            other.execute("PRAGMA journal_mode=WAL")
            other.execute("CREATE TABLE t (id)")
        other.close()
        closed = file if what == "file" else file.parent
        mode = closed.stat().st_mode
        closed.chmod(0o444 if what == "file" else 0o555)
        try:
            with permissions_count():
                response = site.post("/failing/store", status=503)
                assert int(response.headers["Retry-After"]) > 0
                assert site.get("/failing/read", expect_errors=True).status_int in {200, 503}
        finally:
            closed.chmod(mode)
        assert f"{file} or its folder may not be written to by this user" in caplog.text
        assert site.post("/failing/store").text == "stored"

    @staticmethod
    def _shorten_the_wait(site: TestApp) -> None:
        """Make the one pooled connection give up soon; five seconds would be the test's time."""
        engine = get_database(site.app.registry).engine
        connection = engine.raw_connection()
        connection.execute("PRAGMA busy_timeout=50")
        connection.close()
