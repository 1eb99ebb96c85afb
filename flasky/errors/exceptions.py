"""Refusals that explain themselves: what was seen, what was expected, and which setting decides."""

from __future__ import annotations

from pyramid.httpexceptions import HTTPBadRequest, HTTPForbidden


class Refused:
    """What a refusal says. The visitor is told `seen` and `expected`; the log and developers also `setting`."""

    def __init__(self, *, seen: str, expected: str, setting: str = "") -> None:
        self.seen = seen
        self.expected = expected
        self.setting = setting
        super().__init__(f"saw {seen}; expected {expected}")


class RefusedOrigin(Refused, HTTPForbidden):
    """The request was sent by another site's page."""


class RefusedHost(Refused, HTTPBadRequest):
    """The request names a host that is not this site's."""


class RefusedInput(Refused, HTTPBadRequest):
    """The request holds bytes that cannot mean anything."""
