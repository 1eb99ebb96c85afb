"""Credentials of programs: who they say who is asking for, where, and that cookies have no part in it (CSR-05)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from made_plugins import make_plugin
from webtest import TestApp, TestResponse

from flasky.settings import ConfigurationFaults

HTML = {"Accept": "text/html"}
#: What stands for a session cookie at the doors.
SIGNED_IN = {"X-Test-Member": "browser"}


def ask(client: TestApp, method: str, token: str = "", path: str = "/doors/programs", **headers: str) -> TestResponse:
    """The answer to a program."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(path, method=method, headers=named, expect_errors=True)


def form_token(client: TestApp) -> str:
    return re.search(r'value="([^"]+)"', client.get("/doors/form").text)[1]


def test_csr_05_the_credential_of_this_request_alone_decides(doors: TestApp) -> None:
    """CSR-05: cookie only, token only, both, bad token and cookie, anonymous first."""
    anonymous = ask(doors, "POST")
    assert (anonymous.status_code, anonymous.headers["WWW-Authenticate"]) == (401, "Bearer")

    csrf = form_token(doors)
    assert ask(doors, "POST", X_Test_Member="browser").status_code == 400
    assert ask(doors, "POST", X_Test_Member="browser", X_CSRF_Token=csrf).json == {"who": "browser"}

    assert ask(doors, "POST", "good").json == {"who": "program"}
    assert ask(doors, "POST", "good", X_Test_Member="browser").json == {"who": "program"}
    assert ask(doors, "PUT", "good", X_Test_Member="browser").json == {"who": "program"}

    assert ask(doors, "GET", "curious", X_Test_Member="browser").json == {"who": "nobody else"}

    bad = ask(doors, "POST", "bad", X_Test_Member="browser", X_CSRF_Token=csrf)
    assert (bad.status_code, bad.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')

    assert ask(doors, "PUT").status_code == 400
    assert ask(doors, "POST", X_Test_Member="browser").status_code == 400, "nothing of the requests before stays"


@pytest.mark.parametrize("header", ["Bearer", "bearer  ", "BEARER bad", "Bearer good, Bearer good", "Bearer go od"])
def test_a_bad_credential_is_refused_where_everybody_may_read_too(doors: TestApp, header: str) -> None:
    answer = doors.get("/doors/programs", headers={"Authorization": header}, expect_errors=True)
    assert answer.status_code == 401
    assert "not valid" in answer.json["detail"]


@pytest.mark.parametrize("header", ["Basic Zm9vOmJhcg==", "Digest x", "", "good", "\t"])
def test_other_schemes_are_not_ours(doors: TestApp, header: str) -> None:
    answer = doors.get("/doors/programs", headers={**SIGNED_IN, "Authorization": header})
    assert answer.json == {"who": "browser"}


def test_a_credential_opens_no_page(doors: TestApp) -> None:
    closed = ask(doors, "GET", "good", "/doors/closed", **HTML)
    assert (closed.status_code, closed.content_type) == (403, "text/html")
    assert ask(doors, "GET", "bad", "/doors/closed", **SIGNED_IN).json == {"entered": True}
    assert ask(doors, "POST", "good", "/doors/closed").status_code == 400


@pytest.mark.parametrize("sent", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_csr_03_another_site_s_page_is_refused_with_cookies_only(doors: TestApp, sent: dict[str, str]) -> None:
    """CSR-03: a browser lets a page of another site send no Authorization header unless this one agrees."""
    assert ask(doors, "PUT", X_CSRF_Token=form_token(doors), **SIGNED_IN, **sent).status_code == 403
    assert ask(doors, "PUT", "good", **sent).status_code == 200


def test_who_is_known_and_may_not_is_refused(doors: TestApp) -> None:
    answer = ask(doors, "POST", "poor")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (403, 'Bearer error="insufficient_scope"')
    assert answer.json["detail"] == "This access token may not do this, or the member that it is for may not."


def test_a_program_without_a_credential_reads_of_no_form(doors: TestApp) -> None:
    for method in ("POST", "PUT"):
        refused = ask(doors, method, X_Test_Member="browser")
        assert refused.status_code == 400
        assert ("Authorization" in refused.json["detail"], "open for" in refused.json["detail"]) == (True, False)


def test_an_answer_of_the_provider_is_the_answer(doors: TestApp) -> None:
    answer = ask(doors, "GET", "too-often", **SIGNED_IN)
    assert (answer.status_code, answer.headers["Retry-After"], answer.content_type) == (
        429,
        "7",
        "application/problem+json",
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/doors/programs", 401),
        ("PUT", "/doors/programs", 400),
        ("DELETE", "/doors/programs", 405),
        ("GET", "/api/nothing-there", 404),
        ("GET", "/api/%FF", 400),
    ],
)
def test_hdr_06_errors_of_the_api_are_json_whatever_is_accepted(
    doors: TestApp, method: str, path: str, status: int
) -> None:
    """HDR-06."""
    answer = ask(doors, method, "", path, **HTML)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json["status"] == status


def test_hdr_06_errors_of_pages_stay_what_is_accepted(doors: TestApp) -> None:
    """HDR-06."""
    for path in ("/doors/nothing-there", "/apis", "/doors/api/"):
        assert ask(doors, "GET", "", path, **HTML).content_type == "text/html"


def test_hdr_07_an_answer_varies_by_credential_and_keeps_its_version(doors: TestApp) -> None:
    """HDR-07: a shared cache keeps nothing of whoever is known; the program may still say which version it read."""
    own = ask(doors, "GET", "good")
    assert (own.headers["Cache-Control"], own.headers["ETag"]) == ("no-store", '"1"')
    assert {"Authorization", "Cookie"} <= set(re.split(", ?", own.headers["Vary"]))
    assert "Authorization" in ask(doors, "GET").headers["Vary"]


def test_a_scheme_belongs_to_one_and_is_a_word(make_app: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    make_plugin(tmp_path, "credone", "config.add_credential('Bearer', len)")
    make_plugin(tmp_path, "credtwo", "config.add_credential('bearer', len)")
    make_plugin(tmp_path, "credthree", "config.add_credential('Two words', len)")
    with pytest.raises(ConfigurationFaults) as caught:
        make_app(flasky__plugins="main credone credtwo credthree")
    assert "the credential 'bearer' is claimed by credone" in str(caught.value)
    assert "the credential 'Two words' must be a scheme" in str(caught.value)
