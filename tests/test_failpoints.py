"""Failpoints: armed by the environment, never in production."""

from __future__ import annotations

import time

import pytest

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


def test_production_does_not_read_them(make_app, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", "before_smtp:raise")
    app = make_app(
        flasky__environment="production",
        flasky__secret_key="kPq7-3xZ_bLw9TfR2vN8sYcH5mJd6gAeU1oQ4iX0",
        flasky__base_url="https://community.example.com",
    )
    failpoint(app.registry, "before_smtp")


@pytest.mark.parametrize("text", ["x", "before_smtp", "before_smtp:explode", "nowhere:kill", "before_smtp:sleep=x"])
def test_a_misspelt_one_is_told_at_start(make_app, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FLASKY_FAILPOINT", text)
    with pytest.raises(ConfigurationFaults, match="environment variable FLASKY_FAILPOINT"):
        make_app()
