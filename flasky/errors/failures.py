"""What the log says about a request that failed: one record, written when the request has ended.

The exception views only note the failure. Whether it counts is known later: pyramid_retry may throw the answer away
and try again, a commit or a response callback may fail after it. So the outermost layer writes the record, once,
and each failed attempt that was followed by another leaves none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from flasky.logs import shown_path

logger = logging.getLogger("flasky.errors")

_KEY = "flasky.failure"
_LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Failure:
    """A record to be: its level, its line, and the error whose traceback belongs to it, if any."""

    level: int
    message: str
    error: Exception | None = None


def note(environ: dict[str, Any], failure: Failure) -> None:
    """Remember `failure` for the end of the request; a later one replaces it, and takes its traceback along."""
    earlier: Failure | None = environ.get(_KEY)
    if earlier is not None and earlier.error is not None and earlier.error is not failure.error:
        failure = _both(earlier, failure)
    environ[_KEY] = failure


def note_last_resort(environ: dict[str, Any], error: Exception) -> None:
    """Remember an error that no exception view saw."""
    message = (
        f"{environ.get('REQUEST_METHOD')} {shown_path(environ)}: 500, outside of the error pages: {text_of(error)}"
    )
    note(environ, Failure(logging.ERROR, message, error))


def forget_attempt(event: Any) -> None:
    """Subscriber to pyramid_retry's event: the request is tried again, so what it noted does not count."""
    event.environ.pop(_KEY, None)


def log_failure(environ: dict[str, Any]) -> None:
    """Write the record of this request, if it failed."""
    # Taken out, as the error's frames hold the environ: together they would be a cycle.
    failure: Failure | None = environ.pop(_KEY, None)
    if failure is not None:
        logger.log(failure.level, "%s", failure.message, exc_info=failure.error)


def text_of(error: BaseException) -> str:
    """The error's class and text, also of one that cannot say its text."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - somebody else's __str__
        text = "(its text cannot be read)"
    return f"{type(error).__name__}: {text}"[:_LONGEST_TEXT]


def _both(earlier: Failure, later: Failure) -> Failure:
    if earlier.error is None or later.error is None or _leads_to(later.error, earlier.error):
        return Failure(max(earlier.level, later.level), later.message, later.error or earlier.error)
    group = ExceptionGroup("one error followed another", [earlier.error, later.error])
    return Failure(max(earlier.level, later.level), f"{later.message}; after {earlier.message}", group)


def _leads_to(error: BaseException, earlier: BaseException) -> bool:
    """Whether the traceback of `error` shows `earlier` too."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        if current is earlier:
            return True
        seen.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return False
