"""What an exception means to whoever gets the error page, and to whoever reads the log.

A `Problem` is plain data. Visitors see its title and detail, which are translated and harmless; developers and the
log get the reason as well: what was seen, what was expected, and which setting decides.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from pyramid.exceptions import BadCSRFToken, URLDecodeError
from pyramid.httpexceptions import HTTPException, HTTPForbidden
from pyramid.request import Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from translationstring import TranslationString

from flasky.errors.databases import database_status
from flasky.errors.exceptions import Refused, RefusedFields, in_english
from flasky.errors.failures import text_of
from flasky.errors.fixed import RESOURCE
from flasky.languages import _
from flasky.migrations.explanations import why_unavailable
from flasky.ownership import Owner
from flasky.site import get_site

#: What a client is asked to wait before it tries again while the database cannot be used.
RETRY_AFTER_SECONDS = 10

_LONGEST_SEEN = 200
_UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
#: Headers that describe the body of the answer which an exception would have been by itself.
_BODY_HEADERS = frozenset({"content-type", "content-length"})
#: Refusals that somebody may have to understand later. 404 and 405 are daily bread.
_WARNED_OF = frozenset({400, 403, 413, 429, 431, 501})

_TEXTS: dict[int, tuple[TranslationString, TranslationString]] = {
    400: (_("Bad Request"), _("This request could not be understood. Go back and try again.")),
    401: (_("Unauthorized"), _("You have to sign in before you can do this.")),
    403: (_("Forbidden"), _("You are not allowed to do this. An account with more rights may be.")),
    404: (_("Not Found"), _("There is no page at this address. Look for a typing error, or start at the home page.")),
    405: (_("Method Not Allowed"), _("This address does not answer to requests of this kind.")),
    409: (
        _("Conflict"),
        _("Somebody has changed the same thing in the meantime, or it exists already. Go back, reload and try again."),
    ),
    412: (_("Precondition Failed"), _("It has changed since you read it. Read it again, and change that.")),
    413: (_("Content Too Large"), _("What you sent is too large. Send less at once.")),
    415: (_("Unsupported Media Type"), _("What you sent is of a kind that this address does not take.")),
    422: (_("Unprocessable Content"), _("Something in what you sent cannot be right. Correct it and send it again.")),
    428: (
        _("Precondition Required"),
        _("Say in the header If-Match which version you change: the ETag of what you read."),
    ),
    429: (_("Too Many Requests"), _("That was too often in a short time. Wait a little, then try again.")),
    431: (
        _("Request Header Fields Too Large"),
        _("Your browser sent more about itself than the site takes. Delete this site's cookies and try again."),
    ),
    500: (_("Internal Server Error"), _("Something went wrong on our side. It has been noted.")),
    501: (_("Not Implemented"), _("This request is of a kind that the site does not understand.")),
    503: (_("Service Unavailable"), _("The site is out of order for the moment. Try again in a little while.")),
}
_EXPIRED_FORM = _("The form was open for too long. Go back, reload the page and send it again.")
_NO_CREDENTIAL = _(
    "A request that cookies vouch for needs the token of a page of this site, too, in the header X-CSRF-Token. "
    "A program sends no cookie, but an access token in the header Authorization."
)
_REFUSED = _("This request says “${seen}”, but the site expects “${expected}”.")
_OTHER = {4: _("This request was refused."), 5: _("Something went wrong on our side. It has been noted.")}


class Problem(NamedTuple):
    """An error as an answer: status, texts for the visitor, headers, and what only developers and the log get."""

    status: int
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    level: int = logging.NOTSET
    with_traceback: bool = False
    #: What is wrong with each field of what a program sent.
    errors: Mapping[str, Sequence[str]] = MappingProxyType({})


def explain(error: Exception, request: Request) -> Problem:
    """The problem that `error` is for `request`. Asks neither database nor session nor who is signed in."""
    if isinstance(error, HTTPException):
        return _of_http_exception(error, request)
    status = database_status(error, request.method)
    if status is None:
        # Bytes in the path that are no UTF-8: Pyramid raises this from the routing itself (P9).
        status = 400 if isinstance(error, URLDecodeError) else 500
    return Problem(
        status,
        *texts(status),
        headers=(("Retry-After", str(RETRY_AFTER_SECONDS)),) if status == _UNAVAILABLE else (),
        reason=_reason_of_database(error, request) or text_of(error),
        level=logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING,
        with_traceback=status != HTTPStatus.BAD_REQUEST or not isinstance(error, URLDecodeError),
    )


def texts(status: int) -> tuple[TranslationString | str, TranslationString]:
    """Title and detail for a status, to be translated."""
    known = _TEXTS.get(status)
    return known or (_phrase(status), _OTHER[4 if status < HTTPStatus.INTERNAL_SERVER_ERROR else 5])


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)


def _of_http_exception(error: HTTPException, request: Request) -> Problem:
    status: int = error.code
    title, detail = texts(status)
    # 501 is about what the client wants: no fault of the site's.
    server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    level = logging.ERROR if server_error else logging.WARNING if status in _WARNED_OF else logging.NOTSET
    return Problem(
        status,
        title,
        _detail(error, request) or detail,
        headers=tuple(pair for pair in error.headerlist if pair[0].lower() not in _BODY_HEADERS),
        reason=_reason(error, request) if level else "",
        level=level,
        with_traceback=server_error,
        errors=error.errors if isinstance(error, RefusedFields) else {},
    )


def _detail(error: HTTPException, request: Request) -> TranslationString | None:
    """The text that the exception brings for visitors.

    Only one that is marked for translation is meant for them: Pyramid's own details name views and root factories,
    all the more with PYRAMID_DEBUG_NOTFOUND (P33).
    """
    if isinstance(error, BadCSRFToken):
        return _NO_CREDENTIAL if RESOURCE in request.environ else _EXPIRED_FORM
    if isinstance(error, Refused):
        return _(_REFUSED, mapping={"seen": _bounded(error.seen), "expected": error.expected})
    return error.detail if isinstance(error.detail, TranslationString) else None


def _bounded(text: str) -> str:
    """A text that is marked for translation is our own, with what the client sent cut short already."""
    return text if isinstance(text, TranslationString) else text[:_LONGEST_SEEN]


def _reason(error: HTTPException, request: Request) -> str:
    if isinstance(error, Refused):
        seen = f"saw {in_english(error.seen)[:_LONGEST_SEEN]}; expected {in_english(error.expected)}"
        return f"{seen}{_decided_by(error.setting, request)}"
    if isinstance(error, HTTPForbidden) and error.result is not None:
        message = getattr(error.result, "msg", error.result)
        return f"{message}; decided by permission= on the view (`flasky routes PATH` shows it)"
    if isinstance(error.detail, TranslationString):
        return f"{type(error).__name__}: {in_english(error.detail)}"
    return text_of(error) if error.detail else ""


def _reason_of_database(error: Exception, request: Request) -> str:
    """The error's text and what it means for this site's database; empty for other errors (F23, F25)."""
    if not isinstance(error, DBAPIError | PoolTimeout) or database_status(error, request.method) != _UNAVAILABLE:
        return ""
    return f"{text_of(error)}; {in_english(why_unavailable(error, get_site(request.registry)))}"


def _decided_by(setting: str, request: Request) -> str:
    if not setting:
        return ""
    value = get_site(request.registry).settings.values_by_name.get(setting)
    return f"; decided by {setting}" + (f" = {value.shown!r} ({value.where})" if value else "")


def describe_for_log(problem: Problem, request: Request, path: str, owner: Owner) -> str:
    """The one line about `problem`: method, path, route, plug-in and its version, status and reason."""
    route: Any = getattr(request, "matched_route", None)
    name = route.name if route is not None else "-"
    line = f"{request.method} {path} route={name} plugin={owner}: {problem.status}"
    return f"{line} {problem.reason}" if problem.reason else line
