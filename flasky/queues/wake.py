"""Waking the thread that waits for a queue, as soon as a transaction of this process has put something into it."""

from __future__ import annotations

import threading

from pyramid.registry import Registry
from sqlalchemy import event
from sqlalchemy.orm import Session

_KEY = "flasky.queues.wake"


def prepare_wake_event(registry: Registry, queue: str) -> None:
    """Keep the event of `queue` where a request and the thread both find it."""
    registry.setdefault(_KEY, {})[queue] = threading.Event()


def wake_event(registry: Registry, queue: str) -> threading.Event:
    """Set when something was committed to `queue` in this process."""
    found: threading.Event = registry[_KEY][queue]
    return found


def wake_after_commit(registry: Registry, session: Session, queue: str) -> None:
    """Set the event once `session` has committed."""
    listening = f"{_KEY}.{queue}"
    if session.info.get(listening):
        return
    session.info[listening] = True
    event.listen(session, "after_commit", lambda _session: wake_event(registry, queue).set())
