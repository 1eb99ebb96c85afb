"""Whether this process lives (`/health/live`) and whether it can serve people (`/health/ready`), for machines.

Both are public, set no cookie and are never kept by a cache. They tell which check failed; why stands in the log,
as the reason can name files and hosts. A plug-in adds a check with `config.add_health_check(name, function)`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.errors.failures import report_hook, text_of
from flasky.mail.services import outbox_state
from flasky.ownership import KERNEL, owner_of_module
from flasky.site import get_site

logger = logging.getLogger(__name__)

#: Given the registry, a check returns None when all is well, else says in one line what is not; or it raises.
Check = Callable[[Registry], str | None]

LIVE, READY = "flasky.health.live", "flasky.health.ready"
#: The routes that answer in a site without a database.
ROUTES = frozenset({LIVE, READY})

#: A check that takes longer has failed.
LIMIT_SECONDS = 10.0
#: Whoever asks again sooner gets the same answer: a public address must not be a way to load the database.
FRESH_SECONDS = 1.0
#: A mail waits for minutes when a server asks for patience, as grey-listing does; after this somebody should look.
LATEST_MAIL = timedelta(minutes=15)

_CHECKS = "flasky.health_checks"
_READINESS = "flasky.readiness"


class HealthCheck(NamedTuple):
    """A check by its name; one that is not `vital` is reported, and the site is ready all the same.

    `package` is the module that added it.
    """

    name: str
    function: Check
    vital: bool
    package: str = KERNEL


@dataclass
class _Running:
    """A check at work in a thread of its own, so that one which never ends holds up nothing but itself."""

    problem: str | None = None
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def run(self, function: Check, registry: Registry) -> None:
        try:
            self.problem = function(registry)
        except Exception as error:  # noqa: BLE001 - a check that raises has failed, whatever it raises
            self.problem, self.error = text_of(error), error
        finally:
            self.done.set()


class Readiness:
    """The checks of one site, and what they last said."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._problems: dict[str, str] = {}
        self._errors: dict[str, Exception] = {}
        self._asked = float("-inf")

    def problems(self) -> dict[str, str]:
        """What is wrong, by the names of the checks; empty when all is well. Takes `LIMIT_SECONDS` at most."""
        with self._lock:
            if time.monotonic() - self._asked >= FRESH_SECONDS:
                self._note(self._ask())
                self._asked = time.monotonic()
            return self._problems

    def _ask(self) -> dict[str, str]:
        checks = health_checks(self._registry)
        for check in checks:
            # One that hangs from the last time is not started again: threads would pile up.
            if check.name not in self._running:
                running = self._running[check.name] = _Running()
                arguments = (check.function, self._registry)
                threading.Thread(target=running.run, args=arguments, name=f"health-{check.name}", daemon=True).start()
        deadline = time.monotonic() + LIMIT_SECONDS
        found = {check.name: self._result(check.name, deadline) for check in checks}
        return {name: problem for name, problem in found.items() if problem}

    def _result(self, name: str, deadline: float) -> str | None:
        if not self._running[name].done.wait(max(0.0, deadline - time.monotonic())):
            return f"no answer within {LIMIT_SECONDS:g} s"
        ended = self._running.pop(name)
        if ended.error is not None:
            self._errors[name] = ended.error
        return ended.problem

    def _note(self, problems: dict[str, str]) -> None:
        """Keep what was found, and log what has changed: a probe asks every few seconds."""
        for check in health_checks(self._registry):
            if check.name in problems and check.name not in self._problems:
                self._log(check, problems[check.name])
        self._errors.clear()
        for name in self._problems:
            if name not in problems:
                logger.info("Health check %s is well again", name)
        self._problems = problems

    def _log(self, check: HealthCheck, problem: str) -> None:
        error, owner = self._errors.get(check.name), owner_of_module(self._registry, check.package)
        if owner.name == KERNEL:
            # The kernel's own raise on purpose: a database that is down is nobody's bug.
            logger.warning("Health check %s failed: %s", check.name, problem)
        elif error is None:
            extra = {"plugin": str(owner)}
            logger.warning("plugin=%s: Health check %s failed: %s", owner, check.name, problem, extra=extra)
        else:
            hook, then = f"the health check {check.name}", "the other checks are made all the same"
            report_hook(logger, self._registry, error, kind="health check", hook=hook, package=check.package, then=then)


def add_health_check(config: Configurator, name: str, function: Check | str, *, vital: bool = True) -> None:
    """Directive `config.add_health_check(name, function)`: `/health/ready` asks `function(registry)`, too.

    It returns None when all is well, else one line for the log; what it raises is a failure as well. It runs in a
    thread of its own, outside of any request, and has failed after `LIMIT_SECONDS`. A site with a failed check is
    not ready, unless the check is not `vital`: then the answer tells of it and is 200. A dotted name is resolved.
    """
    check: Check = config.maybe_dotted(function)
    introspectable = config.introspectable("flasky health checks", name, name, "health check")
    introspectable["value"] = check
    introspectable["package"] = package = config.package_name

    def register() -> None:
        config.registry.setdefault(_CHECKS, {})[name] = HealthCheck(name, check, vital, package)

    config.action((_CHECKS, name), register, introspectables=(introspectable,))


def health_checks(registry: Registry) -> list[HealthCheck]:
    """Every check of the site: the kernel's, then the plug-ins'."""
    return list(registry.get(_CHECKS, {}).values())


def includeme(config: Configurator) -> None:
    """Add the directive, the kernel's own checks and the two addresses."""
    config.registry[_READINESS] = Readiness(config.registry)
    config.add_directive("add_health_check", add_health_check)
    config.add_health_check("database", database_answers)
    config.add_health_check("migrations", schema_is_current)
    # Late mails are no reason to send visitors away from every process of the site at once.
    config.add_health_check("mail", mails_leave, vital=False)
    config.add_route(LIVE, "/health/live")
    config.add_route(READY, "/health/ready")
    config.scan(__name__)


@view_config(route_name=LIVE, request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=0)
def live(_request: Request) -> Response:
    """This process answers. Asks nothing else: a database that is down is no reason to restart it."""
    return _answer(HTTPStatus.OK, "ok", {})


@view_config(route_name=READY, request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=0)
def ready(request: Request) -> Response:
    """Whether this process can serve people: 200, or 503 with the names of the checks that failed."""
    problems = request.registry[_READINESS].problems()
    checks = health_checks(request.registry)
    failed = any(check.vital and check.name in problems for check in checks)
    shown = {check.name: "failed" if check.name in problems else "ok" for check in checks}
    if failed:
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "failed", shown)
    return _answer(HTTPStatus.OK, "warning" if problems else "ok", shown)


def _answer(status: HTTPStatus, word: str, checks: dict[str, str]) -> Response:
    body = {"status": word, **({"checks": checks} if checks else {})}
    response = Response(json_body=body, status=status, content_type="application/json", charset="UTF-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def database_answers(registry: Registry) -> None:
    """Raise unless the database answers; also when an SQLite file was replaced under the process (F24)."""
    with get_database(registry).read_engine.connect() as connection:
        connection.execute(select(1))


def schema_is_current(registry: Registry) -> str | None:
    """Compare schema and code."""
    # Alembic is imported by the first probe and not by every start.
    from flasky.migrations.state import schema_state  # noqa: PLC0415 - see above

    state = schema_state(get_site(registry))
    return None if state.is_current else " ".join(filter(None, (state.message, state.command)))


def mails_leave(registry: Registry) -> str | None:
    """Look for mails that have waited too long."""
    with Session(get_database(registry).read_engine) as session:
        state = outbox_state(session)
    if state.oldest is None or utc_now() - state.oldest < LATEST_MAIL:
        return None
    return f"{state.waiting} mails wait, the oldest since {state.oldest.isoformat(timespec='seconds')}"
