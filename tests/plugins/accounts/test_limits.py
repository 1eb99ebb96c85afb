"""RTE-03: what tries are counted by, and a storage that does not answer."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from limits.storage import memory
from limits.strategies import MovingWindowRateLimiter
from pyramid.registry import Registry
from sqlalchemy import select

from flasky.plugins.accounts import memory_counts
from flasky.plugins.accounts.errors import TooManyTries
from flasky.plugins.accounts.limits import Limit, Limiter, check, get_limiter, pace, peer_key, spend
from flasky.plugins.accounts.memory_counts import CalmMemoryStorage
from flasky.plugins.accounts.models import SecurityEvent
from flasky.plugins.accounts.work import Client, Work

TWO = Limit("test", 2, 60)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("deaf", [True, False])
def test_rte_03_a_storage_that_fails_lets_tries_pass_and_says_so(
    deaf: bool, deaf_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = Limiter(f"redis://127.0.0.1:{deaf_port if deaf else 1}/0")
    assert [limiter.hit(TWO, "anna") for _try in range(3)] == [0, 0, 0]
    assert limiter.wait(TWO, "anna") == 0
    assert "limits cannot be counted: test passes" in caplog.text
    assert "limits cannot be looked up: test passes" in caplog.text


def test_counts_belong_to_their_key_and_limit() -> None:
    limiter = Limiter("memory://")
    assert [limiter.hit(TWO, "anna") for _try in range(2)] == [0, 0]
    assert 0 < limiter.hit(TWO, "anna") <= 60
    assert 0 < limiter.wait(TWO, "anna") <= 60
    assert limiter.wait(TWO, "bob") == 0
    assert limiter.wait(Limit("other", 2, 60), "anna") == 0
    limiter.clear()
    assert limiter.wait(TWO, "anna") == 0


def test_tries_begin_no_thread_and_what_is_over_is_cleared_away_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site has a key for each member and address: no try may look at all of them."""
    storage = CalmMemoryStorage()
    windows, brief, now = MovingWindowRateLimiter(storage), Limit("brief", 2, 30).item, time.time()
    clock = SimpleNamespace(
        time=lambda: now + clock.passed, monotonic=lambda: storage._cleared + clock.passed, passed=0
    )
    monkeypatch.setattr(memory_counts, "time", clock)
    monkeypatch.setattr(memory, "time", clock)
    begun: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", begun.append)
    assert all(windows.hit(brief, str(number)) for number in range(50) for _twice in range(2))
    assert not windows.hit(brief, "7")
    clock.passed = 31
    assert windows.hit(brief, "7")
    # Not yet: the next try behind the minute does it.
    assert len(storage.events) == 50
    assert len(storage.events[brief.key_for("7")]) == 2
    clock.passed = 60.5
    assert windows.hit(brief, "8")
    assert set(storage.events) == {brief.key_for("7"), brief.key_for("8")}
    assert windows.get_window_stats(brief, "7").remaining == 1
    assert begun == []


def test_of_tries_at_the_same_moment_as_many_count_as_the_limit_says() -> None:
    limiter = Limiter("memory://")
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _try: limiter.hit(Limit("many", 50, 60), "anna"), range(200)))
    assert waits.count(0) == 50


@pytest.mark.parametrize("use", [spend, pace])
def test_rte_01_a_refused_try_uses_up_no_other_limit(bare_app: Any, use: Callable[..., None]) -> None:
    """RTE-01: whoever tries on while the short limit holds is not shut out by the long one afterwards."""
    short, long = Limit("short", 2, 60), Limit("long", 4, 3600)
    limiter, work = get_limiter(bare_app.registry), Work(bare_app.registry, None)
    for _try in range(2):
        use(work, (short, "anna"), (long, "anna"))
    for _try in range(5):
        with pytest.raises(TooManyTries) as caught:
            use(work, (short, "anna"), (long, "anna"))
        assert caught.value.retry_after_seconds <= 60
    assert limiter.wait(long, "anna") == 0
    for _try in range(2):
        use(work, (long, "anna"), (Limit("other", 9, 60), "anna"))
    with pytest.raises(TooManyTries):
        use(work, (long, "anna"), (Limit("other", 9, 60), "anna"))


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_rte_03_a_peer_is_its_address_or_its_network(bare_app: Any, address: str, key: str) -> None:
    work = Work(bare_app.registry, None)
    work.client = Client(address=address)
    assert peer_key(work) == key


def test_limits_belong_to_their_application(make_app: Any) -> None:
    first, second = get_limiter(make_app().registry), get_limiter(make_app().registry)
    first.hit(TWO, "anna")
    first.hit(TWO, "anna")
    assert first.wait(TWO, "anna") > 0
    assert second.wait(TWO, "anna") == 0


@pytest.mark.parametrize("refuse", [spend, check])
def test_log_02_of_refusals_by_a_limit_the_first_is_recorded_and_all_are_in_the_log(
    refuse: Callable[..., None],
    registry: Registry,
    work: Any,
    member: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LOG-02, RTE-02: who tries on costs no write and buries nothing; they are told of again behind its time."""
    caplog.set_level(logging.INFO)
    now = time.time()
    clock = SimpleNamespace(time=lambda: now + clock.passed, monotonic=time.monotonic, passed=0)
    monkeypatch.setattr(memory_counts, "time", clock)
    monkeypatch.setattr(memory, "time", clock)
    anna, bob = member("anna"), member("bob")
    other = Limit("other", 2, 60)

    def try_on(user_id: int, limit: Limit) -> None:
        for _try in range(2):
            get_limiter(registry).hit(limit, str(user_id))
        for _try in range(4):
            with work() as opened, pytest.raises(TooManyTries):
                refuse(opened, (limit, str(user_id)), user_id=user_id)

    def recorded() -> list[tuple[int | None, str]]:
        with work() as opened:
            rows = opened.db.execute(
                select(SecurityEvent.user_id, SecurityEvent.details).where(SecurityEvent.event == "limited")
            )
            return [(user_id, details["limit"]) for user_id, details in rows]

    try_on(anna, TWO)
    assert recorded() == [(anna, "test")]
    try_on(bob, TWO)
    try_on(anna, other)
    assert recorded() == [(anna, "test"), (bob, "test"), (anna, "other")]
    assert caplog.text.count(f"limited user={anna}") == 8
    clock.passed = 61
    try_on(anna, TWO)
    assert recorded()[3:] == [(anna, "test")]
