"""The log of a request that failed: one record with the traceback, whatever failed and how often (P12, ERR-04)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from webtest import TestApp

from flasky.logs import ReadableFormatter


@pytest.fixture
def failures(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """A function that returns the records about failures so far."""
    caplog.set_level(logging.INFO)

    def is_about_one(record: logging.LogRecord) -> bool:
        # The line of each request is a warning where it took long, as on a busy machine.
        is_line = record.name == "flasky.requests"
        return bool(record.exc_info) or (record.levelno >= logging.WARNING and not is_line)

    return lambda: [record for record in caplog.records if is_about_one(record)]


Failures = Callable[[], list[logging.LogRecord]]


def formatted(record: logging.LogRecord) -> str:
    return ReadableFormatter().format(record)


@pytest.mark.parametrize(
    "path",
    [
        "/failing/view",
        "/failing/unspeakable",
        "/failing/status/500",
        "/failing/status/503",
        "/failing/read",
        "/failing/callback",
        "/failing/view_and_callback",
        "/failing/header?kind=break",
        "/failing/body?chunks=0",
    ],
)
def test_each_server_error_is_logged_once_with_its_traceback_err_04(
    client: TestApp, failures: Failures, path: str
) -> None:
    response = client.get(path, status="5*")
    (record,) = failures()
    text = formatted(record)
    assert response.headers["X-Request-ID"] in text.splitlines()[0]
    assert "GET /failing/" in text.splitlines()[0]
    assert text.count("Traceback (most recent call last)") >= 1
    assert record.levelno == logging.ERROR


def test_the_record_names_the_route(client: TestApp, failures: Failures) -> None:
    client.get("/failing/view", status=500)
    assert "route=failing.view" in formatted(failures()[0])


def test_two_errors_of_one_request_are_one_record(client: TestApp, failures: Failures) -> None:
    client.get("/failing/view_and_callback", status=500)
    (record,) = failures()
    assert "Boom: in the view" in formatted(record)
    assert "Boom: in a response callback" in formatted(record)


@pytest.mark.parametrize(("wanted", "status", "records"), [(0, 200, 0), (2, 200, 0), (9, 500, 1)])
def test_attempts_that_are_tried_again_leave_no_record(
    client: TestApp, failures: Failures, wanted: int, status: int, records: int
) -> None:
    client.get(f"/failing/busy?failures={wanted}", status=status)
    assert len(failures()) == records
    if records:
        assert "attempt 3" in formatted(failures()[0])


def test_a_hostile_text_stays_in_one_line_inj_06(client: TestApp, failures: Failures) -> None:
    client.get("/failing/view", status=500)
    lines = formatted(failures()[0]).split("\n")
    assert "first\\x0asecond \\x1b[31m" in lines[0]
    assert all(line.startswith("    ") for line in lines[1:])
    assert not any("\x1b" in line for line in lines)


def test_a_secret_in_a_path_is_not_logged_log_01(
    client: TestApp, caplog: pytest.LogCaptureFixture, failures: Failures
) -> None:
    client.get("/failing/secret/canary-token?q=canary-query", status=500)
    assert "/failing/secret/(hidden)" in formatted(failures()[0])
    assert not any("canary" in record.getMessage() for record in caplog.records)


def test_daily_bread_is_no_warning(client: TestApp, failures: Failures) -> None:
    client.get("/no-such-page", status=404)
    client.post("/", status=405)
    client.get("/failing/found", status=303)
    assert failures() == []


class TestRefusals:
    """A refusal tells the log what was seen, what was expected, and which setting decides."""

    def test_a_permission_that_is_missing(self, client: TestApp, failures: Failures) -> None:
        client.get("/failing/closed", status=403)
        (record,) = failures()
        assert "failing.permission is needed and nobody is signed in" in formatted(record)
        assert record.exc_info is None

    def test_a_token_that_is_missing(self, client: TestApp, failures: Failures) -> None:
        page = client.post("/failing/closed", status=400).text
        assert "The form was open for too long" in page
        (record,) = failures()
        assert "saw no token" in formatted(record)
        assert "flasky.secret_key" in formatted(record)

    def test_a_host_that_is_not_this_one(self, client: TestApp, failures: Failures) -> None:
        page = client.get("/", headers={"Host": "evil.example"}, status=400).text
        assert "evil.example" in page
        (record,) = failures()
        assert "decided by flasky.hosts" in formatted(record)

    def test_another_sites_page(self, client: TestApp, failures: Failures) -> None:
        client.post("/failing/closed", headers={"Origin": "https://evil.example"}, status=403)
        (record,) = failures()
        assert "saw Origin: https://evil.example; expected http://localhost" in formatted(record)
        assert "decided by flasky.base_url = 'http://localhost'" in formatted(record)

    def test_visitors_are_not_told_settings(self, client_of: Callable[..., TestApp]) -> None:
        page = client_of("production").post("/failing/closed", headers={"Origin": "https://evil.example"}, status=403)
        assert "flasky.base_url" not in page.text

    def test_developers_are(self, client_of: Callable[..., TestApp]) -> None:
        page = client_of("development").post("/failing/closed", headers={"Origin": "https://evil.example"}, status=403)
        assert "decided by flasky.base_url" in page.text
