"""ERR-04: what /health/live and /health/ready tell a supervisor or load balancer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyramid.paster import get_app
from pyramid.registry import Registry
from sqlalchemy.orm import Session
from webtest import TestApp

from flasky import health
from flasky.database import get_database, utc_now
from flasky.mail.services import send_mail
from flasky.wsgi import Application

Statements = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)


@pytest.fixture
def with_check(registry: Registry) -> Any:
    """A function that adds a check to the site for the length of a test."""
    known = registry["flasky.health_checks"]
    before = dict(known)

    def add(name: str, function: health.Check, *, vital: bool = True) -> None:
        known[name] = health.HealthCheck(name, function, vital)

    yield add
    known.clear()
    known.update(before)


def client(app: Application) -> TestApp:
    return TestApp(app, extra_environ={"HTTP_HOST": "localhost"})


def test_a_live_process_says_so_without_its_database(make_app: Callable[..., Application]) -> None:
    """Production, and a file that is not there: a restart would not mend it."""
    settings = {"flasky.environment": "production", "flasky.base_url": "http://localhost"}
    app = make_app(**settings, **{"flasky.secret_key": "Vw8s2KpYxTq6ZrBnGm4LhJd9EcFa3U-and-more"})
    answer = client(app).get("/health/live", status=200)
    assert answer.json == {"status": "ok"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_a_site_in_order_is_ready(testapp: TestApp, statements: Statements) -> None:
    answer = testapp.get("/health/ready", status=200)
    assert answer.json == {"status": "ok", "checks": {"database": "ok", "migrations": "ok", "mail": "ok", "jobs": "ok"}}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "application/json"
    assert "Set-Cookie" not in answer.headers
    assert testapp.head("/health/ready", status=200).body == b""
    assert testapp.post("/health/ready", status=405).headers["Allow"]


def test_without_a_database_it_is_not_ready_and_the_log_says_why(
    make_app: Callable[..., Application], caplog: pytest.LogCaptureFixture
) -> None:
    answer = client(make_app()).get("/health/ready", status=503)
    assert answer.json["status"] == "failed"
    assert answer.json["checks"]["database"] == "failed"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "0.sqlite" not in answer.text
    assert "Health check database failed: OperationalError: (sqlite3.OperationalError) unable to open" in caplog.text


def test_f24_a_database_that_was_replaced_under_the_process_is_noticed(live_file: tuple[Application, Path]) -> None:
    app, file = live_file
    client(app).get("/health/ready", status=200)
    file.unlink()
    assert client(app).get("/health/ready", status=503).json["checks"]["database"] == "failed"


@pytest.fixture
def live_file(make_app: Callable[..., Application], tmp_path: Path) -> tuple[Application, Path]:
    app = make_app()
    file = tmp_path / "0.sqlite"
    file.touch()
    with get_database(app.registry).engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE outgoing_mails (status, queued_at)")
    return app, file


def test_f08_an_old_schema_is_not_ready(ini_file: Callable[..., Path], tmp_path: Path) -> None:
    """With an INI file there are migrations to compare with; this file is empty."""
    (tmp_path / "data.sqlite").touch()
    app = get_app(str(ini_file(flasky__environment="development")))
    answer = client(app).get("/health/ready", status=503)
    assert answer.json["checks"]["migrations"] == "failed"
    client(app).get("/health/live", status=200)
    get_database(app.registry).dispose()


def test_f11_mails_that_wait_too_long_are_told_and_the_site_stays_ready(
    testapp: TestApp, registry: Registry, db: Session, caplog: pytest.LogCaptureFixture
) -> None:
    mail = send_mail(registry, db, "ann@example.com", "Test", "mail/test")
    db.commit()
    assert testapp.get("/health/ready").json["checks"]["mail"] == "ok"
    mail.queued_at = utc_now() - timedelta(hours=1)
    db.commit()
    answer = testapp.get("/health/ready", status=200)
    assert (answer.json["status"], answer.json["checks"]["mail"]) == ("warning", "failed")
    assert "Health check mail failed: 1 mails wait, the oldest since " in caplog.text


def test_a_check_that_raises_has_failed_and_stops_no_other(testapp: TestApp, with_check: Any) -> None:
    def broken(_registry: Registry) -> None:
        raise RuntimeError("the words are not for visitors")

    with_check("polls", broken)
    answer = testapp.get("/health/ready", status=503)
    well = {"database": "ok", "migrations": "ok", "mail": "ok", "jobs": "ok"}
    assert answer.json["checks"] == {**well, "polls": "failed"}
    assert "visitors" not in answer.text


def test_a_check_that_hangs_has_failed_and_is_not_started_again(
    testapp: TestApp, with_check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    starts: list[int] = []

    def hanging(_registry: Registry) -> None:
        starts.append(1)
        let_go.wait(30)

    monkeypatch.setattr(health, "LIMIT_SECONDS", 0.5)
    with_check("polls", hanging)
    for _ in range(2):
        assert testapp.get("/health/ready", status=503).json["checks"]["polls"] == "failed"
    assert starts == [1]
    let_go.set()
    assert testapp.get("/health/ready", status=200).json["checks"]["polls"] == "ok"


def test_what_changes_is_logged_once(testapp: TestApp, with_check: Any, caplog: pytest.LogCaptureFixture) -> None:
    problem = ["no polls today"]
    with_check("polls", lambda _registry: problem[0] if problem else None, vital=False)
    caplog.set_level(logging.INFO, "flasky.health")
    testapp.get("/health/ready", status=200)
    testapp.get("/health/ready", status=200)
    problem.clear()
    testapp.get("/health/ready", status=200)
    assert [record.getMessage() for record in caplog.records if record.name == "flasky.health"] == [
        "Health check polls failed: no polls today",
        "Health check polls is well again",
    ]


def test_who_asks_too_often_gets_the_last_answer(
    testapp: TestApp, with_check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    with_check("polls", lambda _registry: asked.append(1))
    testapp.get("/health/ready")
    monkeypatch.setattr(health, "FRESH_SECONDS", 3600.0)
    testapp.get("/health/ready")
    assert asked == [1]


def test_a_plugin_adds_a_check_by_the_directive(make_app: Callable[..., Application]) -> None:
    app = make_app(pyramid__includes="sample_health")
    assert client(app).get("/health/ready", status=503).json["checks"]["sample"] == "failed"
    (found,) = (
        item["introspectable"]
        for item in app.registry.introspector.get_category("flasky health checks")
        if item["introspectable"].title == "sample"
    )
    assert found["package"] == "sample_health"
