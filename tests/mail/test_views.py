"""The mail viewer of development: a list, one mail, and a preview of all mails; elsewhere it does not exist."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from webtest import TestApp

from flasky.mail import send_mail


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"pyramid.includes": "sample_mails", "flasky.plugins": "main", "flasky.environment": "development"}


@pytest.fixture
def number(registry, db) -> int:
    mail = send_mail(
        registry, db, "ann@example.com", "Hello <b>胡同</b>", "sample/greeting", name="<script>alert(1)</script>"
    )
    db.commit()
    number = mail.id
    db.rollback()
    return number


def test_the_list_links_to_each_mail(testapp: TestApp, number: int, statements) -> None:
    page = testapp.get("/_mail")
    assert page.status_int == 200
    assert "[Flasky] Hello <b>胡同</b>" in page.html.text
    assert page.html.find("b") is None
    assert len(statements()) == 1
    assert page.click("Hello").request.path == f"/_mail/{number}"


def test_an_empty_list(testapp: TestApp) -> None:
    assert "There is no mail yet." in testapp.get("/_mail")


def test_one_mail_shows_status_headers_and_text(testapp: TestApp, number: int, statements) -> None:
    page = testapp.get(f"/_mail/{number}")
    assert "queued" in page.html.text
    assert "To: ann@example.com" in page.html.text
    assert "Auto-Submitted: auto-generated" in page.html.text
    assert "Welcome, <script>alert(1)</script>" in page.html.text
    assert not page.html.find("main").find_all("script")
    assert len(statements()) == 1
    # The links of a text can be followed: confirmation links are tried out here.
    assert page.html.find("a", href="http://localhost/") is not None


def test_the_html_part_is_a_page_that_is_locked_up(testapp: TestApp, number: int) -> None:
    page = testapp.get(f"/_mail/{number}").click("HTML")
    assert page.content_type == "text/html"
    assert "<p>Welcome, &lt;script&gt;" in page
    policies = page.headers.getall("Content-Security-Policy")
    assert "sandbox" in policies
    # The site's own policy holds beside it.
    assert any("default-src 'none'" in policy for policy in policies)


def test_the_preview_shows_every_mail_in_every_language(testapp: TestApp, statements) -> None:
    page = testapp.get("/_mail/preview")
    assert statements() == []
    assert "English: [Flasky] Test mail" in page
    assert "中文: [Flasky] 测试邮件" in page
    assert "English: [Flasky] Welcome, O'Brien & <b>" in page.html.text


def test_a_sample_can_be_read_as_text_and_as_html(testapp: TestApp) -> None:
    page = testapp.get("/_mail/preview/en/sample/greeting")
    assert "Welcome, O'Brien & <b>" in page.html.find("pre").text
    html = page.click("HTML")
    assert "<p>Welcome, O&#39;Brien &amp; &lt;b&gt;</p>" in html
    assert "sandbox" in html.headers.getall("Content-Security-Policy")


def test_a_sample_in_another_language_is_one_click_away(testapp: TestApp) -> None:
    page = testapp.get("/_mail/preview/en/mail/test").click("中文", href="preview")
    assert "[Flasky] 测试邮件" in page.html.find("h1").text


@pytest.mark.parametrize(
    "path",
    [
        "/_mail/99",
        "/_mail/99/html",
        "/_mail/2147483648",
        "/_mail/9999999999/html",
        "/_mail/99999999999",
        "/_mail/-1",
        "/_mail/x",
        "/_mail/preview/xx/mail/test",
        "/_mail/preview/en/mail/none",
        "/_mail/preview/en/../../../etc/passwd",
        "/_mail/preview-html/en/base",
    ],
)
def test_what_does_not_exist_is_not_found(testapp: TestApp, path: str) -> None:
    testapp.get(path, status=404)


@pytest.mark.parametrize("environment", ["testing", "production"])
@pytest.mark.parametrize("path", ["/_mail", "/_mail/1", "/_mail/preview", "/_mail/preview/en/mail/test"])
def test_outside_of_development_there_is_no_viewer(make_app, environment: str, path: str) -> None:
    app = make_app(
        flasky__environment=environment,
        flasky__plugins="main",
        flasky__secret_key="kPq7-3xZ_bLw9TfR2vN8sYcH5mJd6gAeU1oQ4iX0",
        flasky__base_url="https://localhost",
    )
    TestApp(app, extra_environ={"HTTP_HOST": "localhost", "wsgi.url_scheme": "https"}).get(path, status=404)


def test_the_status_is_said_in_the_visitors_language(testapp: TestApp, number: int) -> None:
    for address in ("/_mail", f"/_mail/{number}"):
        assert "等待发送" in testapp.get(address, headers={"Accept-Language": "zh"}).html.text


@pytest.mark.parametrize("number", ["0", "٣", "１２", "9999999999", "-1"])
def test_p25_what_is_no_number_is_no_mail(testapp: TestApp, number: str) -> None:
    testapp.get(f"/_mail/{quote(number)}", status=404)
