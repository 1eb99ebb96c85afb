"""What the plug-in hears of."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from pyramid.registry import Registry

from flasky.events import ServingBegins
from flasky.plugins.accounts import ownership


class TestInDevelopment:
    @pytest.fixture
    def app_settings(self, app_settings: dict[str, Any]) -> dict[str, Any]:
        return {**app_settings, "flasky.environment": "development"}

    def test_whoever_starts_a_site_without_administrator_is_told_how_to_become_it(
        self, registry: Registry, work: Any, member: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        registry.notify(ServingBegins(registry))
        secret = caplog.text.split("http://localhost/auth/claim/")[1].split()[0]
        with work() as opened:
            assert ownership.may_claim(opened, secret)
        member("anna", role="Administrator")
        caplog.clear()
        registry.notify(ServingBegins(registry))
        assert "/auth/claim/" not in caplog.text


def test_elsewhere_the_log_holds_no_such_link(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    registry.notify(ServingBegins(registry))
    assert "/auth/claim/" not in caplog.text


def test_a_database_without_tables_does_not_keep_the_site_from_starting(make_app: Any) -> None:
    registry = make_app(flasky__environment="development").registry
    registry.notify(ServingBegins(registry))
