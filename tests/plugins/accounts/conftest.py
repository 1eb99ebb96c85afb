"""What the tests of accounts share: cheap hashes, and members made by the services themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import event, select
from sqlalchemy.orm import joinedload

from flasky.database import get_database
from flasky.plugins.accounts import registration
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import Client, Work, open_work
from flasky.testing.mailbox import Mailbox, PromptMailbox

PASSWORD = "correct horse battery staple"

#: Hashes that cost nothing; the tests of hashing say their own.
CHEAP_HASHES = {
    "accounts.argon2_memory_kib": "64",
    "accounts.argon2_time_cost": "1",
}


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return CHEAP_HASHES


@pytest.fixture
def mailbox(registry: Registry) -> Mailbox:
    """The mails, those of the jobs that are queued among them."""
    return PromptMailbox(registry)


@pytest.fixture
def work(registry: Registry) -> Callable[..., Any]:
    """A function that opens work in a transaction of its own, asked for by a client."""

    def opened(address: str = "192.0.2.7", **options: Any) -> Any:
        return _Opened(registry, Client(address=address, agent="Test/1.0", request_id="r-1"), options)

    return opened


class _Opened:
    def __init__(self, registry: Registry, client: Client, options: dict[str, Any]) -> None:
        self._manager = open_work(registry)
        self._client, self._options = client, options

    def __enter__(self) -> Work:
        opened: Work = self._manager.__enter__()
        opened.client = self._client
        for name, value in self._options.items():
            setattr(opened, name, value)
        return opened

    def __exit__(self, *error: Any) -> bool | None:
        return self._manager.__exit__(*error)


@pytest.fixture
def member(work: Callable[..., Any]) -> Callable[..., int]:
    """A function that makes a confirmed member and returns their id."""

    def make(username: str = "anna", *, role: str = "User", password: str | None = PASSWORD, **options: Any) -> int:
        email = options.pop("email", f"{username}@example.com")
        with work() as opened:
            user = registration.create(opened, username=username, email=email, password=password, role=role, **options)
            return user.id

    return make


@pytest.fixture
def password() -> str:
    """The password of every member that `member` makes."""
    return PASSWORD


@pytest.fixture
def get() -> Callable[[Work, int], User]:
    """A function that returns a member by id, with their role."""

    def found(work: Work, user_id: int) -> User:
        return work.db.scalars(select(User).where(User.id == user_id).options(joinedload(User.role))).one()

    return found


@pytest.fixture
def at_once() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """A function that runs `task(number)` in threads that begin together: what each returned or raised."""
    return _at_once


def _at_once(count: int, task: Callable[[int], Any]) -> list[Any]:
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = task(number)
        except Exception as error:  # noqa: BLE001 - it is the result
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def listening(registry: Registry) -> Callable[[], AbstractContextManager[list[str]]]:
    """A function that returns a context in which the statements are listed that the site sends, as they are sent."""
    return lambda: _listening(registry)


@contextmanager
def _listening(registry: Registry) -> Iterator[list[str]]:
    """The statements that the site sends, as they are sent."""
    sent: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    engines = {get_database(registry).engine, get_database(registry).read_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    yield sent
    for engine in engines:
        event.remove(engine, "before_cursor_execute", hear)
