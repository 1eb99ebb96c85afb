"""Generated hostile requests: never a 5xx, never an answer without the header set.

The normal suite tries a few hundred; `FLASKY_HOSTILE_REQUESTS=20000` tries as many as that (CI, and more before a
release).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from webob import Request

COUNT = int(os.environ.get("FLASKY_HOSTILE_REQUESTS", "300"))

SNIPPETS = st.sampled_from(
    [
        "%ff", "%00", "%ed%a0%80", "\xff", "\0", "\r\n", "..", "//", "\\", "%2e%2e/", "%2f", "{{7*7}}", "${7*7}",
        "%(x)s", "'", '"', "<script>", "１２".encode().decode("latin-1"), "9" * 5000, "-1", "1e999", "NaN", "[", "[]",
        "a[]", "::", "@", "#", ";",
        "=", "&", "%", "%u0041", "\u202e".encode().decode("latin-1"), "你好".encode().decode("latin-1"), "%F0%9F%98%80",
    ]
)  # fmt: skip
LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
TEXT = st.lists(st.one_of(SNIPPETS, LATIN), max_size=6).map("".join)
PATHS = st.one_of(
    st.sampled_from(
        ["/", "/doors/form", "/doors/closed", "/doors/post", "/doors/upload", "/doors/json", "/doors/any", "/language",
         "/doors/item/", "/doors/about", "/doors/numbers", "/static/flasky/", "/static/", "/static/bootstrap/", "/no"]
    ),
    TEXT.map("/".__add__),
)  # fmt: skip
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"])
NAMES = st.sampled_from(
    [
        "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_ACCEPT_LANGUAGE", "HTTP_AUTHORIZATION", "HTTP_CACHE_CONTROL",
        "HTTP_COOKIE", "HTTP_HOST", "HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_NONE_MATCH", "HTTP_IF_RANGE",
        "HTTP_IF_UNMODIFIED_SINCE", "HTTP_ORIGIN", "HTTP_RANGE", "HTTP_REFERER", "HTTP_SEC_FETCH_SITE",
        "HTTP_USER_AGENT", "HTTP_X_CSRF_TOKEN", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_VHM_ROOT",
        "HTTP_X_REQUESTED_WITH", "HTTP_FORWARDED", "HTTP_X_REQUEST_ID", "CONTENT_TYPE",
    ]
)  # fmt: skip
VALUES = st.one_of(
    TEXT,
    st.builds(
        str.__add__,
        st.sampled_from(
            ["bytes=", "csrf=", "lang=", 'W/"', "Bearer ", "Basic ", "text/html;q=", "zh;q=", "application/json",
             "null", "application/x-www-form-urlencoded; ", "multipart/form-data; boundary=",
             "multipart/form-data; boundary=x",
             "application/json; charset=", "http://localhost", "Sat, 01 Jan 2026 00:00:00 GMT"]
        ),
        TEXT,
    ),
)  # fmt: skip
BODIES = st.one_of(
    TEXT.map(lambda text: text.encode("latin-1")),
    st.binary(max_size=200),
    st.lists(st.tuples(TEXT, TEXT), max_size=5).map(
        lambda parts: (
            b"".join(
                f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode("latin-1")
                for name, value in parts
            )
            + b"--x--\r\n"
        )
    ),
    TEXT.map(lambda text: f'{{"a": "{text}"}}'.encode("latin-1")),
)


NESTED = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n\r\n--x--\r\n'
)


@example(
    method="POST",
    path="/doors/post",
    query="",
    headers={"CONTENT_TYPE": "multipart/form-data; boundary=x"},
    body=NESTED,
)
@settings(max_examples=COUNT, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=METHODS,
    path=PATHS,
    query=TEXT,
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    body=BODIES,
)
def test_no_request_is_answered_with_a_failure_or_without_the_headers(doors_app, method, path, query, headers, body):
    """The bar of the whole site: 0 times 5xx, 0 answers without the header set."""
    request = Request.blank("/", method=method, body=body)
    request.environ.update(PATH_INFO=path, QUERY_STRING=query, HTTP_HOST="localhost", REMOTE_ADDR="127.0.0.1")
    request.environ.update(headers)

    answer = request.get_response(doors_app)

    assert answer.status_code < 500
    names = {name.lower() for name in answer.headers}
    assert {"content-security-policy", "x-content-type-options", "x-frame-options", "x-request-id"} <= names
    assert "server" not in names


def test_the_generator_reaches_every_kind_of_answer(doors_app):
    """A generator whose requests are all refused at the door would prove nothing."""
    seen = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(method=METHODS, path=PATHS, query=st.just(""), headers=st.just({}), body=st.just(b""))
    def collect(method, path, query, headers, body):
        request = Request.blank("/", method=method, body=body)
        request.environ.update(PATH_INFO=path, HTTP_HOST="localhost", REMOTE_ADDR="127.0.0.1")
        seen.add(request.get_response(doors_app).status_code)

    collect()

    assert seen >= {200, 204, 400, 403, 404, 405}, seen


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Three hundred refusals in the report of a failure help nobody."""
    caplog.set_level("CRITICAL")
