"""Asking a service whether a password is known from somebody's breach, without telling it which one (PWD-02).

Off unless `accounts.breach_check` names a service with the protocol of Have I Been Pwned's range search: it is told
the first five of the forty digits of the password's SHA-1, and answers with all endings that it knows, with which
the comparison is made here (k-anonymity). A service that is away, slow or confused keeps nobody from joining: after
a second the password passes, and the log says so.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pyramid.registry import Registry

logger = logging.getLogger(__name__)

#: How long the answer may take in all, in seconds.
PATIENCE = 1.0
#: How many questions may be open at once; beyond, a password passes unasked.
_MOST_OPEN = 8
_PREFIX = 5
#: Bytes; with padding an answer has about 60 kB.
_LONGEST_ANSWER = 1024 * 1024
_REGISTRY_KEY = "accounts.breach_check"


class TooManyQuestions(Exception):
    """The service is asked as much as it may be."""


class _NoRedirects(HTTPRedirectHandler):
    """Asks nobody but the service that the owner chose (INJ-05)."""

    def redirect_request(self, *_arguments: object, **_options: object) -> None:
        """Follow no redirect: it becomes an error."""


class BreachCheck:
    """Asks one service, a few questions at a time."""

    def __init__(self, service: str) -> None:
        """`service` is the beginning of the address of its answers; empty: nobody is asked."""
        self._service = service
        self._places = threading.BoundedSemaphore(_MOST_OPEN)

    def knows(self, password: bytes) -> bool:
        """Whether the service knows `password`; False also when that cannot be found out."""
        if not self._service:
            return False
        digest = hashlib.sha1(password, usedforsecurity=False).hexdigest().upper()
        answer = self._answer(digest[:_PREFIX])
        if isinstance(answer, Exception):
            logger.warning("the breach check failed, a password passes unchecked: %s", type(answer).__name__)
            return False
        return _holds(answer, digest[_PREFIX:])

    def _answer(self, prefix: str) -> str | Exception:
        if not self._places.acquire(blocking=False):
            return TooManyQuestions()
        answers: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
        # A thread, as no timeout of a socket bounds the whole: a name that is looked up, an answer in drops.
        threading.Thread(target=self._ask, args=(prefix, answers), name="breach check", daemon=True).start()
        try:
            return answers.get(timeout=PATIENCE)
        except queue.Empty:
            return TimeoutError()

    def _ask(self, prefix: str, answers: queue.SimpleQueue[str | Exception]) -> None:
        try:
            # Padding: the length of the answer would tell which beginning was asked for.
            headers = {"Add-Padding": "true", "User-Agent": "Flasky"}
            request = Request(self._service + prefix, headers=headers)  # noqa: S310 - `parse_breach_service` allows http
            with build_opener(_NoRedirects()).open(request, timeout=PATIENCE) as response:
                answers.put(response.read(_LONGEST_ANSWER).decode("ascii"))
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told
            answers.put(error)
        finally:
            self._places.release()


def set_breach_check(registry: Registry, check: BreachCheck) -> None:
    """Keep the check where every request finds it."""
    registry[_REGISTRY_KEY] = check


def get_breach_check(registry: Registry) -> BreachCheck:
    """The check of an application."""
    check: BreachCheck = registry[_REGISTRY_KEY]
    return check


def _holds(answer: str, ending: str) -> bool:
    """Whether the answer has a line ``ENDING:COUNT``; with a count of 0 it is padding."""
    for line in answer.splitlines():
        known, _colon, count = line.partition(":")
        if known.strip().upper() == ending:
            return count.strip() not in {"", "0"}
    return False
