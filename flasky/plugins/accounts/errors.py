"""What the services refuse, in words for whoever asked.

`Faults` goes back into the form; the others are answers of their own, which the site's error pages show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pyramid.httpexceptions import HTTPServiceUnavailable, HTTPTooManyRequests
from translationstring import TranslationString

from flasky.events import Refusal
from flasky.languages import _

_MINUTE = 60


class Fault(Refusal, ValueError):
    """Something that was typed cannot be taken: `field` names the form's field, `reason` is translatable."""

    def __init__(self, field: str, reason: TranslationString) -> None:
        self.field = field
        self.reason = reason
        super().__init__(reason.interpolate())


class Faults(Refusal, ValueError):
    """Everything in a form that cannot be taken: `reasons` maps a field's name to a translatable sentence."""

    def __init__(self, reasons: Mapping[str, TranslationString]) -> None:
        self.reasons = dict(reasons)
        super().__init__("; ".join(reason.interpolate() for reason in self.reasons.values()))


class Refused(Refusal):
    """Something that the rules of the site forbid; `reason` is a translatable sentence."""

    def __init__(self, reason: TranslationString) -> None:
        self.reason = reason
        super().__init__(reason.interpolate())


class InvalidToken(Exception):
    """A link that is wrong, used, too old or overtaken by a newer one; it is not told which (TOK-03)."""


class Busy(HTTPServiceUnavailable):  # type: ignore[misc] # Pyramid has no types
    """Too many passwords are being checked at this moment."""

    reason = _("Many are signing in at this moment. Wait a few seconds, then send it again.")

    def __init__(self, retry_after: int) -> None:
        self.retry_after_seconds = retry_after
        super().__init__(headers=_retry_after(retry_after))


class TooManyTries(HTTPTooManyRequests):  # type: ignore[misc] # Pyramid has no types
    """A limit was reached; `retry_after_seconds` says when the next try is possible."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after_seconds = retry_after
        if retry_after < _MINUTE:
            self.reason = _("That was too often. Try again in ${seconds} s.", mapping={"seconds": retry_after})
        else:
            minutes = math.ceil(retry_after / _MINUTE)
            self.reason = _("That was too often. Try again in ${minutes} min.", mapping={"minutes": minutes})
        super().__init__(headers=_retry_after(retry_after))


def _retry_after(seconds: int) -> list[tuple[str, Any]]:
    return [("Retry-After", str(seconds))]
