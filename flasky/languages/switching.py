"""The switch of languages: for a year in this browser, for a member as their setting."""

from __future__ import annotations

from typing import cast

from pyramid.request import Request
from pyramid.response import Response

from flasky.cookies import set_cookie
from flasky.languages import COOKIE, LANGUAGES, LanguageChosen, known_identity

_A_YEAR = 365 * 24 * 3600


def remember(request: Request, response: Response, language: str) -> None:
    """Keep `language` in the sender's browser."""
    set_cookie(request, response, COOKIE, language, max_age=_A_YEAR)


def switched(request: Request) -> bool:
    """Whether the switch was pressed in a form of one's own, which the page named as its `language_form`.

    Then the answer is in that language, and the view shows what was typed instead of storing it. To be called by a
    view that answers a POST with a good token (CSR-01), before it makes its form. The cookie is in `request.response`:
    an answer of the view's own takes it over (`request.response.merge_cookies(answer)`).
    """
    language = request.POST.get("language")
    if language not in LANGUAGES:
        return False
    remember(request, request.response, language)
    if known_identity(request) is not None:
        request.registry.notify(LanguageChosen(request, language))
        # The setting is all that is stored, and stays where the page says that the text is gone or another (404, 409).
        request.response.headers["X-Tm"] = "commit"
    request.locale_name = cast("str", language)
    # It may have been asked for already, for the language until now.
    request.__dict__.pop("localizer", None)
    return True
