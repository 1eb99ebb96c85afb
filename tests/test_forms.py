"""flasky.forms: what every form refuses, in the visitor's language."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from pyramid.request import Request, apply_request_extensions
from wtforms import BooleanField, FileField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from flasky.forms import RequestForm, length, storable


class PersonForm(RequestForm):
    name = StringField("Name", [InputRequired(), length(5)])
    tags = SelectMultipleField("Tags", choices=[SelectChoice("a", "A"), SelectChoice("b", "B")])
    agree = BooleanField("Agree")
    picture = FileField("Picture")


@pytest.fixture
def post(bare_app: Any) -> Any:
    def make(fields: Any, language: str = "en") -> PersonForm:
        request = Request.blank("/", POST=fields, headers={"Accept-Language": language})
        request.registry = bare_app.registry
        apply_request_extensions(request)
        return PersonForm(request)

    return make


def errors(form: PersonForm) -> dict[str, list[str]]:
    form.validate()
    return {name: [str(error) for error in found] for name, found in form.errors.items()}


def test_what_is_right_passes(post: Any) -> None:
    form = post([("name", "Ada"), ("tags", "a"), ("tags", "b"), ("agree", "y"), ("other", "ignored")])
    assert form.validate()
    assert (form.name.data, form.tags.data, form.agree.data) == ("Ada", ["a", "b"], True)


@pytest.mark.parametrize(("language", "message"), [("en", "This field is required."), ("zh", "该字段是必填字段。")])
def test_messages_are_in_the_visitors_language(post: Any, language: str, message: str) -> None:
    assert errors(post([], language)) == {"name": [message]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("name", "a"), ("name", "b")], "This field was sent more than once."),
        ([("name", "a\0b")], "This field holds characters that cannot be stored."),
        ([("name", "abcdef")], "At most ${most} characters; these are ${length}."),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(post: Any, fields: Any, message: str) -> None:
    """INP-01, INP-02"""
    form = post(fields)
    assert errors(form) == {"name": [message]}
    assert form.name.render_kw["autofocus"]


def test_a_file_in_place_of_a_text_is_a_fault(post: Any) -> None:
    form = post({"name": ("a.txt", b"x")})
    assert errors(form) == {"name": ["This field holds something that is not text."]}


def test_a_file_field_takes_its_file(post: Any) -> None:
    form = post({"name": "Ada", "picture": ("a.txt", b"x")})
    assert form.validate()
    assert form.picture.data.filename == "a.txt"


def test_what_was_typed_is_shown_again(post: Any) -> None:
    form = post([("name", "ab\0c")])
    form.validate()
    assert form.name.data == "abc"


def test_inp_07_a_line_break_is_one_character_as_in_the_browser(post: Any) -> None:
    """Browsers send CRLF, and count one character for `maxlength`; other clients send LF or CR."""
    for sent in ("a\r\nb\r\nc", "a\nb\rc", "a\nb\nc"):
        form = post([("name", sent)])
        assert form.validate()
        assert form.name.data == "a\nb\nc"
    assert post([("name", "a\r\n\r\nb")]).name.data == "a\n\nb"


def test_on_get_nothing_is_taken_from_the_request(bare_app: Any) -> None:
    request = Request.blank("/?name=Eve")
    request.registry = bare_app.registry
    form = PersonForm(request, data={"name": "Ada"})
    assert form.name.data == "Ada"


def test_a_prefix_keeps_two_forms_apart(bare_app: Any) -> None:
    request = Request.blank("/", POST={"first-name": "Ada", "second-name": "Eve"})
    request.registry = bare_app.registry
    assert PersonForm(request, prefix="second").name.data == "Eve"


def test_a_forms_own_validators_still_run(bare_app: Any, post: Any) -> None:
    form = post([("name", "Ada")])
    assert not form.validate({"name": [length(2)]})


def test_inp_07_no_browser_cuts_what_is_too_long_but_what_no_answer_would_come_to(post: Any) -> None:
    """By `maxlength` one cuts without a word, and an emoji counts twice there: the answer says how long it is.

    A field alone makes no body above `max_body`, for which the answer has no text: nine bytes are sent of a 胡.
    """
    form = post([("name", "😀" * 5)])
    assert form.validate()
    most = int(re.search(r'maxlength="([0-9]+)"', form.name())[1])
    assert 100 * 5 < most < 300_000
    assert len(urlencode({"name": "胡" * most})) < 1024 * 1024
    assert length(90_000).field_flags["maxlength"] == 180_000
    form = post([("name", "😀" * 6)])
    form.validate()
    assert form.name.errors[0].mapping == {"most": 5, "length": 6}
    assert form.name.data == "😀" * 6


def test_a_text_that_is_too_short_is_a_fault(post: Any) -> None:
    form = post([("name", "Ada")])
    assert not form.validate({"name": [length(5, least=4)]})
    assert form.name.errors == ["Field must be between 4 and 5 characters long."]


def test_storable_leaves_everything_else() -> None:
    assert storable("胡同 \t😀\x01") == "胡同 \t😀\x01"
    assert storable("a\0b\ud800c") == "abc"
