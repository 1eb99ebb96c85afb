"""The home page and the layout of every page (PARITY 10 and 11)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from webtest import TestApp


def test_the_greeting(bare_testapp: TestApp) -> None:
    """PARITY 10"""
    page = bare_testapp.get("/")
    assert page.status_int == 200
    assert page.html.h1.get_text() == "Hello, World!"
    assert page.html.title.get_text() == "Flasky"


def test_the_page_says_when_it_was_made(bare_testapp: TestApp) -> None:
    shown = bare_testapp.get("/").html.select_one("time[data-local]")
    made = datetime.fromisoformat(shown["datetime"])
    assert abs((datetime.now(UTC) - made).total_seconds()) < 30
    assert "UTC" in shown["title"]


def test_the_home_page_sends_no_statement_and_sets_no_cookie(
    testapp: TestApp, statements: Callable[[], list[str]]
) -> None:
    """SES-10"""
    assert "Set-Cookie" not in testapp.get("/").headers
    assert statements() == []


def test_the_layout_of_the_notes(bare_testapp: TestApp) -> None:
    """PARITY 11: brand, toggler, Home, icon, Bootstrap from the site itself."""
    page = bare_testapp.get("/").html
    assert page.select_one(".navbar-brand").get_text().strip() == "Flasky"
    assert page.select_one(".navbar-toggler[aria-controls=menu][aria-expanded=false]")
    assert page.select_one("#menu a[href='/'][aria-current=page]").get_text() == "Home"
    assert page.select_one("link[rel=icon]")
    addresses = [tag.get("href") or tag.get("src") for tag in page.select("link, script, img")]
    assert any("bootstrap.min.css" in address for address in addresses)
    assert all(address.startswith("/static/") for address in addresses)


def test_everything_the_page_names_is_there_and_may_be_kept(bare_testapp: TestApp) -> None:
    page = bare_testapp.get("/")
    for address in re.findall(r'(?:href|src)="(/static/[^"]*)"', page.text):
        assert bare_testapp.get(address).headers["Cache-Control"].endswith("immutable"), address


@pytest.mark.parametrize(("language", "title"), [("en", "Hello, World!"), ("zh-CN", "你好，世界！")])
def test_both_languages_are_complete(bare_testapp: TestApp, language: str, title: str) -> None:
    """PARITY 22a"""
    page = bare_testapp.get("/", headers={"Accept-Language": language}).html
    assert page.h1.get_text() == title
    if language == "zh-CN":
        shown = page.get_text().replace("Flasky", "").replace("English", "").replace("UTC", "")
        assert not re.search(r"[A-Za-z]{3,}", shown), shown


def test_the_keyboard_reaches_the_content_first(bare_testapp: TestApp) -> None:
    page = bare_testapp.get("/").html
    first = page.body.find("a")
    assert first["href"] == "#content"
    assert page.select_one("main#content[tabindex='-1']")


def test_where_the_site_is_mounted_is_where_its_links_lead(bare_app: Any) -> None:
    client = TestApp(bare_app, extra_environ={"HTTP_HOST": "localhost", "SCRIPT_NAME": "/club"})
    page = client.get("/").html
    for tag in page.select("[href], [src], form"):
        address = tag.get("href") or tag.get("src") or tag.get("action")
        assert address.startswith(("/club/", "#")), tag
