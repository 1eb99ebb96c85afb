"""Refusals that explain themselves: what was seen, what was expected, and which setting decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyramid.httpexceptions import HTTPBadRequest, HTTPForbidden, HTTPUnprocessableEntity
from translationstring import TranslationString


def in_english(text: object) -> str:
    """A text with its values filled in, those that are marked for translation too, as the log wants it."""
    if not isinstance(text, TranslationString):
        return str(text)
    values = {name: in_english(value) for name, value in (text.mapping or {}).items()}
    return str(TranslationString(text, mapping=values).interpolate())


class Refused:
    """What a refusal says. The visitor is told `seen` and `expected`; the log and developers also `setting`."""

    def __init__(self, *, seen: str, expected: str, setting: str = "") -> None:
        """`seen` and `expected` are best marked for translation, with what the client sent in their mapping."""
        self.seen = seen
        self.expected = expected
        self.setting = setting
        # The exception of Pyramid's that stands beside this class takes the text as its detail.
        super().__init__(f"saw {in_english(seen)}; expected {in_english(expected)}")  # type: ignore[call-arg]


class RefusedOrigin(Refused, HTTPForbidden):  # type: ignore[misc] # Pyramid has no types
    """The request was sent by another site's page."""


class RefusedHost(Refused, HTTPBadRequest):  # type: ignore[misc] # Pyramid has no types
    """The request names a host that is not this site's."""


class RefusedFields(HTTPUnprocessableEntity):  # type: ignore[misc] # Pyramid has no types
    """Fields of what a program sent cannot be taken; programs read which, and why, as `errors`."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        """`errors` maps the name of each to sentences that are marked for translation."""
        self.errors = errors
        super().__init__()


class RefusedInput(Refused, HTTPBadRequest):  # type: ignore[misc] # Pyramid has no types
    """The request holds bytes that cannot mean anything."""
