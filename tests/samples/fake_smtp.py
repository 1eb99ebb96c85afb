"""SMTP servers that misbehave, on real sockets: mute, dripping, refusing, hanging up."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

#: What an obliging server answers to each command.
POLITE: Mapping[str, bytes] = {
    "": b"220 fake ESMTP",
    "EHLO": b"250-fake\r\n250 SIZE 1000000",
    "MAIL": b"250 OK",
    "RCPT": b"250 OK",
    "DATA": b"354 go on",
    ".": b"250 taken",
    "QUIT": b"221 bye",
    "RSET": b"250 OK",
}

HANG_UP = b""
"""As an answer: close the connection without a word."""


class FakeSMTP:
    """Answers by `answers` (a command's verb, "" for the greeting, "." for the end of the data).

    An answer can be a function of the command's line. Everything that was understood is in `commands`, complete
    messages that were answered with 2xx are in `taken`, and all that reached the final dot in `seen`.
    """

    def __init__(self, **answers: bytes | Callable[[str], bytes]) -> None:
        named = {"greeting": "", "dot": "."}
        #: The answer to a verb that `answers` does not have.
        self.otherwise: bytes | Callable[[str], bytes] = b"502 what?"
        self.answers: dict[str, Any] = {**POLITE, **{named.get(key, key): value for key, value in answers.items()}}
        self.commands: list[str] = []
        self.seen: list[bytes] = []
        self.taken: list[bytes] = []
        self.connections = 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                with contextlib.suppress(OSError):
                    outer.talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def __enter__(self) -> FakeSMTP:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def talk(self, handler: Any) -> None:
        """One connection, from greeting to good-bye."""
        if not self._answer(handler, "", ""):
            return
        for raw in handler.rfile:
            line = raw.decode("latin-1").rstrip("\r\n")
            verb = line.partition(" ")[0].upper()
            self.commands.append(line)
            if not self._answer(handler, verb, line):
                return
            if verb == "DATA" and self.answers["DATA"].startswith(b"354") and not self._data(handler):
                return
            if verb == "QUIT":
                return

    def _data(self, handler: Any) -> bool:
        content = b""
        for raw in handler.rfile:
            if raw == b".\r\n":
                break
            content += raw[1:] if raw.startswith(b"..") else raw
        self.seen.append(content)
        answer = self.answers["."]
        if callable(answer):
            answer = answer(content)
        if answer.startswith(b"2"):
            self.taken.append(content)
        return self._say(handler, answer)

    def _answer(self, handler: Any, verb: str, line: str) -> bool:
        answer = self.answers.get(verb, self.otherwise)
        return self._say(handler, answer(line) if callable(answer) else answer)

    @staticmethod
    def _say(handler: Any, answer: bytes) -> bool:
        if answer == HANG_UP:
            return False
        handler.wfile.write(answer + b"\r\n")
        return True


class DrippingSMTP(FakeSMTP):
    """Sends one byte of an endless greeting at a time, each well within any time limit for one read."""

    def __init__(self, pause: float) -> None:
        super().__init__()
        self._pause = pause
        self._over = threading.Event()

    def talk(self, handler: Any) -> None:
        handler.wfile.write(b"220-")
        while not self._over.wait(self._pause):
            handler.wfile.write(b"x")

    def __exit__(self, *error: object) -> None:
        self._over.set()
        super().__exit__(*error)


@contextlib.contextmanager
def mute_server() -> Iterator[int]:
    """The port of a server that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


def self_signed(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """A certificate that signs itself, valid for `host`, and its key."""
    certificate, key = folder / f"{host}.crt", folder / f"{host}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
