"""What the log says about a request that failed: one record, written when the request has ended.

The exception views only note the failure. Whether it counts is known later: pyramid_retry may throw the answer away
and try again, a commit or a response callback may fail after it. So the outermost layer writes the record, once,
and each failed attempt that was followed by another leaves none.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from pyramid.registry import Registry

from flasky.errors.counts import count_error
from flasky.logs import shown_path
from flasky.ownership import Owner, kernel, kind_of_error, owner_of_error, owner_of_module

logger = logging.getLogger("flasky.errors")

_KEY = "flasky.failure"
_LONGEST_TEXT = 1000


class Failure(NamedTuple):
    """A record to be: level, line, the error whose traceback belongs to it, if any, whose it is, and what failed."""

    level: int
    message: str
    error: Exception | None = None
    owner: Owner | None = None
    kind: str = "request"


def note(environ: dict[str, Any], failure: Failure) -> None:
    """Remember `failure` for the end of the request; a later one replaces it, and takes its traceback along."""
    earlier: Failure | None = environ.get(_KEY)
    if earlier is not None and earlier.error is not None and earlier.error is not failure.error:
        failure = _both(earlier, failure)
    environ[_KEY] = failure


def note_last_resort(environ: dict[str, Any], registry: Registry, error: Exception) -> None:
    """Remember an error that no exception view saw."""
    owner = owner_of_error(registry, error)
    message = (
        f"{environ.get('REQUEST_METHOD')} {shown_path(environ)}: 500, plugin={owner}, outside of the error pages: "
        f"{text_of(error)}"
    )
    note(environ, Failure(logging.ERROR, message, error, owner, kind_of_error(registry, error)))


def forget_attempt(event: Any) -> None:
    """Subscriber to pyramid_retry's event: the request is tried again, so what it noted does not count."""
    event.environ.pop(_KEY, None)


def log_failure(environ: dict[str, Any], registry: Registry) -> None:
    """Write the record of this request, if it failed, and count an error for the plug-in that it belongs to."""
    # Taken out, as the error's frames hold the environ: together they would be a cycle.
    failure: Failure | None = environ.pop(_KEY, None)
    if failure is None:
        return
    owner = failure.owner or kernel()
    if failure.level >= logging.ERROR:
        count_error(registry, owner, failure.kind)
    logger.log(failure.level, "%s", failure.message, exc_info=failure.error, extra={"plugin": str(owner)})


def report_hook(
    log: logging.Logger, registry: Registry, error: Exception, *, kind: str, hook: str, package: str, then: str
) -> Owner:
    """Log and count an error of something that a plug-in hooked in, and return whose error it is.

    `kind` is what it is called in the statistics (`slot`), `hook` says which one, `package` is the module that it
    belongs to where the traceback does not tell, and `then` how things go on without it.
    """
    owner = owner_of_error(registry, error, owner_of_module(registry, package))
    count_error(registry, owner, kind)
    extra = {"plugin": str(owner)}
    log.error("plugin=%s: %s failed: %s; %s", owner, hook, text_of(error), then, exc_info=error, extra=extra)
    return owner


def text_of(error: BaseException) -> str:
    """The error's class and text, also of one that cannot say its text."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - somebody else's __str__
        text = "(its text cannot be read)"
    return f"{type(error).__name__}: {text}"[:_LONGEST_TEXT]


def _both(earlier: Failure, later: Failure) -> Failure:
    if earlier.error is None or later.error is None or _leads_to(later.error, earlier.error):
        owner = later.owner or earlier.owner
        return Failure(max(earlier.level, later.level), later.message, later.error or earlier.error, owner, later.kind)
    group = ExceptionGroup("one error followed another", [earlier.error, later.error])
    message = f"{later.message}; after {earlier.message}"
    return Failure(max(earlier.level, later.level), message, group, later.owner, later.kind)


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
