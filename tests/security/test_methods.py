"""Which methods an address answers to (P10, INP-09, HDR-08)."""

from __future__ import annotations

import pytest

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "PROPFIND"]
ALLOWED = {
    "/": {"GET", "HEAD", "OPTIONS"},
    "/doors/form": {"GET", "HEAD", "POST", "OPTIONS"},
    "/doors/post": {"POST", "PUT", "OPTIONS"},
    "/doors/upload": {"POST", "OPTIONS"},
    "/doors/sign-in": {"POST", "OPTIONS"},
    "/doors/any": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
    "/doors/by-route": {"DELETE", "OPTIONS"},
    "/doors/item/5": {"GET", "HEAD", "OPTIONS"},
    "/static/flasky/flasky.css": {"GET", "HEAD", "OPTIONS"},
    "/language": {"POST", "OPTIONS"},
    "/doors/trace": {"GET", "HEAD", "OPTIONS"},
    "/doors-files/public.txt": {"GET", "HEAD", "OPTIONS"},
}


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", METHODS)
def test_inp_09_every_route_and_method(doors, path, method):
    """INP-09: 405 with Allow for what nobody answers, never 404 or a CSRF refusal."""
    answer = doors.request(path, method=method, expect_errors=True)

    if method not in ALLOWED[path]:
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == ALLOWED[path]
    elif method == "OPTIONS":
        assert answer.status_code == 204
        assert set(answer.headers["Allow"].split(", ")) == ALLOWED[path]
    else:
        assert answer.status_code != 405


def test_inp_09_head_is_get_without_a_body(doors):
    """INP-09: the same headers, and nothing else."""
    for path in ("/", "/doors/about", "/static/flasky/flasky.css", "/nothing"):
        get = doors.get(path, expect_errors=True)
        head = doors.head(path, expect_errors=True)
        assert head.status_code == get.status_code
        assert head.body == b""
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("method", METHODS)
def test_inp_09_a_path_that_nobody_answers_is_not_found_by_any_method(doors, method):
    """405 would promise that another method works."""
    assert doors.request("/nothing", method=method, expect_errors=True).status_code == 404


def test_hdr_08_trace_gives_nothing_back(raw):
    """HDR-08: over the wire, with a cookie to steal."""
    answer = raw.send(b"TRACE / HTTP/1.1\r\nHost: localhost\r\nCookie: a=STOLEN\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 405")
    assert b"STOLEN" not in answer


def test_p10_the_json_form_of_405_has_allow_too(doors):
    """Issue: errors as HTML and JSON."""
    answer = doors.get("/doors/post", headers={"Accept": "application/json"}, status=405)

    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST", "PUT"}
    assert answer.content_type.endswith("json")
