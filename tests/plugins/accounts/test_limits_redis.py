"""RTE-03: limits that several processes share, in a real Redis server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pyramid.registry import Registry

from flasky.plugins.accounts.authentication import BadCredentials, sign_in
from flasky.plugins.accounts.errors import TooManyTries
from flasky.plugins.accounts.limits import Limit, Limiter, get_limiter, set_limiter
from flasky.testing.missing import missing
from flasky.testing.waiting import wait_until

THREE = Limit("test", 3, 600)


class RedisServer:
    """A server of the tests' own, which keeps nothing on disk."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, "the Redis server answers")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            assert self._process.poll() is None, "the Redis server ended"
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    program = shutil.which("redis-server") or missing("Redis", "apt-get install redis-server brings it.")
    made = RedisServer(program, tmp_path_factory.mktemp("redis"))
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def _empty(server: RedisServer) -> None:
    with redis.Redis(port=server.port) as client:
        client.flushall()


def test_rte_03_two_applications_share_a_limit(make_app: Any, server: RedisServer) -> None:
    first, second = (get_limiter(make_app(accounts__limits_storage=server.url).registry) for _app in range(2))
    assert [limiter.hit(THREE, "anna") for limiter in (first, second, first)] == [0, 0, 0]
    assert 0 < second.hit(THREE, "anna") <= 600
    assert 0 < first.wait(THREE, "anna") <= 600
    assert second.wait(THREE, "bob") == 0


def test_rte_03_another_process_counts_as_well(server: RedisServer) -> None:
    code = (
        "import sys; from flasky.plugins.accounts.limits import Limit, Limiter; "
        "print([Limiter(sys.argv[1]).hit(Limit('test', 3, 600), 'anna') for _try in range(3)])"
    )
    command = [sys.executable, "-c", code, server.url]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[0, 0, 0]\n"
    assert Limiter(server.url).wait(THREE, "anna") > 0


@pytest.mark.databases("sqlite")
def test_rte_03_failures_in_one_process_are_too_many_in_another(
    work: Any, registry: Registry, member: Any, password: str, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """And while the server is away everybody is let in, and the log says so."""
    member("anna")
    former = get_limiter(registry)
    try:
        for given in ("first", "second"):
            set_limiter(registry, Limiter(server.url))
            for _try in range(5):
                with work() as opened, pytest.raises(BadCredentials):
                    sign_in(opened, "anna", f"the wrong password, {given}")
        set_limiter(registry, Limiter(server.url))
        with work() as opened, pytest.raises(TooManyTries):
            sign_in(opened, "anna", password)
        server.kill()
        with work() as opened:
            sign_in(opened, "anna", password)
        assert "limits cannot be looked up" in caplog.text
        server.start()
        with work() as opened:
            sign_in(opened, "anna", password)
    finally:
        set_limiter(registry, former)
