"""Numbers in addresses and queries (P25, INP-06)."""

from __future__ import annotations

import pytest
from pyramid.httpexceptions import HTTPNotFound
from pyramid.testing import DummyRequest
from webob.multidict import MultiDict

from flasky.errors.exceptions import RefusedInput
from flasky.parameters import id_pattern, number_parameter, parse_id, parse_limit, parse_number, parse_page

STRANGE = [
    "-1", "2147483648", "9223372036854775808", "1" + "0" * 20, "9" * 5000, "１２", "1_0", "²", "1e3", "+1", " 1", "1 ",
    "NaN", "", "٣٤", "0x1", "1.0", "1\n", "\x001", "一",
]  # fmt: skip


@pytest.mark.parametrize("text", STRANGE)
def test_inp_06_what_is_no_number_is_refused_alike_everywhere(text):
    """INP-06, P25: as an id 404, in a query 400."""
    assert parse_number(text) is None
    with pytest.raises(HTTPNotFound):
        parse_id(text)
    with pytest.raises(RefusedInput):
        parse_page(DummyRequest(GET=MultiDict(page=text)))
    with pytest.raises(RefusedInput):
        parse_limit(DummyRequest(GET=MultiDict(limit=text)), default=10, most=50)


def test_ids_and_pages_that_are_numbers():
    """Leading zeros are harmless; zero is nobody's id and no page."""
    assert parse_id("1") == 1
    assert parse_id("999999999") == 999_999_999
    assert parse_id("007") == 7
    with pytest.raises(HTTPNotFound):
        parse_id("0")
    with pytest.raises(RefusedInput, match="from 1 to"):
        parse_page(DummyRequest(GET=MultiDict(page="0")))
    assert parse_page(DummyRequest(GET=MultiDict(page="3"))) == 3
    assert parse_page(DummyRequest(GET=MultiDict())) == 1


def test_the_bounds_of_a_parameter():
    """Limits are the caller's; the refusal names the parameter and the bounds."""
    request = DummyRequest(GET=MultiDict(limit="51"))
    with pytest.raises(RefusedInput, match="limit=51; expected a whole number from 1 to 50"):
        parse_limit(request, default=10, most=50)
    assert parse_limit(request, default=10, most=51) == 51
    assert number_parameter(DummyRequest(GET=MultiDict()), "x", default=7) == 7


def test_the_pattern_of_an_id():
    """What stands in a route."""
    assert id_pattern() == "{id:[0-9]{1,9}}"
    assert id_pattern("post_id") == "{post_id:[0-9]{1,9}}"
