"""The outermost layer: what happens to every request and answer, whatever Pyramid does with it.

It gives the request its id, drops headers that only a trusted proxy could mean, adds the security headers to
every answer, writes the request's log lines, and is the last resort: response callbacks run outside of all tweens,
and a header that the server cannot send fails only in the server. Here both become a plain page with the headers
set (P11, P15).
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any

from pyramid.registry import Registry

from flasky.errors.failures import log_failure, note_last_resort
from flasky.errors.fixed import last_resort_page
from flasky.errors.refusals import REFUSED, answer_refusal
from flasky.logs import REQUEST_ID, STATEMENTS, current_request_id, shown_path
from flasky.security.headers import headers_for
from flasky.tracing import get_traces

logger = logging.getLogger(__name__)
requests_logger = logging.getLogger("flasky.requests")

#: A request that takes longer is worth a warning in every environment.
SLOW_MS = 1000

StartResponse = Callable[..., Any]
Headers = list[tuple[str, str]]

#: What no header may hold: control characters (RFC 9110, 5.5) and what Latin-1 does not have.
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")

#: Sent when even the site's own headers cannot be made.
_LEAST_HEADERS: Headers = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
]


class UnsendableHeader(Exception):
    """An answer holds a header that HTTP cannot carry."""


class Application:
    """A WSGI application around Pyramid's router. `registry` is the router's."""

    def __init__(self, router: Any) -> None:
        self._router = router
        self.registry: Registry = router.registry
        traces = get_traces(self.registry)
        self._respond = self._answer if traces is None else traces.watch(self._answer)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; never raises."""
        started = perf_counter()
        request_id = environ[REQUEST_ID] = secrets.token_hex(8)
        current_request_id.set(request_id)
        # Pyramid would prefix every path with what any visitor may send here.
        environ.pop("HTTP_X_VHM_ROOT", None)
        status, headers, body = (self._refuse if REFUSED in environ else self._respond)(environ)
        headers.append(("X-Request-ID", request_id))
        _log_request(environ, self.registry, status, started)
        start_response(status, headers)
        return body

    def invoke_subrequest(self, *arguments: Any, **options: Any) -> Any:
        """Pyramid's own, for scripts that got this object from `get_app`."""
        return self._router.invoke_subrequest(*arguments, **options)

    def _answer(self, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
        return self._whole(self._router, environ)

    def _refuse(self, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
        return self._whole(lambda environ, started: answer_refusal(self._router, environ)(environ, started), environ)

    def _whole(self, application: Any, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
        started = _Started()
        body: Iterable[bytes] = ()
        try:
            body = application(environ, started)
            if type(body) is not list:
                body = _begin(body, environ)
            if started.written:
                body = _Begun(b"".join(started.written), iter(body), getattr(body, "close", None))
            headers = headers_for(self.registry, environ, started.headers)
            _check(started.status, headers)
        except Exception as error:  # noqa: BLE001 - the last resort: the server's own page has no headers
            _close(body)
            note_last_resort(environ, self.registry, error)
            return self._last_resort(environ)
        return started.status, headers, body

    def _last_resort(self, environ: dict[str, Any]) -> tuple[str, Headers, Iterable[bytes]]:
        headers, body = last_resort_page(environ)
        try:
            headers = headers_for(self.registry, environ, headers)
        except Exception as error:  # noqa: BLE001 - what breaks the headers must not break this page
            note_last_resort(environ, self.registry, error)
            headers += _LEAST_HEADERS
        return "500 Internal Server Error", headers, [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


class _Started:
    """The `start_response` that the router gets: it only keeps what it is told."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: Headers = []
        self.written: list[bytes] = []

    def __call__(self, status: str, headers: Headers, _error: Any = None) -> Callable[[bytes], Any]:
        self.status, self.headers = status, headers
        return self.written.append


class _Begun:
    """A body whose first chunk has been made: an error before it still becomes a page."""

    def __init__(self, first: bytes, rest: Iterator[bytes], close: Callable[[], Any] | None) -> None:
        self._first, self._rest = first, rest
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._rest

    def close(self) -> None:
        """Close the body that this stands for."""
        if self._close is not None:
            self._close()


def _begin(body: Iterable[bytes], environ: dict[str, Any]) -> Iterable[bytes]:
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(body, list | tuple) or (isinstance(wrapper, type) and isinstance(body, wrapper)):
        # The server sends a file without iterating over it; it would not recognise it in another object.
        return body
    rest = iter(body)
    return _Begun(next(rest, b""), rest, getattr(body, "close", None))


def _check(status: str, headers: Headers) -> None:
    text = "".join([status, *[text for header in headers for text in header]])
    if status and text.isascii() and text.isprintable():
        # Nearly every answer; the expression looks at one character after the other.
        return
    if not status or _UNSENDABLE.search(text):
        names = [name for name, value in headers if _UNSENDABLE.search(name + value)]
        # The value is not repeated: it may be a cookie.
        raise UnsendableHeader(
            f"the answer {status!r} has a header with control characters or characters outside of Latin-1: "
            f"{', '.join(map(repr, names)) or 'the status line'}. Clean the value where it is set"
        )


def _close(body: Iterable[bytes]) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        try:
            close()
        except Exception:
            logger.exception("closing the body of an answer that failed failed too")


def _log_request(environ: dict[str, Any], registry: Registry, status: str, started: float) -> None:
    try:
        log_failure(environ, registry)
        elapsed = (perf_counter() - started) * 1000
        level = logging.WARNING if elapsed > SLOW_MS else logging.INFO
        if requests_logger.isEnabledFor(level):
            method, statements = environ.get("REQUEST_METHOD"), environ.get(STATEMENTS, "-")
            line = "%s %s %s %.0f ms %s statements"
            requests_logger.log(level, line, method, shown_path(environ), status[:3], elapsed, statements)
    except Exception:  # noqa: BLE001, S110 - a handler that fails (F20) must not take the answer with it
        pass
