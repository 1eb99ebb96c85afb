"""PWD-02: the optional question whether a password is known from a breach, to a real HTTP server."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flasky.plugins.accounts import breaches, parse_breach_service, registration
from flasky.plugins.accounts.breaches import BreachCheck
from flasky.plugins.accounts.errors import Faults
from flasky.plugins.accounts.passwords import check_password
from flasky.plugins.accounts.work import Work

STOLEN = "a phrase that was stolen"
DIGEST = hashlib.sha1(STOLEN.encode(), usedforsecurity=False).hexdigest().upper()


class Service(ThreadingHTTPServer):
    """A service whose answer a test chooses."""

    daemon_threads = True
    status, body = 200, f"{'0' * 35}:7\r\n{DIGEST[5:]}:12\r\n".encode()
    location = ""
    drops = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/range/"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        # In drops: each comes in time, their end never.
        while self.server.drops and not self.server.ended.wait(0.01):
            self.wfile.write(b"0")
            self.wfile.flush()
        self.wfile.write(self.server.body)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing on the terminal of the tests."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


def test_pwd_02_a_stolen_password_is_known_by_the_beginning_of_its_digest(service: Service) -> None:
    check = BreachCheck(service.address)
    assert check.knows(STOLEN.encode())
    assert not check.knows(b"another phrase")
    assert service.asked[0] == f"/range/{DIGEST[:5]}"
    assert all(len(path) == len("/range/") + 5 for path in service.asked)


def test_pwd_02_padding_is_no_breach(service: Service) -> None:
    service.body = f"{DIGEST[5:]}:0\r\n".encode()
    assert not BreachCheck(service.address).knows(STOLEN.encode())


@pytest.mark.parametrize("fault", ["away", "refuses", "garbage", "redirects", "drops"])
def test_pwd_02_a_service_that_does_not_answer_keeps_nobody_out(
    fault: str, service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INJ-05: nor does a redirect lead to anybody else. The log says what passed, and never what it was."""
    monkeypatch.setattr(breaches, "PATIENCE", 0.2)
    address = service.address
    if fault == "away":
        address = "http://127.0.0.1:1/range/"
    elif fault == "refuses":
        service.status = 503
    elif fault == "garbage":
        service.body = b"\xff\xfe"
    elif fault == "redirects":
        service.status, service.location = 302, f"{service.address}elsewhere"
    else:
        service.drops = True
    began = time.monotonic()
    assert not BreachCheck(address).knows(STOLEN.encode())
    # Wide, for a busy machine: the service would go on for ever.
    assert time.monotonic() - began < 5
    assert "/range/elsewhere" not in service.asked
    assert "a password passes unchecked" in caplog.text
    assert STOLEN not in caplog.text
    assert DIGEST[:5] not in caplog.text


def test_pwd_02_a_service_that_hangs_holds_few_threads(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaches, "PATIENCE", 0.1)
    service.drops = True
    check = BreachCheck(service.address)
    for _try in range(12):
        assert not check.knows(STOLEN.encode())
    assert len([thread for thread in threading.enumerate() if thread.name == "breach check"]) <= 8
    assert "TooManyQuestions" in caplog.text


def test_pwd_02_nobody_is_asked_unless_the_owner_says_so(bare_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Thread", None)
    check_password(Work(bare_app.registry, None), STOLEN)


@pytest.mark.parametrize("address", ["http://example.com/", "ftp://example.com/", "https://", "example.com", "//x/"])
def test_pwd_02_the_service_is_asked_by_https(address: str) -> None:
    with pytest.raises(ValueError, match="https"):
        parse_breach_service(address)


def test_pwd_02_joining_with_a_stolen_password_is_a_fault_of_its_field(
    work: Any, registry: Any, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """And joining works while the service is mute."""
    caplog.set_level(logging.WARNING)
    off = breaches.get_breach_check(registry)
    breaches.set_breach_check(registry, BreachCheck(service.address))
    try:
        with pytest.raises(Faults) as raised, work() as opened:
            registration.register(opened, username="anna", email="anna@example.com", password=STOLEN)
        assert set(raised.value.reasons) == {"password"}
        service.status = 500
        with work() as opened:
            assert registration.register(opened, username="anna", email="anna@example.com", password=STOLEN).user
    finally:
        breaches.set_breach_check(registry, off)
    assert "passes unchecked" in caplog.text
