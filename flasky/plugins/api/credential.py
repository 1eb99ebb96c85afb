"""The credential `Bearer`: who an access token is for, and how many requests it may still send (RTE-02)."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from flasky.plugins.accounts.services import Identity, Limit, TooManyTries, Use, count_use, tell_denials, work_of
from flasky.plugins.api import tokens, uses

_SECONDS = 60


def identify(request: Request, text: str) -> Identity | None:
    """Who sends a request with the token `text`. Raises TooManyTries when too many came in the last minute."""
    work = work_of(request)
    known = tokens.known_by(work, text)
    if known is None:
        return None
    amount = work.settings["api.requests_per_minute"]
    use = count_use(work, Limit("api.requests", amount, _SECONDS), known.digest)
    if use is not None:
        _tell_limit(request, amount, use)
        if use.refused:
            raise TooManyTries(use.seconds)
    uses.note(work, known)
    tell_denials(request)
    return known.identity


def _tell_limit(request: Request, amount: int, use: Use) -> None:
    def tell(_request: Request, response: Response) -> None:
        # draft-ietf-httpapi-ratelimit-headers: what is allowed in a window of seconds, what is left and until when.
        response.headers["RateLimit-Policy"] = f'"minute";q={amount};w={_SECONDS}'
        response.headers["RateLimit"] = f'"minute";r={use.left};t={use.seconds}'

    request.add_response_callback(tell)
