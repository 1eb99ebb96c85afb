"""What the services work with: the site, a database session, the clock, and who is asking.

A view takes it from its request (`request.accounts`), a command or a thread opens one of its own (`open_work`).
The services flush and never commit: the request's transaction, or `open_work`, does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid_retry import is_error_retryable
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from flasky.cookies import cookie_name
from flasky.courtesy import give_way
from flasky.database import get_database, utc_now

if TYPE_CHECKING:
    from flasky.plugins.accounts.identity import Identity

SESSION_COOKIE = "session"
_LONGEST_AGENT = 255


class Client(NamedTuple):
    """Where a request came from: the true peer's address (RTE-03), its program, the request's id; or nothing."""

    address: str = ""
    agent: str = ""
    request_id: str = ""


class Work:
    """Work outside of a request, on a session that somebody else commits."""

    #: Who is signed in; nobody outside of a request.
    identity: Identity | None = None
    #: What the session cookie holds.
    cookie: str = ""
    client = Client()
    language = "en"

    def __init__(self, registry: Registry, session: Session | None, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.registry = registry
        self.settings: Mapping[str, Any] = registry.settings
        self.now = clock
        self._session = session
        self._afterwards: list[Callable[[], None]] = []

    @property
    def db(self) -> Session:
        """The session; in a request it is opened, and on SQLite takes the lock for writing, when first used."""
        assert self._session is not None  # noqa: S101 - narrows the type: only RequestWork has none
        return self._session

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, for what is looked up before slow work such as hashing.

        Looking it up in `db` would hold the lock for writing for as long as the hash takes.
        """
        with get_database(self.registry).read_engine.connect() as connection:
            yield connection

    def afterwards(self, task: Callable[[], None]) -> None:
        """Do `task` once the transaction has ended, whichever way (P7)."""
        self._afterwards.append(task)

    def finish(self) -> None:
        """Do what `afterwards` was told."""
        while self._afterwards:
            self._afterwards.pop(0)()


class RequestWork(Work):
    """Work for a request."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.registry, None)
        self.request = request
        self.cookie = request.cookies.get(cookie_name(request, SESSION_COOKIE), "")
        self.client = Client(
            address=request.remote_addr or "",
            agent=_printable(request.user_agent or "")[:_LONGEST_AGENT],
            request_id=str(getattr(request, "id", ""))[:64],
        )
        request.add_finished_callback(self._finish)

    @property
    def db(self) -> Session:
        """`request.db`."""
        session: Session = self.request.db
        return session

    @property
    def language(self) -> str:  # type: ignore[override] # a plain attribute outside of requests
        """The visitor's language; it depends on who they are, so it is not asked for before that is known."""
        language: str = self.request.locale_name
        return language

    @property
    def identity(self) -> Identity | None:  # type: ignore[override] # a plain attribute outside of requests
        """Who sends the request."""
        identity: Identity | None = self.request.identity
        return identity

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """`request.read`."""
        give_way()
        yield self.request.read

    def _finish(self, request: Request) -> None:
        error = getattr(request, "exception", None)
        # The same request comes again: what it has to say is said once, by its last attempt.
        if error is not None and is_error_retryable(request, error):
            return
        self.finish()


def work_of(request: Request) -> Work:
    """The work of a request, the same object for all of its services (`request.accounts`)."""
    work: Work = request.accounts
    return work


@contextlib.contextmanager
def open_work(registry: Registry, *, clock: Callable[[], datetime] = utc_now) -> Iterator[Work]:
    """Work in a transaction of its own: committed at the end, rolled back when something is raised."""
    with get_database(registry).writer() as session:
        work = Work(registry, session, clock=clock)
        try:
            with session.begin():
                yield work
        finally:
            session.close()
            work.finish()


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
