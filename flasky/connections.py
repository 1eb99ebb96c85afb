"""waitress's connections: they close once the server stops, and what waitress refuses by itself has the site's page."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable
from typing import Any

from pyramid.registry import Registry
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, RequestHeaderFieldsTooLarge

from flasky.errors.refusals import REFUSED, refusal
from flasky.logs import SHOWN_PATH

#: Bytes that are still read, and dropped, of a request that was refused: a browser shows no answer before it has sent
#: its file, and none at all when the connection is reset meanwhile.
_MOST_DROPPED = 64 * 1024 * 1024

#: What waitress's parser leaves out where it could not read the first line.
_UNREAD_LINE = {"command": "-", "path": "/", "request_uri": "/", "query": "", "url_scheme": "http"}

#: With this byte TLS begins; no method does.
_TLS = b"\x16"


def channel_class(stopping: threading.Event, registry: Registry | None) -> type:
    """The connections of a server that ends when `stopping` is set and serves the site of `registry`, if it is one."""
    refusing = ClosingErrorTask if registry is None else RefusingTask
    return type("Channel", (Channel,), {"stopping": stopping, "error_task_class": refusing})


class _Closing:
    """An answer that closes its connection once the server is stopping.

    `Connection` is a header between two hops, which an application may not set (PEP 3333), so it is set here.
    """

    channel: Any
    request: Any
    close_on_finish: bool
    set_close_on_finish: Callable[[], None]

    def build_response_header(self) -> bytes:
        # Requests that were sent ahead on the same connection are answered first.
        if self.channel.stopping.is_set() and len(self.channel.requests) <= 1:
            self.set_close_on_finish()
        if self.close_on_finish:
            # A client of HTTP/1.0 that asked for `keep-alive` would be promised it, in a second header.
            self.request.headers["CONNECTION"] = "close"
        header: bytes = super().build_response_header()  # type: ignore[misc]
        return header


class ClosingTask(_Closing, WSGITask):  # type: ignore[misc]
    """An answer of the application's."""


class ClosingErrorTask(_Closing, ErrorTask):  # type: ignore[misc]
    """waitress's own page, for an application that is no site."""


class RefusingTask(ClosingTask):
    """The page of a refusal, which the application makes as all others; what follows on the connection is not read."""

    def execute(self) -> None:
        """Ask the application."""
        self.set_close_on_finish()
        super().execute()

    def get_environment(self) -> dict[str, Any]:
        """The request as far as it was read; of its body there is nothing."""
        # Of a header that is too long waitress reads `GET /` instead.
        too_long = isinstance(self.request.error, RequestHeaderFieldsTooLarge)
        unread = too_long or not hasattr(self.request, "path")
        for name, value in _UNREAD_LINE.items():
            if too_long or not hasattr(self.request, name):
                setattr(self.request, name, value)
        environ: dict[str, Any] = super().get_environment()
        if unread:
            environ[SHOWN_PATH] = "-"
        environ[REFUSED] = refusal(self.request.error, self.channel.adj.max_request_body_size - 1)
        environ.update({"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"})
        return environ


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """What reads a request; one that cannot be read is refused."""

    def received(self, data: bytes) -> int:
        """Take in `data`; returns how many bytes of it belong to this request."""
        if data[:1] == _TLS and self.body_rcv is None and not self.header_plus:
            # Its greeting has no end of a line: the client would wait for an answer until it is given up.
            self.error = BadRequest("this is TLS, and the server speaks http: write http:// in the address")
            self.completed = True
            return len(data)
        try:
            taken: int = super().received(data)
        except ValueError:
            # `http://[::1/` as the address, a length of 5,000 digits: waitress would drop the connection without a
            # word, and log what was sent.
            self.error = BadRequest("The address or the Content-Length cannot be read")
            self.completed = True
            return len(data)
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the header; one that goes on in the next line is refused, as a proxy may have read it as two."""
        # RFC 9112, 5.2. waitress would join the lines.
        if b"\r\n " in header_plus or b"\r\n\t" in header_plus:
            raise ParsingError("A header goes on in the next line")
        super().parse_header(header_plus)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection; see `channel_class`."""

    task_class = ClosingTask
    parser_class = Parser
    stopping: threading.Event
    request: Any
    will_close: bool
    close_when_flushed: bool
    #: Whether what the client still sends is read after the last answer.
    lingers = False
    #: Bytes read so; below 0 as long as they are still requests.
    dropped = -1

    def send_continue(self) -> None:
        """Let the client send its body, unless the request is refused already."""
        if self.request.error is None:
            super().send_continue()

    def service(self) -> None:
        """Answer the first request, as the worker's part."""
        self.lingers = self.lingers or self.requests[0].error is not None
        super().service()

    def handle_write(self) -> None:
        """Send what there is; after the last of it close the connection, or this side of it."""
        if self.will_close or not self._refuses():
            super().handle_write()
            return
        # Not again after the flush: waitress, which asks then, closes when the worker ends meanwhile.
        ended = self.close_when_flushed
        self._flush_exception(self._flush_some_if_lockable if self.requests else self._flush_some)
        if ended and not self.total_outbufs_len:
            self._close_this_side()

    def _refuses(self) -> bool:
        # In this order: the worker sets `lingers` before it takes the request away.
        return any(request.error for request in list(self.requests)) or self.lingers

    def _close_this_side(self) -> None:
        """Closed with bytes unread, the connection would be reset, and the answer lost with it (RFC 9112, 9.6)."""
        self.lingers = self.close_when_flushed = False
        self.dropped = 0
        # Of the refused body, what came with its header looked like the start of a request to wait for.
        self.request = None
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def received(self, data: bytes) -> bool:
        """Take in `data` as requests, or drop it; returns whether it was taken in."""
        if self.dropped < 0:
            taken: bool = super().received(data)
            return taken
        self.dropped += len(data)
        self.will_close = self.will_close or self.dropped > _MOST_DROPPED
        return False
