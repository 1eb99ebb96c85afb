"""What developers see of an error, in the development environment and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyramid.request import Request
from webtest import TestApp

from flasky.errors.report import make_report
from flasky.site import get_site
from flasky.wsgi import Application

CANARIES = {
    "Cookie": "session=canary-cookie",
    "Authorization": "Bearer canary-bearer",
    "X-CSRF-Token": "canary-csrf",
    "X-Api-Key": "canary-api",
    "X-Auth-Request-User": "canary-user",
    "Referer": "http://localhost/auth/reset/canary-referer?next=canary",
    "X-Original-URL": "/failing/secret/canary-original",
}


@pytest.fixture
def developer(client_of: Callable[..., TestApp]) -> TestApp:
    return client_of("development")


def test_the_page_shows_traceback_request_settings_and_sql(developer: TestApp) -> None:
    page = developer.get("/failing/view?colour=blue", status=500).text
    assert "Boom: first" in page
    assert "tests/samples/failing_pages.py" in page
    assert "raise Boom(" in page
    assert "Query colour" in page
    assert "flasky.environment" in page
    assert "This request sent no statement." in page


def test_it_shows_the_statements_that_the_request_sent(developer: TestApp) -> None:
    page = developer.get("/failing/missing_table", status=500).text
    assert "<li><code>SELECT * FROM nobody_made_this" in page


def test_the_markdown_holds_everything_once(developer: TestApp) -> None:
    page = developer.get("/failing/view?colour=blue", status=500).text
    markdown = page.split("<textarea", 1)[1].split("</textarea>")[0]
    for part in ("## Boom: first", "### Traceback", "### Request", "### Settings", "Query colour: blue"):
        assert part in markdown


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_secrets_are_hidden_in_it_log_01(developer: TestApp, accept: str) -> None:
    response = developer.get(
        "/failing/view?password=canary-password&reset_token=canary-token",
        headers={**CANARIES, "Accept": accept},
        status=500,
    )
    assert "canary" not in response.text


@pytest.mark.parametrize(
    "query",
    [
        "next=/failing/secret/canary-next",
        "next=%2Ffailing%2Fsecret%2Fcanary%252Dnext",
        "next=http://localhost/failing/secret/canary-next",
        "next=http://u:canary-user@localhost/failing/secret/canary",
        "next=%20/failing/secret/canary",
        "next=/failing/view%3Ftoken%3Dcanary-token",
        "back=/failing/secret/canary-next%3Fa%3Db%23c",
    ],
)
def test_of_an_address_in_the_query_no_secret_is_shown_log_01(developer: TestApp, query: str) -> None:
    """Who asks to be signed in on the page of a link has the link in `next`."""
    page = developer.get(f"/failing/view?{query}", status=500).text
    assert "canary" not in page
    assert "/failing/secret/(hidden)" in page or "/failing/view?(hidden)" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("next=http://u:canary-user@localhost", "http://localhost"),
        ("next=//localhost/failing/secret/canary", "(hidden)"),
        ("next=///localhost/failing/secret/canary", "(hidden)"),
        ("next=http://localhost//failing/secret/canary", "http://localhost(hidden)"),
        ("next=http:%5C%5Clocalhost/failing/secret/canary", "(hidden)"),
        ("next=%5C/localhost/failing/secret/canary", "(hidden)"),
        ("next=/%5Clocalhost/failing/secret/canary", "(hidden)"),
        ("next=/%252Flocalhost/failing/secret/canary", "(hidden)"),
    ],
)
def test_of_an_odd_address_that_browsers_follow_no_secret_is_shown_log_01(
    developer: TestApp, query: str, shown: str
) -> None:
    page = developer.get(f"/failing/view?{query}", status=500).text
    assert "canary" not in page
    assert f"Query next: {shown}\n" in page


def test_of_the_page_before_only_the_site_is_shown_log_01(developer: TestApp) -> None:
    """What else stands in it may be the secret of another site."""
    headers = {"Referer": "https://other.example/secret-canary", "Accept-Encoding": "gzip", "X-Colour": "blue"}
    page = developer.get("/failing/view", headers=headers, status=500).text
    assert "https://other.example/(hidden)" in page
    assert "gzip" in page
    assert "blue" in page
    assert "canary" not in page


def test_a_secret_in_the_path_is_hidden_wherever_it_turns_up_log_01(developer: TestApp) -> None:
    page = developer.get("/failing/secret/canary-in-path", status=500).text
    assert "/failing/secret/(hidden)" in page
    assert "canary" not in page


def test_a_secret_of_the_site_is_hidden_wherever_it_turns_up(developer: TestApp) -> None:
    registry = developer.app.registry
    secret = get_site(registry).settings["flasky.secret_key"]
    report = make_report(ValueError(f"cannot sign with {secret}"), _request(developer.app), get_site(registry))
    assert secret not in report.markdown
    assert "cannot sign with (hidden)" in report.summary


def test_a_fence_is_longer_than_any_in_the_text(developer: TestApp) -> None:
    app = developer.app
    report = make_report(ValueError("```` four"), _request(app), get_site(app.registry))
    assert "`````\n" in report.markdown


def test_nothing_is_inline_so_the_policy_holds(developer: TestApp) -> None:
    page = developer.get("/failing/view", status=500).text
    assert "<style" not in page
    assert "style=" not in page
    assert "<script>" not in page


def test_json_clients_get_the_traceback_too(developer: TestApp) -> None:
    problem = developer.get("/failing/view", headers={"Accept": "application/json"}, status=500).json
    assert any("failing_pages.py" in line for line in problem["developer"]["traceback"])


def test_a_refusal_shows_its_reason_and_no_traceback(developer: TestApp) -> None:
    page = developer.get("/failing/closed", status=403).text
    assert "failing.permission is needed and nobody is signed in" in page
    assert "Traceback" not in page


@pytest.mark.parametrize("environment", ["testing", "production"])
def test_nobody_else_sees_any_of_it(client_of: Callable[..., TestApp], environment: str) -> None:
    page = client_of(environment).get("/failing/view", status=500).text
    assert "Boom" not in page
    assert "For developers" not in page


def _request(app: Application) -> Any:
    request = Request.blank("/", environ={"HTTP_COOKIE": "a=b"})
    request.registry = app.registry
    request.__dict__["id"] = "0123456789abcdef"
    return request
