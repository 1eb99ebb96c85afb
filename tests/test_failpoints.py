"""Failpoints: armed by the environment, never in production."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from transaction import TransactionManager

from flasky.database import get_database
from flasky.failpoints import FailpointReached, failpoint
from flasky.settings import ConfigurationFaults


def test_nothing_is_armed_by_default(bare_app) -> None:
    failpoint(bare_app.registry, "before_smtp")


def test_an_armed_point_raises_and_the_others_do_not(make_app, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", "before_smtp:raise")
    registry = make_app().registry
    failpoint(registry, "after_smtp")
    with pytest.raises(FailpointReached, match="before_smtp"):
        failpoint(registry, "before_smtp")


def test_a_point_can_take_its_time(make_app, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", "before_smtp:sleep=0.2")
    started = time.monotonic()
    failpoint(make_app().registry, "before_smtp")
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(("action", "status"), [("kill", -signal.SIGKILL), ("exit", 70)])
def test_a_point_can_end_the_process(make_app, monkeypatch: pytest.MonkeyPatch, action: str, status: int) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", f"before_smtp:{action}")
    registry = make_app().registry
    child = os.fork()
    if not child:
        failpoint(registry, "before_smtp")
        os._exit(0)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == status


def test_only_the_transactions_of_requests_are_points(make_app, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """The deliverer commits as well: its transactions must not set off what is armed for a request's."""
    monkeypatch.setenv("FLASKY_FAILPOINT", "before_commit:raise")
    (tmp_path / "0.sqlite").touch()
    database = get_database(make_app().registry)
    with database.writer() as session:
        session.execute(text("SELECT 1"))
        session.commit()
    manager = TransactionManager(explicit=True)
    manager.begin()
    with database.request_writer(info={"request": SimpleNamespace(tm=manager)}) as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(FailpointReached):
            manager.commit()
        manager.abort()


def test_production_does_not_read_them(make_app, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", "before_smtp:raise")
    app = make_app(
        flasky__environment="production",
        flasky__secret_key="kPq7-3xZ_bLw9TfR2vN8sYcH5mJd6gAeU1oQ4iX0",
        flasky__base_url="https://community.example.com",
    )
    failpoint(app.registry, "before_smtp")


@pytest.mark.parametrize("value", ["x", "before_smtp", "before_smtp:explode", "nowhere:kill", "before_smtp:sleep=x"])
def test_a_misspelt_one_is_told_at_start(make_app, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", value)
    with pytest.raises(ConfigurationFaults, match="environment variable FLASKY_FAILPOINT"):
        make_app()
