"""Numbers in addresses and queries, read strictly (P25, INP-06).

`int()` takes full-width digits, underscores, blanks and signs, and thousands of digits; a database takes none of
them, or the one does and the other does not. Here a number is one to nine ASCII digits, which every column holds.
"""

from __future__ import annotations

import re

from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _

#: What an id looks like; less than 2**31, the largest number of an Integer column.
ID = "[0-9]{1,9}"

_NUMBER = re.compile(ID)


def id_pattern(name: str = "id") -> str:
    """The placeholder of an id in a route: ``f"/post/{id_pattern()}"`` is ``/post/{id:[0-9]{1,9}}``."""
    return f"{{{name}:{ID}}}"


def parse_number(text: str) -> int | None:
    """The number that `text` spells in one to nine ASCII digits, or None."""
    return int(text) if _NUMBER.fullmatch(text) else None


def parse_id(text: str) -> int:
    """The id that `text` spells. Raises HTTPNotFound for anything that no row can have as its id."""
    number = parse_number(text)
    if not number:
        raise HTTPNotFound
    return number


def number_parameter(request: Request, name: str, *, default: int, least: int = 0, most: int = 999_999_999) -> int:
    """The number that the query gives as `name`, or `default` when it does not.

    Raises RefusedInput (400) when it is no number or not between `least` and `most`.
    """
    text = request.GET.get(name)
    if text is None:
        return default
    number = parse_number(text)
    if number is None or not least <= number <= most:
        raise RefusedInput(
            seen=f"{name}={ascii(text[:40])[1:-1]}",
            expected=_("a whole number from ${least} to ${most}", mapping={"least": least, "most": most}),
        )
    return number


def parse_page(request: Request, name: str = "page", *, most: int = 999_999_999) -> int:
    """The page that the query asks for, from 1; 1 when it names none. Raises RefusedInput (400)."""
    return number_parameter(request, name, default=1, least=1, most=most)


def parse_limit(request: Request, name: str = "limit", *, default: int, most: int) -> int:
    """How many items the query asks for, 1 to `most`; `default` when it names none. Raises RefusedInput (400)."""
    return number_parameter(request, name, default=default, least=1, most=most)
