"""What happens beside the requests: noting when members were last seen, and clearing away what is over.

A page that only reads must not write, and must not wait for the lock of somebody who does. So a request only notes
in memory that its session was used, once in five minutes, and a thread stores what was noted a few seconds later,
for all members in one transaction (docs/decisions/0051-last-seen.md). What a killed process had noted is lost:
some minutes of "last seen". What is over is cleared away by jobs that the clock has come round.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy.exc import SQLAlchemyError

from flasky.plugins.accounts import announcements, registration, security_log, sessions, tokens
from flasky.plugins.accounts.leaving import erase_due
from flasky.plugins.accounts.work import Work, open_work, work_of

logger = logging.getLogger(__name__)

_REGISTRY_KEY = "accounts.housekeeper"
#: How exactly the time of the last use is known.
_RESOLUTION = timedelta(minutes=5)
#: The part of the longest pause that it may be wrong by, where that is less.
_SHARE_OF_IDLE = 10
_DELAY_SECONDS = 5.0


#: What names something that is used.
Key = TypeVar("Key", int, str)
#: Given the work, and by what was used the member's id and the moment.
Store = Callable[[Work, dict[Key, tuple[int, datetime]]], None]


class Housekeeper(Generic[Key]):
    """The notes of one application, and the thread that stores them. It runs only while there is something to do."""

    def __init__(self, registry: Registry, what: str, store: Store[Key], *, delay: float = _DELAY_SECONDS) -> None:
        """`delay` is how many seconds notes are gathered before `store` stores them; `what` they are, the log says."""
        self._registry = registry
        self._what = what
        self._store: Store[Key] = store
        self._delay = delay
        self._uses: dict[Key, tuple[int, datetime]] = {}
        self._notes = threading.Lock()
        self._storing = threading.Lock()
        self._timer: threading.Timer | None = None

    def note(self, used: Key, user_id: int, moment: datetime) -> None:
        """Remember that something was used; costs no statement."""
        with self._notes:
            self._uses[used] = (user_id, moment)
            if self._timer is None:
                self._timer = threading.Timer(self._delay, self._run)
                # The process may end with it pending.
                self._timer.daemon = True
                self._timer.start()

    def noted(self, used: Key) -> datetime | None:
        """When it was last used, if that is still to be stored."""
        use = self._uses.get(used)
        return use[1] if use else None

    def store(self) -> None:
        """Store what was noted."""
        with self._storing:
            with self._notes:
                uses, self._uses = self._uses, {}
                self._timer = None
            if uses:
                with open_work(self._registry) as work:
                    self._store(work, uses)

    def forget(self) -> None:
        """Drop what was noted and wait for what is being stored."""
        with self._storing, self._notes:
            self._uses = {}
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        try:
            self.store()
        except SQLAlchemyError:
            logger.exception("%s could not be stored", self._what)


def clear_away(registry: Registry) -> int:
    """Erase the accounts that are due and forget what expired; returns the number of accounts erased."""
    erased = erase_due(registry)
    for task in (
        sessions.forget_old,
        tokens.forget_old,
        registration.forget_old_invitations,
        security_log.forget_old,
    ):
        with open_work(registry) as work:
            task(work)
    return erased


def clear_away_job(request: Request) -> None:
    """The job `accounts.clear_away`: each account is erased in a transaction of its own, so that one fails alone."""
    clear_away(request.registry)


def announce_job(request: Request) -> None:
    """The job `accounts.announce`: tell the owner in one mail about those who joined beyond the hour's mails."""
    announcements.send_digest(work_of(request))


def note_use(work: Work, session_id: int, user_id: int, last_used_at: datetime, *, remember: bool) -> None:
    """Note that a session is used now, unless that was stored or noted a short while ago."""
    housekeeper = get_housekeeper(work.registry)
    idle, _lifetime = sessions.lifetimes(work, remember=remember)
    due = min(_RESOLUTION, idle / _SHARE_OF_IDLE)
    if work.now() - (housekeeper.noted(session_id) or last_used_at) >= due:
        housekeeper.note(session_id, user_id, work.now())


def set_housekeeper(registry: Registry, housekeeper: Housekeeper[int]) -> None:
    """Keep the housekeeper where every request finds it."""
    registry[_REGISTRY_KEY] = housekeeper


def get_housekeeper(registry: Registry) -> Housekeeper[int]:
    """The housekeeper of an application."""
    housekeeper: Housekeeper[int] = registry[_REGISTRY_KEY]
    return housekeeper
