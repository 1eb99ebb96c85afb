"""The one way to read a JSON body (INP-05, INP-08, P9).

Python's parser takes NaN, numbers of any length, a key twice, and nesting until the stack ends; the database takes
none of them. What `read_json` returns is an object of texts, finite numbers, truth values, nulls, lists and objects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from pyramid.httpexceptions import HTTPUnprocessableEntity, HTTPUnsupportedMediaType
from pyramid.request import Request

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _
from flasky.security.forms import check_charset, decode, parse_media_type

#: Levels of lists and objects inside of each other.
MAX_DEPTH = 32
#: Digits of a whole number: what a 64-bit column holds.
MAX_DIGITS = 18


def read_json(request: Request) -> dict[str, Any]:
    """The object in the body of `request`.

    Raises HTTPUnsupportedMediaType (415) for another type or charset, RefusedInput (400) for what is not JSON or
    holds a value that no field takes, and HTTPUnprocessableEntity (422) for JSON that is not an object.
    """
    media_type = parse_media_type(request.environ.get("CONTENT_TYPE") or "")
    if media_type.name != "application/json" and not media_type.name.endswith("+json"):
        raise HTTPUnsupportedMediaType(_("Send the body as JSON, with Content-Type: application/json."))
    check_charset(media_type)
    value = parse_json(request.body)
    if not isinstance(value, dict):
        raise HTTPUnprocessableEntity(_("The body must be a JSON object."))
    return value


def parse_json(data: bytes) -> Any:
    """The value that `data` spells. Raises RefusedInput with a sentence that says what is wrong."""
    text = decode(data, _("the body"))
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno, "problem": error.msg}
        seen = _("broken JSON at line ${line}, column ${column} (${problem})", mapping=place)
        raise RefusedInput(seen=seen, expected="JSON") from error
    except RecursionError as error:
        raise _too_deep() from error
    _check_values(value)
    return value


def _refuse_constant(word: str) -> NoReturn:
    raise RefusedInput(seen=_("the number ${number}", mapping={"number": word}), expected=_("a finite number or null"))


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise RefusedInput(seen=_("a number that is too large"), expected=_("a finite number"))
    return number


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS + text.startswith("-"):
        raise RefusedInput(
            seen=_("a number with ${number} digits", mapping={"number": len(text)}),
            expected=_("at most ${number}", mapping={"number": MAX_DIGITS}),
        )
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise RefusedInput(
                seen=_("the key ${name} twice in one object", mapping={"name": ascii(name[:40])}),
                expected=_("each key once"),
            )
        result[name] = value
    return result


def _check_values(value: Any) -> None:
    """Look at every text and level, without recursion: the depth is what is checked."""
    level = [value]
    for _depth in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            inner.extend(_inside(item))
        if not inner:
            return
        level = inner
    raise _too_deep()


def _inside(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def _check_text(text: str) -> None:
    if "\0" in text:
        raise RefusedInput(seen=_("a NUL character in a text"), expected=_("text"))
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise RefusedInput(seen=_("half a surrogate pair in a text"), expected=_("text that is valid Unicode"))


def _too_deep() -> RefusedInput:
    return RefusedInput(
        seen=_("JSON that is nested too deeply"),
        expected=_("at most ${number} levels", mapping={"number": MAX_DEPTH}),
    )
