"""The one way to read a JSON body (INP-05, INP-08, P9)."""

from __future__ import annotations

import json

import pytest

from flasky.errors.exceptions import RefusedInput
from flasky.security.json_body import parse_json


def send(client, body, content_type="application/json"):
    """The answer to a body."""
    headers = {"Content-Type": content_type} if content_type else {}
    return client.request("/doors/json", method="POST", body=body, headers=headers, expect_errors=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"\xff",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\\u0000"}',
        b'{"a\\u0000": 1}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": -' + b"9" * 19 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": 1} x',
        b"{}\x00",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_inp_08_what_is_no_json_or_fits_no_field_is_a_bad_request(doors, body):
    """INP-05, INP-08: 400, whatever Python's own parser thinks."""
    assert send(doors, body).status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"a"', b"true", b"1.5"])
def test_inp_08_json_that_is_not_an_object_cannot_be_processed(doors, body):
    """INP-08: 422."""
    assert send(doors, body).status_code == 422


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "multipart/mixed",
        "application/json; charset=utf-16",
        "application/json; charset=bogus",
        "application/jsonx",
    ],
)
def test_inp_08_another_type_or_charset_is_not_supported(doors, content_type):
    """INP-08: 415; a form cannot pass for JSON (CSR-05)."""
    assert send(doors, b"{}", content_type).status_code == 415


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/merge-patch+json", "application/JSON; charset=utf-8"]
)
def test_json_passes(doors, content_type):
    """And what is JSON arrives."""
    assert send(doors, '{"b": 1, "名": "😀"}'.encode(), content_type).json == {"keys": ["b", "名"]}


def test_values_arrive_as_they_were_sent():
    """Numbers to the last digit that a column holds, and 32 levels."""
    value = {"a": [1, -(10**17), 1.5, True, None, "x\ny"], "b": {"c": {}}}
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(b"[" * 32 + b"1" + b"]" * 32)
    with pytest.raises(RefusedInput, match="32 levels"):
        parse_json(b"[" * 34 + b"1" + b"]" * 34)


def test_the_refusal_says_where():
    """Line and column of a syntax error."""
    with pytest.raises(RefusedInput, match="line 2, column 7"):
        parse_json(b'{"a": 1,\n "b": x}')
