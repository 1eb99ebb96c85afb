"""An application with doors to knock at, and a server that takes raw bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from waitress import wasyncore
from waitress.server import create_server
from webtest import TestApp

import flasky
import flasky.loader
from flasky.connections import channel_class
from flasky.server import DEFAULTS
from flasky.testing.plugin import TEST_SETTINGS
from flasky.wsgi import Application


@pytest.fixture(scope="session")
def doors_plugin() -> Iterator[None]:
    """The plug-in `doors`, as if it were installed."""
    original = flasky.loader.offered
    entry = EntryPoint("doors", "sample_doors:plugin", "flasky.plugins")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flasky.loader, "offered", lambda: [*original(), entry])
        yield


@pytest.fixture(scope="session")
def make_doors(doors_plugin: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Application]:
    """A function that makes an application with the doors; its database is never opened."""
    url = f"sqlite:///{tmp_path_factory.mktemp('doors')}/never-opened.sqlite"

    def make(**settings: Any) -> Application:
        given = {name.replace("__", "."): value for name, value in settings.items()}
        return flasky.main({}, **{**TEST_SETTINGS, "sqlalchemy.url": url, "flasky.plugins": "main doors", **given})

    return make


@pytest.fixture(scope="session")
def doors_app(make_doors: Callable[..., Application]) -> Application:
    """The application with the doors."""
    return make_doors()


@pytest.fixture
def doors(doors_app: Application) -> TestApp:
    """A client of the application with the doors."""
    return TestApp(doors_app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})


class RawServer:
    """A real server on the loopback that bytes are sent to as they are."""

    def __init__(self, app: Application) -> None:
        self._table: dict[int, Any] = {}
        self._server = create_server(app, map=self._table, **{**DEFAULTS, "host": "127.0.0.1", "port": "0"})
        self._server.channel_class = channel_class(threading.Event(), app.registry)
        self.port: int = self._server.effective_port
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            wasyncore.loop(timeout=0.1, map=self._table, use_poll=True, count=1)
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._table)

    def send(self, data: bytes) -> bytes:
        """Everything that the server answers to `data` until it closes the connection; at most 5 seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer

    def close(self) -> None:
        """End the server."""
        self._ended.set()
        self._thread.join(10)


@pytest.fixture(scope="session")
def raw(doors_app: Application) -> Iterator[RawServer]:
    """A real server with the doors behind it."""
    server = RawServer(doors_app)
    yield server
    server.close()
