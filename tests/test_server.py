"""The server, as real processes: its limits, its refusals, and that nobody is cut off when it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from warm import Forked, WarmConsole

from flasky.server import DEFAULTS, make_server
from flasky.startup import CannotStart
from flasky.testing.live import free_port

# An application without Flasky in it: how long an answer takes stands in the query.
SLOW_SITE = """
import time
from pathlib import Path


def make(global_config, folder):
    started = Path(folder) / "started"

    def app(environ, start_response):
        with started.open("a") as log:
            log.write("x")
        time.sleep(float(environ["QUERY_STRING"] or 0))
        body = environ["wsgi.input"].read() or b"done"
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    return app
"""


class Server:
    """`pserve` with an INI file of its own, in a process of its own."""

    def __init__(self, folder: Path, options: str = "", nofile: int = 0, warm: WarmConsole | None = None) -> None:
        """`nofile` is how many files it may open; without `warm` it begins cold."""
        self.port = free_port()
        self.folder = folder
        self.log = folder / "log"
        (folder / "slow_site.py").write_text(SLOW_SITE, encoding="utf-8")
        self.ini = folder / "site.ini"
        self.ini.write_text(
            f"[app:main]\nuse = call:slow_site:make\nfolder = {folder}\n"
            f"[server:main]\nuse = egg:flasky\nhost = 127.0.0.1\nport = {self.port}\n{options}\n",
            encoding="utf-8",
        )

        environ = {**os.environ, "PYTHONPATH": str(folder)}
        self.log.touch()
        self.process: subprocess.Popen[bytes] | Forked
        if warm:
            self.process = warm.start("pserve", str(self.ini), environ=environ, output=self.log, nofile=nofile)
        else:
            command = [sys.executable, "-m", "pyramid.scripts.pserve", str(self.ini)]
            with self.log.open("wb") as output:
                self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)
        self.until(lambda: "Flasky is at" in self.text, "it did not start")

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(encoding="utf-8")

    @property
    def started(self) -> int:
        """How many requests the application has begun."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "started").stat().st_size
        return 0

    def until(self, condition: Callable[[], object], problem: str, seconds: float = 20) -> None:
        """Wait for `condition`, as long as the process lives."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"{problem}:\n{self.text}"
            assert time.monotonic() < deadline, f"{problem}:\n{self.text}"
            time.sleep(0.02)

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        """A connection, opened."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.connect()
        return connection

    def get(self, seconds: float = 0) -> http.client.HTTPResponse:
        """Ask for an answer that takes `seconds`."""
        connection = self.connect()
        connection.request("GET", f"/?{seconds}")
        response = connection.getresponse()
        response.read()
        return response

    def end(self, number: int = signal.SIGTERM, seconds: float = 35) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts a server; all end with the test."""
    servers: list[Server] = []

    def start(*options: Any, **more: Any) -> Server:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server(folder, *options, **more))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(10)


@pytest.fixture
def serve_warm(serve: Callable[..., Server], warm_console: WarmConsole) -> Callable[..., Server]:
    """Like `serve`, without the imports of a cold start, which the first test shows."""
    return partial(serve, warm=warm_console)


@pytest.mark.parametrize(
    ("kind", "number"), [("serve", signal.SIGTERM), ("serve_warm", signal.SIGINT)], ids=["SIGTERM", "SIGINT"]
)
def test_f39_p17_a_signal_ends_the_server_without_cutting_off_running_or_queued_requests(
    request: pytest.FixtureRequest, kind: str, number: int
) -> None:
    """Two threads, six requests: two run and four wait in the queue when the signal comes. All are answered."""
    server = request.getfixturevalue(kind)("threads = 2")
    # All six are connected and have asked before the signal: who comes later is turned away, and rightly.
    connections = [server.connect() for _ in range(6)]
    for connection in connections:
        connection.request("GET", "/?0.5")
    server.until(lambda: server.started == 2, "the requests did not begin")
    assert server.end(number) == 0
    responses = [connection.getresponse() for connection in connections]
    assert [response.status for response in responses] == [200] * 6
    assert [response.headers["Connection"] for response in responses].count("close") >= 4
    assert server.started == 6


def test_f39_no_request_of_busy_clients_is_cut_off(serve_warm: Callable[..., Server]) -> None:
    """Eight clients ask one request after the other on open connections; whoever got through is answered."""
    server = serve_warm("threads = 4")
    stop = threading.Event()
    cut: list[str] = []

    def client() -> int:
        answered = 0
        while not stop.is_set():
            try:
                connection = server.connect()
            except ConnectionRefusedError:
                return answered
            while not stop.is_set():
                try:
                    connection.request("GET", "/?0.02")
                    response = connection.getresponse()
                    response.read()
                except OSError as error:
                    cut.append(repr(error))
                    return answered
                answered += 1
                if response.headers.get("Connection") == "close":
                    break
        return answered

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client) for _ in range(8)]
        server.until(lambda: server.started > 50, "nobody was served")
        status = server.end()
        stop.set()
        answered = sum(done.result() for done in clients)
    assert (status, cut) == (0, [])
    assert answered == server.started


def test_p17_after_the_signal_nobody_new_is_let_in(serve_warm: Callable[..., Server]) -> None:
    server = serve_warm()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.get, 1)
        server.until(lambda: server.started == 1, "the request did not begin")
        server.process.send_signal(signal.SIGTERM)
        server.until(lambda: refused(server), "the door stayed open")
        assert answer.result().status == 200
    assert server.process.wait(10) == 0


def refused(server: Server) -> bool:
    """Whether a new connection is refused."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_p17_an_idle_connection_does_not_hold_the_server_back(serve_warm: Callable[..., Server]) -> None:
    """A browser keeps its connection open; it is closed within a second."""
    server = serve_warm()
    idle = server.connect()
    idle.request("GET", "/")
    idle.getresponse().read()
    begun = time.monotonic()
    assert server.end() == 0
    assert time.monotonic() - begun < 5
    assert idle.sock is not None
    assert idle.sock.recv(1) == b""


def test_p17_the_grace_ends_and_a_second_signal_ends_it_sooner(serve_warm: Callable[..., Server]) -> None:
    """A request that takes for ever is cut off after `grace`, with a line that says so; Ctrl-C twice does not wait."""
    server = serve_warm("grace = 0.5")
    hanging = server.connect()
    hanging.request("GET", "/?60")
    server.until(lambda: server.started == 1, "the request did not begin")
    assert server.end(seconds=10) == 0
    assert "1 connection(s) were cut off after 0.5 seconds of grace" in server.text

    server = serve_warm()
    hanging = server.connect()
    hanging.request("GET", "/?60")
    server.until(lambda: server.started == 1, "the request did not begin")
    server.process.send_signal(signal.SIGINT)
    server.until(lambda: refused(server), "the door stayed open")
    assert server.end(signal.SIGINT, seconds=10) == 0
    assert "Ended at once by a second signal" in server.text


def test_a_busy_port_is_one_line_and_status_1(serve_warm: Callable[..., Server], warm_console: WarmConsole) -> None:
    """PARITY row 1, issue item 1: which port, and where to change it; before the application is even made."""
    server = serve_warm()
    (server.folder / "slow_site.py").write_text("raise AssertionError", encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(server.folder)}
    second = warm_console.run("pserve", str(server.ini), folder=server.folder, environ=environ)
    assert second.returncode == 1
    assert second.stderr == (
        f"Port {server.port} on 127.0.0.1 is in use: another program listens there. "
        "Stop it, or choose another port under [server:main] in site.ini.\n"
    )
    with pytest.raises(CannotStart) as refusal:
        make_server({"__file__": str(server.ini)}, host="127.0.0.1", port=str(server.port))
    assert f"{refusal.value}\n" == second.stderr


def test_p16_answers_name_no_software_and_limits_hold(serve_warm: Callable[..., Server]) -> None:
    server = serve_warm()
    response = server.get()
    assert "Server" not in response.headers
    assert "Via" not in response.headers
    connection = server.connect()
    connection.putrequest("GET", "/")
    connection.putheader("X-Long", "x" * 33_000)
    connection.endheaders()
    assert connection.getresponse().status == 431
    connection = server.connect()
    connection.request("POST", "/", body=b"x" * 1_048_576)
    assert connection.getresponse().status == 200, "a mebibyte is let through, as the application has its own limit"
    connection = server.connect()
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(2 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_f43_more_connections_than_select_can_count(serve_warm: Callable[..., Server]) -> None:
    """1,100 idle connections: the limit holds, the server lives, and one that is let in is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= 4000, "this test needs 4000 open files (ulimit -Hn)"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    server = serve_warm("connection_limit = 1200")
    first = server.connect()
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1100)]
    first.request("GET", "/")
    assert first.getresponse().status == 200
    last = server.connect()
    last.request("GET", "/")
    assert last.getresponse().status == 200
    for connection in idle:
        connection.close()
    assert server.end() == 0


def test_f41_few_open_files_mean_few_connections_and_no_spinning(serve_warm: Callable[..., Server]) -> None:
    """With 128 descriptors 120 clients are served in turn; nothing spins, nothing floods the log."""
    server = serve_warm("channel_timeout = 1\ncleanup_interval = 1", nofile=128)
    assert "Only 128 files may be open" in server.text
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(120)]
    before = cpu_seconds(server.process.pid)
    server.until(lambda: server.get().status == 200, "it did not recover", seconds=60)
    assert cpu_seconds(server.process.pid) - before < 2
    assert server.text.count("\n") < 60
    for connection in idle:
        connection.close()
    assert server.end() == 0


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_localhost_is_served_on_every_address_that_it_has(serve_warm: Callable[..., Server]) -> None:
    """A visitor's browser may take ::1 or 127.0.0.1 for localhost."""
    server = serve_warm("# ")
    ini = server.ini.read_text(encoding="utf-8").replace("host = 127.0.0.1", "host = localhost")
    assert server.end() == 0
    server.ini.write_text(ini, encoding="utf-8")
    run = make_server({"__file__": str(server.ini)}, host="localhost", port=str(server.port))
    assert callable(run)
    for _family, _, _, _, address in socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM):
        with contextlib.suppress(OSError), socket.socket(_family) as probe:
            probe.bind((address[0], 0))
            socket.create_connection(address[:2], timeout=5).close()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"port": "abc"}, "key port = abc: expected a port from 0 to 65535"),
        ({"port": "65536"}, "key port = 65536: expected a port from 0 to 65535"),
        ({"thread": "4"}, "key thread: there is no such setting. Did you mean threads?"),
        ({"threads": "many"}, "key threads = many: invalid literal"),
        ({"threads": "0"}, "key threads = 0: expected 1 or more"),
        ({"threads": "-1"}, "key threads = -1: expected 1 or more"),
        ({"connection_limit": "0"}, "key connection_limit = 0: expected 8 or more"),
        ({"max_request_header_size": "0"}, "key max_request_header_size = 0: expected 1024 or more"),
        ({"grace": "long"}, "key grace = long: expected seconds from 0 to 3600"),
        ({"host": "no such host.invalid"}, "is no address to listen on"),
        ({"port": "80", "listen": "*:81"}, "is no address to listen on"),
    ],
)
def test_a_wrong_server_setting_is_told_with_its_key(settings: dict[str, str], problem: str) -> None:
    with pytest.raises(CannotStart, match=r"site\.ini, section \[server:main\]") as refusal:
        make_server({"__file__": "/srv/site.ini"}, **settings)
    assert problem in str(refusal.value)


def test_a_socket_file_that_cannot_be_made_is_told_with_its_key(tmp_path: Path) -> None:
    """A folder that is not there, and a file that is no socket, which stays as it is."""
    taken = tmp_path / "notes.txt"
    taken.write_text("kept", encoding="utf-8")
    for path in (tmp_path / "nowhere" / "x", taken):
        run = make_server({"__file__": "/srv/site.ini"}, unix_socket=str(path))
        with pytest.raises(
            CannotStart, match=rf"site\.ini, section \[server:main\], key unix_socket = {path}: no socket"
        ):
            run(object())
    assert taken.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("headers", ["x-forwarded-for x-forwarded-proto", "forwarded"])
def test_a_trusted_proxy_and_its_headers_can_be_named(headers: str) -> None:
    """As docs/operations/running.md says; each by itself has no meaning for waitress."""
    proxy = {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": headers, "trusted_proxy_count": "1"}
    assert callable(make_server({}, port="0", **proxy))


def test_headers_of_a_proxy_that_is_not_named_are_refused() -> None:
    with pytest.raises(CannotStart, match=r"key trusted_proxy_headers = forwarded: .*without setting trusted_proxy"):
        make_server({}, trusted_proxy_headers="forwarded")


def test_every_wrong_server_setting_is_told_at_once() -> None:
    with pytest.raises(CannotStart) as refusal:
        make_server({}, thread="4", hots="a", port="x")
    assert str(refusal.value).count("\n") == 2


def test_p16_the_defaults_are_those_of_a_public_site() -> None:
    """The values that PITFALLS P16 asks for."""
    assert 8 <= DEFAULTS["threads"] <= 16
    assert DEFAULTS["connection_limit"] == 1000
    assert DEFAULTS["asyncore_use_poll"] is True
    assert DEFAULTS["channel_timeout"] == 20
    assert 2**20 < DEFAULTS["max_request_body_size"] < 2**21
    assert DEFAULTS["max_request_header_size"] == 32768
    assert DEFAULTS["ident"] == ""
    assert DEFAULTS["expose_tracebacks"] is False
