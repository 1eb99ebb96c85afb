"""`benchmarks/driving.py`: what measures by asking again and again sees when an answer is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def driving(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module."""
    monkeypatch.syspath_prepend(str(ROOT))
    return import_module("benchmarks.driving")


@pytest.fixture
def serving() -> Iterator[Callable[..., int]]:
    """A function that starts a server that answers with these bytes, and closes the connection unless it is to be asked
    `again`; returns its port."""
    listeners = []

    def start(answer: bytes, *, again: bool = False) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_serve, args=(listener, answer, again), daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


def _serve(listener: socket.socket, answer: bytes, again: bool) -> None:
    while True:
        try:
            connection, _peer = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection, answer, again), daemon=True).start()


def _answer(connection: socket.socket, answer: bytes, again: bool) -> None:
    with connection:
        while connection.recv(65536):
            connection.sendall(answer)
            if not again:
                return


def test_whole_answers_are_counted(driving: Any, serving: Any) -> None:
    load = driving.drive(serving(HEAD + b"CONTENT-LENGTH: 2\r\n\r\nok", again=True), "/", 0.05)
    assert load.requests == len(load.latencies_ms) >= driving.CONNECTIONS


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"", "closed a connection", id="nothing"),
        pytest.param(HEAD + b"Content-Len", "closed a connection", id="within the head"),
        pytest.param(HEAD + b"Content-Length: 10\r\n\r\nhalf", "closed a connection", id="within the body"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "no Content-Length", id="chunks"),
        pytest.param(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 500 No", id="an error"),
    ],
)
def test_what_is_no_whole_answer_ends_the_measuring_with_the_reason(
    driving: Any, serving: Any, answer: bytes, said: str
) -> None:
    """An answer that never comes would be waited for without an end."""
    with pytest.raises(RuntimeError, match=said):
        driving.drive(serving(answer), "/", 0.05)
