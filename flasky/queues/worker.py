"""What works on a queue until somebody says stop: in a thread of the server, or as a process of its own."""

from __future__ import annotations

import logging
import signal
import threading
from abc import ABC, abstractmethod
from types import FrameType

from pyramid.registry import Registry
from sqlalchemy.exc import SQLAlchemyError

from flasky.site import get_site


class Worker(ABC):
    """Works on one queue. Not to be shared between threads."""

    #: What the log says when the database does not answer, and of an error that nobody foresaw.
    refused: str
    doing: str
    logger: logging.Logger

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    @property
    @abstractmethod
    def poll_seconds(self) -> float:
        """How often the queue is looked at when nobody says that something came in."""

    @property
    def rests(self) -> bool:
        """Whether a pause is to be kept even if something comes in."""
        return False

    @abstractmethod
    def turn(self, stop: threading.Event) -> float:
        """Do what is due, end early when `stop` is set, and return the seconds of the pause that follows."""

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Work until `stop` is set; `wake` ends a pause early, as somebody has committed or wants us to stop.

        Never raises: what goes wrong with the database is logged once and tried again.
        """
        complaint = ""
        while True:
            # In this order: whoever stops us sets `stop` first, then `wake`.
            wake.clear()
            if stop.is_set():
                return
            pause = self.poll_seconds
            try:
                pause = self.turn(stop)
                complaint = ""
            except SQLAlchemyError as error:
                # The same trouble every few seconds is one line in the log.
                text = str(getattr(error, "orig", error))
                if complaint != (complaint := text) and not self._waits_for_migrations():
                    self.logger.error("%s, the database answers: %s", self.refused, complaint)
            except Exception:
                self.logger.exception("%s met an error and goes on in %d s", self.doing, pause)
            (stop if self.rests else wake).wait(pause)

    def _waits_for_migrations(self) -> bool:
        """Whether this is development before the first `alembic upgrade`, of which every page tells already."""
        from flasky.migrations.state import schema_state  # noqa: PLC0415 - Alembic is only imported when it matters

        site = get_site(self.registry)
        return site.environment == "development" and schema_state(site).can_be_upgraded


class WorkerThread(threading.Thread):
    """A worker in the server's own process."""

    def __init__(self, worker: Worker, wake: threading.Event, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._worker = worker
        self._wake = wake
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Work until `stop` is called."""
        self._worker.run(self._stop_event, self._wake)

    def tell(self) -> None:
        """Take nothing further; returns at once."""
        self._stop_event.set()
        self._wake.set()

    def stop(self, timeout: float) -> bool:
        """Take nothing further and wait `timeout` seconds for what is being done; whether it has ended.

        What is cut off here is taken up after the next start.
        """
        self.tell()
        self.join(timeout)
        return not self.is_alive()


def until_told() -> tuple[threading.Event, threading.Event]:
    """What `Worker.run` takes, in a process of its own: SIGTERM and SIGINT set both from here on."""
    stop, wake = threading.Event(), threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return stop, wake
