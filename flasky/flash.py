"""Flash messages: one line for the next page, in a signed cookie that is forgotten when it was shown.

Without a store on the server nothing is left behind by visitors who never come back, and without a message there
is no cookie. A message is cut to what a cookie can hold (SES-09): the callback that sets it runs outside of
everything that could catch its failure (P11).
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple, get_args

from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from flasky.cookies import cookie_name, delete_cookie, set_cookie
from flasky.security.keys import Signer

Category = Literal["primary", "success", "info", "warning", "danger"]

_COOKIE = "flash"
_SIGNER = "flasky.flash_signer"
_CATEGORIES = frozenset(get_args(Category))
#: Seconds that a message waits for the page that shows it.
_MAX_AGE = 300
#: Bytes of the cookie's value; with its name and attributes it stays under 4096.
_MOST_BYTES = 3700
_MOST_MESSAGES = 8


class Flash(NamedTuple):
    """A message on its way to a page: its Bootstrap category, and its text in the visitor's language."""

    category: Category
    message: str


class Flashes:
    """The flash messages of one request: those that came with it and those that it leaves."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._signer: Signer = request.registry[_SIGNER]
        self._cookie = request.cookies.get(cookie_name(request, _COOKIE), "")
        self._received = _decode(self._signer.verify(self._cookie)) if self._cookie else []
        self._added: list[Flash] = []
        self._shown = False
        self._called_back = False

    def add(self, flash: Flash) -> None:
        """Keep `flash` for this page or, if this request shows none, for the next."""
        self._added.append(flash)
        self._call_back()

    def take(self) -> list[Flash]:
        """Every message, to be shown now."""
        taken = list(self._received)
        # An error page speaks for a request that failed: what it was about to announce did not happen.
        if getattr(self._request, "exception", None) is None:
            taken += self._added
        self._received, self._added = [], []
        self._shown = bool(taken)
        if self._cookie or taken:
            self._call_back()
        return taken

    def _call_back(self) -> None:
        if not self._called_back:
            self._called_back = True
            self._request.add_response_callback(self._finish)

    def _finish(self, request: Request, response: Response) -> None:
        if self._shown:
            response.headers["Cache-Control"] = "no-store"
        left = self._received + (self._added if response.status_int < 400 else [])
        if left and self._added:
            set_cookie(request, response, _COOKIE, _fit(self._signer, left), max_age=_MAX_AGE)
        elif self._cookie and not left:
            delete_cookie(request, response, _COOKIE)


def flash(request: Request, message: Any, category: Category = "info") -> None:
    """Show `message` on the next page that this visitor sees, which may be the answer to this request.

    `message` is a text or a translation string; what it holds of HTML is escaped unless it is Markup. Raises
    ValueError for a category that Bootstrap has no alert for.
    """
    if category not in _CATEGORIES:
        raise ValueError(f"flash: no category {category!r}; there are {', '.join(sorted(_CATEGORIES))}")
    text = message if isinstance(message, Markup) else request.localizer.translate(message)
    request.flasky_flashes.add(Flash(category, text))


def take_flashes(request: Request) -> list[Flash]:
    """The messages to show on the page that is being made; they are forgotten with it."""
    if "HTTP_COOKIE" not in request.environ and "flasky_flashes" not in request.__dict__:
        return []  # Most pages: nothing came, nothing was added.
    flashes: Flashes = request.flasky_flashes
    return flashes.take()


def _decode(text: str | None) -> list[Flash]:
    if text is None:
        return []
    return [
        Flash(category, Markup(message) if is_markup else message)  # noqa: S704 - signed by this site as Markup
        for category, message, is_markup in json.loads(text)
    ]


def _fit(signer: Signer, flashes: list[Flash]) -> str:
    """The cookie's value for as much of `flashes` as fits: the newest, each cut to its share."""
    flashes = flashes[-_MOST_MESSAGES:]
    limit = _MOST_BYTES
    while True:
        rows = [(item.category, _cut(item.message, limit), isinstance(item.message, Markup)) for item in flashes]
        # A Markup that had to be cut is plain text now.
        rows = [(category, text, markup and isinstance(text, Markup)) for category, text, markup in rows]
        value = signer.sign(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
        if len(value) <= _MOST_BYTES:
            return value
        limit = limit * 2 // 3


def _cut(message: str, limit: int) -> str:
    """`message` in at most `limit` bytes of UTF-8, with an ellipsis where it ends early."""
    # "replace" also for what a message quotes from a request: a lone surrogate cannot be sent.
    encoded = message.encode("utf-8", "replace")
    if len(encoded) <= limit:
        text = encoded.decode()
        return Markup(text) if isinstance(message, Markup) else text  # noqa: S704 - it was Markup
    plain = message.striptags() if isinstance(message, Markup) else message
    return plain.encode("utf-8", "replace")[: max(limit - 3, 0)].decode("utf-8", "ignore").rstrip() + "…"


def includeme(config: Configurator) -> None:
    """Give requests `flash`."""
    config.registry[_SIGNER] = Signer(config.registry, "flash")
    config.add_request_method(flash, "flash")
    config.add_request_method(Flashes, "flasky_flashes", reify=True)
