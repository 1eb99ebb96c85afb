"""flasky.languages: which language a visitor gets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.request import Request, apply_request_extensions
from webtest import TestApp

from flasky.languages import known_identity, negotiate, preferred


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans-CN", "zh"),
        ("zh-TW", "zh"),
        ("ZH-cn", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.1,zh;q=0.2", "zh"),
        ("zh;q=0.2,en;q=0.2", "zh"),
        ("fr,de;q=0.9", "en"),
        ("fr,zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh; q=0.000, *;q=0.5", "en"),
        ("*", "en"),
        ("*;q=0.5,zh;q=0.4", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=inf", "en"),
        ("zh;q=1e5", "en"),
        ("zh;q=-1", "en"),
        ("zh;q=", "en"),
        ("zh;q=٠.٩", "en"),
        ("zh;q=.", "en"),
        ("zh;x=1", "en"),
        (";;,,;q=;", "en"),
        ("zhx", "en"),
        ("x" * 100_000 + ",zh", "en"),
    ],
)
def test_accept_language(header: str, language: str) -> None:
    assert preferred(header) == language


def request(bare_app: Any, cookie: str = "", accept: str = "", scheme: str = "http") -> Request:
    headers = {"Accept-Language": accept} | ({"Cookie": cookie} if cookie else {})
    made = Request.blank(f"{scheme}://localhost/", headers=headers)
    made.registry = bare_app.registry
    apply_request_extensions(made)
    return made


def test_the_order_is_setting_then_cookie_then_browser(bare_app: Any) -> None:
    asked = request(bare_app, "language=en", "zh")
    asked.__dict__["flasky_identity"] = SimpleNamespace(language="zh")
    assert negotiate(asked) == "zh"
    asked.__dict__["flasky_identity"] = SimpleNamespace(language=None)
    assert negotiate(asked) == "en"
    assert negotiate(request(bare_app, "language=zh", "en")) == "zh"
    assert negotiate(request(bare_app, "language=xx", "zh")) == "zh"
    assert negotiate(request(bare_app, "language=../../etc", "en")) == "en"


def test_on_https_the_cookie_is_the_hosts_own(bare_app: Any) -> None:
    """SES-01"""
    assert negotiate(request(bare_app, "__Host-language=zh", scheme="https")) == "zh"
    assert negotiate(request(bare_app, "language=zh", scheme="https")) == "en"


class Asked(Exception):
    """Somebody wanted to know who is signed in."""


@pytest.fixture
def suspicious(make_app: Any) -> Any:
    """An application that may not ask who is signed in."""

    def provider(_request: Request) -> None:
        raise Asked

    app = make_app(flasky__plugins="main")
    app.registry["flasky.identity"] = provider
    return app


def test_a_visitor_without_cookies_is_never_looked_up(suspicious: Any) -> None:
    """P8, and the promise that the home page sends no statement."""
    page = TestApp(suspicious, extra_environ={"HTTP_HOST": "localhost"}).get("/")
    assert page.status_int == 200


def test_an_error_page_looks_nobody_up(suspicious: Any) -> None:
    """P8: the database may be what failed."""
    asked = request(suspicious, "session=x")
    asked.exception = RuntimeError()
    assert known_identity(asked) is None
    assert negotiate(asked) == "en"
    with pytest.raises(Asked):
        known_identity(request(suspicious, "session=x"))


def test_an_identity_that_needs_the_language_says_so(make_app: Any) -> None:
    """One asks for the other for ever otherwise."""
    app = make_app(flasky__plugins="main")
    app.registry["flasky.identity"] = lambda request: request.locale_name
    with pytest.raises(RuntimeError, match="after the identity is known"):
        negotiate(request(app, "session=x"))


def test_the_answer_says_its_language_and_what_it_depends_on(bare_testapp: TestApp) -> None:
    """HDR-07"""
    response = bare_testapp.get("/", headers={"Accept-Language": "zh"})
    assert response.headers["Content-Language"] == "zh"
    assert [item.strip() for item in response.headers["Vary"].split(",")] == ["Accept-Language", "Cookie"]
    assert response.html.html["lang"] == "zh"
    assert "Content-Language" not in bare_testapp.get("/static/flasky/head.js").headers
