"""Clients that are slow on purpose: Flasky behind the nginx of the documentation, and the server by itself (INP-02)."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_smtp import self_signed

from flasky.testing.live import LiveSite, free_port
from flasky.testing.missing import missing

SHIPPED = Path(__file__).resolve().parents[2] / "docs" / "operations" / "nginx.conf"
SLOW = 200
IDLE_BEHIND_NGINX, IDLE_DIRECT = 10_000, 300
#: What this process keeps open besides the silent ones.
OTHERS_OPEN = 1500
PROXY = """use = egg:flasky
trusted_proxy = 127.0.0.1
trusted_proxy_headers = x-forwarded-for x-forwarded-proto"""


@dataclass
class Front:
    """Where visitors come in."""

    site: LiveSite
    port: int
    secure_port: int
    idle: int

    def files(self) -> list[str]:
        """The paths of the style sheets, scripts and drawings that the home page names."""
        page = self._get("/", {})[1].decode()
        return [
            part for part in page.split('"') if part.startswith("/static/") and part.endswith((".css", ".js", ".svg"))
        ]

    def weigh(self, path: str) -> tuple[str, int, int]:
        """`path`, and the bytes of its body for who takes no compressed one, and for who does."""
        (_, plain), (kind, packed) = self._get(path, {}), self._get(path, {"Accept-Encoding": "gzip"})
        assert (gzip.decompress(packed) if kind == "gzip" else packed) == plain
        return path, len(plain), len(packed)

    def _get(self, path: str, headers: dict[str, str]) -> tuple[str | None, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path, headers={"Host": f"localhost:{self.port}", **headers})
        answer = connection.getresponse()
        return answer.headers["Content-Encoding"], answer.read()


@pytest.fixture
def direct(make_live_site: Callable[..., LiveSite]) -> Front:
    """The server without anything in front of it."""
    site = make_live_site()
    return Front(site, int(site.url.rpartition(":")[2]), 0, IDLE_DIRECT)


@pytest.fixture
def behind_nginx(make_live_site: Callable[..., LiveSite], tmp_path: Path) -> Iterator[Front]:
    """The server behind a real nginx with the configuration that the documentation gives."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        missing("nginx", "Install it with: apt-get install nginx-light")
    port, secure_port = free_port(), free_port()
    site = make_live_site(start=False, flasky__base_url=f"http://localhost:{port}")
    site.ini.write_text(site.ini.read_text("utf-8").replace("use = egg:flasky\nhost", f"{PROXY}\nhost"), "utf-8")
    assert "trusted_proxy" in site.ini.read_text("utf-8")
    site.start()
    certificate, key = self_signed(tmp_path)
    configuration = tmp_path / "nginx.conf"
    changes = {
        "user www-data;": "user root;" if os.geteuid() == 0 else "",
        "access_log /var/log/nginx/access.log;": "access_log off;\n"
        + "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in _TEMPORARY),
        "listen 80": f"listen 127.0.0.1:{port}",
        "listen 443": f"listen 127.0.0.1:{secure_port}",
        "127.0.0.1:6543": site.url.removeprefix("http://"),
        "server_name www.example.com": "server_name localhost",
        "/etc/letsencrypt/live/www.example.com/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/www.example.com/privkey.pem": str(key),
    }
    text = SHIPPED.read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    configuration.write_text(text, "utf-8")
    command = [program, "-c", str(configuration), "-e", str(tmp_path / "error.log")]
    command += ["-g", f"daemon off; pid {tmp_path}/nginx.pid;"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            _until_open(port, process)
            yield Front(site, port, secure_port, IDLE_BEHIND_NGINX)
        finally:
            process.terminate()


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def _until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError("nginx did not start")


class Crowd:
    """Clients that send one byte at a time, and clients that read nothing."""

    def __init__(self, port: int, big: str) -> None:
        self._port = port
        self._host = f"Host: localhost:{port}\r\n"
        head = f"GET / HTTP/1.1\r\n{self._host}X-Slow: "
        body = f"POST / HTTP/1.1\r\n{self._host}Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
        self.writing = [self._open(text) for text in (head, body) for _number in range(SLOW)]
        self.reading = [self._open(f"GET {big} HTTP/1.1\r\n{self._host}\r\n", buffer=2048) for _number in range(SLOW)]
        self.idle: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip)

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        for connection in (*self.writing, *self.reading, *self.idle):
            connection.close()

    def stand_idle(self, number: int) -> None:
        """Open connections that never say a word."""
        self.idle.extend(self._open("") for _number in range(number))

    def _open(self, text: str, buffer: int = 0) -> socket.socket:
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", self._port))
        connection.sendall(text.encode())
        return connection

    def _drip(self) -> None:
        while not self._over.wait(0.5):
            for connection in self.writing:
                # The server may have lost patience with this one.
                with contextlib.suppress(OSError):
                    connection.send(b"x")


@pytest.mark.databases("sqlite")
def test_inp_02_behind_the_proxy_slow_clients_do_not_slow_others_down(behind_nginx: Front) -> None:
    """200 slow headers, 200 slow bodies, 200 who read nothing, 10,000 silent ones: p95 of others is below a second.

    Where the system lets a process open fewer files, there are as many silent ones as it can have.
    """
    spent = _asked_in_a_crowd(behind_nginx)
    assert spent[int(len(spent) * 0.95)] < 1


@pytest.mark.databases("sqlite")
def test_inp_02_the_server_by_itself_survives_slow_clients(direct: Front) -> None:
    """The same with 300 silent ones: whoever else comes is answered, and the server ends as it should."""
    assert _asked_in_a_crowd(direct)[-1] < 30
    assert _ask(direct.port, "/") < 30
    assert direct.site.stop() == 0


def _asked_in_a_crowd(front: Front) -> list[float]:
    """The seconds that each of 40 normal requests took, sorted."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = front.idle + OTHERS_OPEN
    if hard != resource.RLIM_INFINITY:
        most = min(hard, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    with Crowd(front.port, _big_file(front)) as crowd:
        crowd.stand_idle(most - OTHERS_OPEN)
        return sorted(_ask(front.port, "/") for _number in range(40))


@pytest.mark.databases("sqlite")
def test_the_proxy_of_the_documentation_serves_https_and_the_sites_host_only(behind_nginx: Front) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secure = http.client.HTTPSConnection("127.0.0.1", behind_nginx.secure_port, context=context)
    # The name is what nginx decides by, so it has to be sent.
    secure.sock = context.wrap_socket(
        socket.create_connection(("127.0.0.1", behind_nginx.secure_port)), server_hostname="localhost"
    )
    secure.request("GET", "/health/live", headers={"Host": f"localhost:{behind_nginx.port}"})
    assert secure.getresponse().status == 200
    with pytest.raises(ConnectionResetError):
        _ask(behind_nginx.port, "/", host="elsewhere.example")
    # Style sheets, scripts and drawings are compressed; pages, which hold form tokens, never (BREACH).
    sizes = {path: (plain, packed) for path, plain, packed in map(behind_nginx.weigh, ("/", *behind_nginx.files()))}
    assert sizes["/"][0] == sizes["/"][1]
    for ending in (".css", ".js", ".svg"):
        found = [sizes[path] for path in sizes if path.endswith(ending) and sizes[path][0] > 400]
        assert found
        assert all(packed < plain * 0.8 for plain, packed in found), ending
    for size in (1_100_000, 1_114_111, 1_114_112, 5_000_000):
        connection = http.client.HTTPConnection("127.0.0.1", behind_nginx.port)
        headers = {"Host": f"localhost:{behind_nginx.port}", "Accept-Language": "zh", "Accept": "text/html"}
        connection.request("POST", "/language", b"x" * size, headers)
        answer = connection.getresponse()
        assert answer.status == 413, size
        page = answer.read().decode()
        assert f"<code>{answer.headers['X-Request-ID']}</code>" in page, "the page is the site's own"
        assert '<html lang="zh">' in page


def _big_file(front: Front) -> str:
    """The path of the site's largest style sheet, as the home page names it."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port)
    connection.request("GET", "/", headers={"Host": f"localhost:{front.port}"})
    page = connection.getresponse().read().decode()
    return next(part for part in page.split('"') if part.endswith("bootstrap.min.css"))


def _ask(port: int, path: str, host: str = "") -> float:
    """Ask on a connection of its own; the seconds until the whole answer is there."""
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": host or f"localhost:{port}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200
    return time.perf_counter() - begin
