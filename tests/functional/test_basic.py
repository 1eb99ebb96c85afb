"""The notes' two checks (PARITY row 22), on a real application."""

from __future__ import annotations

from pyramid.registry import Registry
from webtest import TestApp

from flasky.site import get_site
from flasky.wsgi import Application


def test_the_app_exists(app: Application) -> None:
    assert app is not None


def test_the_app_is_in_testing_mode(registry: Registry) -> None:
    assert get_site(registry).environment == "testing"


def test_the_home_page_needs_no_statement(testapp: TestApp, statements) -> None:
    assert testapp.get("/").status_int == 200
    assert statements() == []
