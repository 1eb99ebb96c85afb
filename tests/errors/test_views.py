"""The error pages: what a visitor sees of every error, and what they must not see."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from webtest import TestApp, TestResponse

STATUSES = (400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 431, 500, 501, 503)
#: What gives the machinery away: tracebacks, SQL, files, versions.
INTERNALS = re.compile(r"Traceback|SELECT|internals|\.py\b|site-packages|[Pp]yramid|[Ww]ebOb|Python/|SQLAlchemy")


def get(client: TestApp, path: str, **headers: str) -> TestResponse:
    return client.get(path, headers=headers, status="*")


@pytest.mark.parametrize("environment", ["testing", "production"])
@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_a_page_with_the_request_id_and_nothing_internal_err_01(
    client_of: Callable[..., TestApp], environment: str, status: int
) -> None:
    response = get(client_of(environment), f"/failing/status/{status}", Accept="text/html,*/*;q=0.8")
    assert response.status_int == status
    assert response.content_type == "text/html"
    assert response.charset == "utf-8"
    assert f"<code>{response.headers['X-Request-ID']}</code>" in response.text
    assert "<h1>" in response.text
    assert not INTERNALS.search(response.text)
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("environment", ["testing", "production"])
@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_a_problem_in_json_err_01(
    client_of: Callable[..., TestApp], environment: str, status: int
) -> None:
    response = get(client_of(environment), f"/failing/status/{status}", Accept="application/json")
    assert response.status_int == status
    assert response.content_type == "application/problem+json"
    problem = json.loads(response.body)
    assert problem.keys() == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert not INTERNALS.search(response.text)


def test_programs_read_which_fields_were_refused_in_their_language(client: TestApp) -> None:
    for language, conflict in (("en", "Conflict"), ("zh", "冲突")):
        answer = client.get(
            "/failing/fields", headers={"Accept": "application/json", "Accept-Language": language}, status=422
        )
        assert answer.content_type == "application/problem+json"
        assert answer.json["errors"] == {"age": [conflict], "name": ["not <b>", "too long"]}
    assert "too long" not in client.get("/failing/fields", headers={"Accept": "text/html"}, status=422)


@pytest.mark.parametrize(
    ("accept", "content_type", "expected"),
    [
        (None, "", "text/html"),
        ("*/*", "", "text/html"),
        ("*/*", "application/json", "application/problem+json"),
        ("*/*", "application/vnd.api+json; charset=utf-8", "application/problem+json"),
        ("text/html", "application/json", "text/html"),
        ("text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8", "", "text/html"),
        ("application/json;q=0.9, text/html;q=0.2", "", "application/problem+json"),
        ("application/json;q=0", "application/json", "text/html"),
        ("application/json; Q = 0.000 , */*", "", "text/html"),
        ("text/html;q=0, */*", "", "application/problem+json"),
        ("application/json;q=0.001", "", "application/problem+json"),
        ("application/json, text/plain, */*", "", "application/problem+json"),
        ("application/problem+json", "", "application/problem+json"),
        ("html json ;;; q=nonsense", "", "text/html"),
    ],
)
def test_accept_decides_between_page_and_json_hdr_06(
    client: TestApp, accept: str | None, content_type: str, expected: str
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    response = client.get("/no-such-page", headers=headers, extra_environ={"CONTENT_TYPE": content_type}, status=404)
    assert response.content_type == expected
    assert "Accept" in response.headers["Vary"]


def test_every_request_has_an_id_of_its_own_and_a_visitors_is_ignored(client: TestApp) -> None:
    first = client.get("/", headers={"X-Request-ID": "0123456789abcdef"}).headers["X-Request-ID"]
    second = client.get("/").headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert first != second
    assert first != "0123456789abcdef"


def test_a_raised_redirect_stays_one(client: TestApp) -> None:
    response = client.get("/failing/found", status=303)
    assert response.headers["Location"] == "http://localhost/elsewhere"
    assert "kept=1" in response.headers["Set-Cookie"]


def test_headers_of_an_http_error_are_kept(client: TestApp) -> None:
    assert client.get("/failing/limited", status=429).headers["Retry-After"] == "7"
    assert "GET" in client.post("/", status=405).headers["Allow"]


def test_a_detail_marked_for_translation_is_shown(client: TestApp) -> None:
    problem = client.get("/failing/limited", headers={"Accept": "application/json"}, status=429).json
    assert problem["detail"] == "Home"


def test_a_get_on_a_view_for_posts_is_405_p10(client: TestApp) -> None:
    response = client.get("/language", status=405)
    assert "POST" in response.headers["Allow"]


def test_the_page_is_in_the_visitors_language(client: TestApp) -> None:
    response = client.get("/no-such-page", headers={"Accept-Language": "zh-CN"}, status=404)
    assert '<html lang="zh">' in response.text
    assert "Not Found" not in response.text


def test_what_an_exception_says_is_never_markup(client_of: Callable[..., TestApp]) -> None:
    for environment in ("testing", "development"):
        assert "<script>alert" not in get(client_of(environment), "/failing/view").text


@pytest.mark.parametrize("environment", ["testing", "development", "production"])
def test_an_exception_without_words_still_gets_a_page(client_of: Callable[..., TestApp], environment: str) -> None:
    response = get(client_of(environment), "/failing/unspeakable")
    assert response.status_int == 500
    assert response.headers["X-Request-ID"] in response.text


def test_a_head_request_gets_the_headers_of_the_page_alone(client: TestApp) -> None:
    response = client.head("/failing/view", status=500)
    assert response.body == b""
    assert int(response.headers["Content-Length"]) > 0


def test_pyramids_debug_switch_changes_nothing_p33(
    site_of: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYRAMID_DEBUG_NOTFOUND", "1")
    client = TestApp(site_of(flasky__mail_subject_prefix="[P33]"))  # A site of its own, made with the switch on.
    page = client.get("/no-such-page", headers={"Host": "localhost"}, status=404).text
    assert "root" not in page.lower()


class TestBrokenTemplates:
    """F37: the page for an error does not need its template."""

    @pytest.fixture
    def broken(self, client_of: Callable[..., TestApp], tmp_path: Path) -> TestApp:
        (tmp_path / "errors").mkdir()
        (tmp_path / "errors" / "error.jinja2").write_text("{{ 1 // 0 }}", encoding="utf-8")
        return client_of(jinja2__directories=str(tmp_path))

    @pytest.mark.parametrize("status", [404, 503])
    def test_the_status_stays_and_the_page_is_plain_f37(self, broken: TestApp, status: int) -> None:
        response = get(broken, f"/failing/status/{status}", Accept="text/html")
        assert response.status_int == status
        assert response.headers["X-Request-ID"] in response.text
        assert "stylesheet" not in response.text
        assert "Content-Security-Policy" in response.headers

    def test_both_errors_are_in_one_record_p12(self, broken: TestApp, caplog: pytest.LogCaptureFixture) -> None:
        get(broken, "/failing/view")
        (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert "Boom" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert record.exc_info


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_refusal_speaks_the_visitors_language_whole(bare_testapp: TestApp, accept: str) -> None:
    """What was seen and what was expected are sentences of their own; the log stays English."""
    chinese = {"Accept-Language": "zh", "Accept": accept}
    answer = bare_testapp.get("/?next=1&next=2", headers=chinese, status=400)
    assert "查询中的 'next' 出现了不止一次" in html.unescape(answer.text)
    assert "each name once" not in answer.text
    english = bare_testapp.get("/?next=1&next=2", headers={"Accept": accept}, status=400)
    assert "'next' more than once in the query" in html.unescape(english.text)


def test_the_log_says_a_refusal_in_english(bare_testapp: TestApp, caplog: pytest.LogCaptureFixture) -> None:
    bare_testapp.get("/?next=1&next=2", headers={"Accept-Language": "zh"}, status=400)
    assert "saw 'next' more than once in the query; expected each name once" in caplog.text
