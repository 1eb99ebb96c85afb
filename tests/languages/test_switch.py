"""flasky.languages.views: the switch in the footer."""

from __future__ import annotations

from typing import Any

import pytest
from webtest import TestApp

from flasky.languages import LanguageChosen


def test_the_choice_is_remembered(bare_testapp: TestApp) -> None:
    page = bare_testapp.get("/?page=2")
    assert page.html.html["lang"] == "en"
    form = page.forms[0]
    response = form.submit("language", value="zh")
    assert response.status_int == 303
    assert response.location == "http://localhost/?page=2"
    header = response.headers["Set-Cookie"]
    assert "language=zh;" in header
    assert f"Max-Age={365 * 24 * 3600}" in header
    assert "HttpOnly" in header
    back = response.follow()
    assert back.html.html["lang"] == "zh"
    assert "你好，世界！" in back.text


def test_the_choice_beats_the_browser(bare_testapp: TestApp) -> None:
    bare_testapp.post("/language", {"language": "en"})
    assert bare_testapp.get("/", headers={"Accept-Language": "zh"}).html.html["lang"] == "en"


@pytest.mark.parametrize("fields", [{}, {"language": "fr"}, {"language": ""}, {"language": "en\r\nX: y"}])
def test_another_language_is_refused(bare_testapp: TestApp, fields: dict[str, str]) -> None:
    response = bare_testapp.post("/language", fields, status=400)
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/%0d%0aX:y"])
def test_it_leads_nowhere_else(bare_testapp: TestApp, target: str) -> None:
    """RED-01"""
    response = bare_testapp.post("/language", {"language": "zh", "next": target})
    assert response.location == "http://localhost/"


@pytest.mark.parametrize(
    ("header", "value"),
    [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
)
def test_another_site_cannot_choose(bare_testapp: TestApp, header: str, value: str) -> None:
    """CSR-03: there is no token, but where the request came from is checked."""
    response = bare_testapp.post("/language", {"language": "zh"}, headers={header: value}, expect_errors=True)
    assert response.status_int in {400, 403}
    assert "Set-Cookie" not in response.headers


def test_it_is_not_chosen_by_a_link(bare_testapp: TestApp) -> None:
    """CSR-04"""
    response = bare_testapp.get("/language?language=zh", expect_errors=True)
    assert response.status_int in {404, 405}
    assert "Set-Cookie" not in response.headers


class Member:
    """Somebody who is signed in."""

    userid = "1"
    permissions: frozenset[str] = frozenset()
    language = None
    timezone = None


@pytest.fixture
def chosen(make_app: Any) -> tuple[TestApp, list[str]]:
    app = make_app(flasky__plugins="main")
    app.registry["flasky.identity"] = lambda request: Member() if "who" in request.cookies else None
    seen: list[str] = []
    app.registry.registerHandler(lambda event: seen.append(event.language), (LanguageChosen,))
    app.registry.has_listeners = True
    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
    return client, seen


def test_a_members_choice_is_announced(chosen: tuple[TestApp, list[str]]) -> None:
    client, seen = chosen
    client.set_cookie("who", "1")
    client.get("/").forms[0].submit("language", value="zh")
    assert seen == ["zh"]


def test_without_a_token_only_the_cookie_changes(chosen: tuple[TestApp, list[str]]) -> None:
    """CSR-01: the exception covers the display cookie, not the member's setting."""
    client, seen = chosen
    client.set_cookie("who", "1")
    response = client.post("/language", {"language": "zh", "csrf_token": "wrong"})
    assert "language=zh" in response.headers["Set-Cookie"]
    assert seen == []


def test_a_visitors_page_has_no_token_and_sets_no_cookie(bare_testapp: TestApp) -> None:
    """SES-10"""
    page = bare_testapp.get("/")
    assert "csrf_token" not in page.text
    assert "Set-Cookie" not in page.headers
