"""Short turns of threads: while something may be changed or a job is done, and not at other times."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.registry import Registry
from waitress.adjustments import Adjustments

from flasky.background import background_request
from flasky.connections import channel_class
from flasky.short_turns import SHORT_SECONDS, ShortTurns

USUAL, SHORT = sys.getswitchinterval(), pytest.approx(SHORT_SECONDS)


@pytest.fixture
def interval_of() -> Iterator[Callable[[bytes], float]]:
    """A function that sends a request over a connection; returns how long turns are while it is answered."""
    seen: list[float] = []

    def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.append(sys.getswitchinterval())
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    settings = Adjustments()
    server = SimpleNamespace(
        active_channels={}, adj=settings, application=application, effective_port=80, server_name="localhost"
    )
    server.add_task = server.pull_trigger = lambda *_channel: None
    client, end = socket.socketpair()
    channel = channel_class(threading.Event(), None)(server, end, ("127.0.0.1", 0), settings, {})

    def send(request: bytes) -> float:
        channel.received(request)
        channel.service()
        return seen.pop()

    yield send
    channel.handle_close()
    client.close()


@pytest.mark.parametrize("method", [b"POST", b"DELETE"])
def test_turns_are_short_while_a_request_is_answered_that_may_change_something(
    method: bytes, interval_of: Callable[[bytes], float]
) -> None:
    assert interval_of(method + b" / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n") == SHORT
    assert sys.getswitchinterval() == USUAL


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_turns_are_as_usual_for_who_reads(method: bytes, interval_of: Callable[[bytes], float]) -> None:
    assert interval_of(method + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n") == USUAL


def test_turns_are_short_while_a_job_is_done(registry: Registry) -> None:
    with background_request(registry):
        assert sys.getswitchinterval() == SHORT
    assert sys.getswitchinterval() == USUAL


def test_turns_stay_short_until_the_last_has_ended_however_it_ends() -> None:
    turns = ShortTurns()

    def work() -> None:
        with turns:
            raise LookupError

    with turns:
        with pytest.raises(LookupError):
            work()
        assert sys.getswitchinterval() == SHORT
    assert sys.getswitchinterval() == USUAL
