"""The driver: keeps a number of connections busy, one request at a time each, and notes how long answers take."""

from __future__ import annotations

import re
import selectors
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

CONNECTIONS = 8


@dataclass
class Load:
    """What one round of driving came to."""

    requests: int
    seconds: float
    latencies_ms: list[float]

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that `share` of the answers were not slower than."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def drive(port: int, path: str, seconds: float, headers: str = "") -> Load:
    """Ask for `path` over `CONNECTIONS` kept-alive connections for `seconds`, and wait for what was asked last.

    Raises RuntimeError at the first answer that is not 200 or 304 (a fast error page would look like speed), that does
    not say how long it is, or that ends before that: the server closed the connection.
    """
    message = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
    started: dict[socket.socket, float] = {}
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector, ExitStack() as opened:
        for _ in range(CONNECTIONS):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, bytearray())
            connection.sendall(message)
            started[connection] = time.perf_counter()
        begin = time.perf_counter()
        while started:
            for key, _events in selector.select(timeout=1):
                connection, buffer = key.fileobj, key.data
                buffer += _received(connection)
                if _complete(buffer):
                    now = time.perf_counter()
                    latencies.append((now - started.pop(connection)) * 1000)
                    buffer.clear()
                    if now - begin < seconds:
                        started[connection] = now
                        connection.sendall(message)
                    else:
                        # A slow answer that nobody waits for would keep the server busy while another is measured.
                        selector.unregister(connection)
                        connection.close()
    return Load(len(latencies), now - begin, latencies)


def _received(connection: socket.socket) -> bytes:
    # At the end of a connection there is always something to read, and it is nothing.
    if part := connection.recv(262144):
        return part
    raise RuntimeError("the server closed a connection before it had answered")


def _complete(buffer: bytearray) -> bool:
    head, separator, body = buffer.partition(b"\r\n\r\n")
    if not separator:
        return False
    status = head[9:12]
    if status == b"304":
        return True
    if status != b"200":
        raise RuntimeError(f"the server answered {head.splitlines()[0].decode('latin-1')}")
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if found is None:
        raise RuntimeError("the server's answer has no Content-Length, so nobody knows where it ends")
    return len(body) >= int(found[1])
