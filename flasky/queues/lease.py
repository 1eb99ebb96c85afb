"""Holding on to a row while the work on it takes long: the lease is renewed from another thread and connection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)


@contextmanager
def kept(renew: Callable[[], bool], every: float) -> Iterator[None]:
    """Within, `renew` is called every so many seconds in a thread, until it returns False: the row is ours no longer.

    An error of the database is no reason to stop: on SQLite the work itself keeps other writers out, `renew` and
    whoever would take the row alike.
    """
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every):
            try:
                if not renew():
                    return
            except SQLAlchemyError as error:
                logger.debug("a lease could not be renewed, which is tried again: %s", error)

    thread = threading.Thread(target=go_on, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # Nothing of this may come after what is noted next; what it waits for, the work's own transaction, has ended.
        thread.join()
