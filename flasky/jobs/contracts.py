"""What plug-ins say of their jobs: the directives `add_job` and `add_schedule`, and what they keep."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry

from flasky.extension_points import ExtensionPoint
from flasky.settings import Fault

JOBS = ExtensionPoint("flasky.jobs", "job")
SCHEDULES = ExtensionPoint("flasky.schedules", "schedule")

#: Given a request that nobody sent and the arguments of `request.enqueue`. What it returns is not looked at.
JobFunction = Callable[..., object]

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
_LONGEST_NAME = 100
#: `request.enqueue` takes this one for itself.
RESERVED_ARGUMENT = "due"
#: What says nothing for so long does nothing any more.
_LONGEST_LIMIT = timedelta(days=1)
_SHORTEST_INTERVAL = timedelta(minutes=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Job(NamedTuple):
    """What is done under a name: by which function, how long it may say nothing, how often it is tried, whose it is.

    One that is `quick` takes a moment, and somebody waits for it.
    """

    name: str
    function: JobFunction
    limit: timedelta
    attempts: int
    package: str
    quick: bool = False

    @property
    def where(self) -> str:
        """The function, as listings show it."""
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', type(self.function).__qualname__)}"

    def refuses(self, arguments: dict[str, Any]) -> str:
        """Why the function cannot be called with `arguments`; an empty text when it can."""
        try:
            # The request comes first.
            inspect.signature(self.function).bind(None, **arguments)
        except TypeError as error:
            return str(error)
        return ""


class Schedule(NamedTuple):
    """When the job of the same name comes round: every so often, or daily at a time (UTC)."""

    name: str
    every: timedelta | None
    daily_at: time | None

    @property
    def interval(self) -> timedelta:
        """The time between two runs."""
        return self.every or _DAY

    @property
    def shown(self) -> str:
        """When, for people."""
        return f"every {self.every}" if self.every else f"daily at {self.daily_at:%H:%M} UTC"

    def begun(self, now: datetime) -> datetime:
        """The beginning of the interval that `now` is in: the same for every process."""
        if self.daily_at is None:
            return now - (now - _EPOCH) % self.interval
        today = datetime.combine(now.astimezone(UTC).date(), self.daily_at, UTC)
        return today if today <= now else today - _DAY


def add_job(
    config: Configurator,
    name: str,
    function: JobFunction | str,
    *,
    limit: timedelta = timedelta(hours=1),
    attempts: int = 10,
    quick: bool = False,
) -> None:
    """Directive `config.add_job("polls.close", "flasky_polls.jobs.close")`: what `request.enqueue` can ask for.

    `function` (or its dotted name) is given a request that nobody sent, in a transaction of its own, and the
    arguments. Without an end or a `request.commit_part()` for `limit` (a day at most) it counts as stuck: another
    worker may begin anew, and what this one has not committed is rolled back. After so many `attempts` that failed
    the job is given up visibly. A `quick` job takes less than a second, and somebody waits for what comes of it: it
    stands behind no job that takes long (docs/decisions/0066-quick-jobs.md). Raises ConfigurationError for anything
    else.
    """
    _check_name(config, name, "job")
    found = config.maybe_dotted(function)
    job = Job(name, found, limit, attempts, config.package_name, quick)
    if not callable(found):
        raise ConfigurationError(f"{config.package_name}: the job {name!r} needs a function, not {function!r}")
    if RESERVED_ARGUMENT in inspect.signature(found).parameters:
        raise ConfigurationError(
            f"{config.package_name}: the function of the job {name!r} cannot take {RESERVED_ARGUMENT!r}: "
            "request.enqueue means by it when the job is to be done"
        )
    if not timedelta(0) < limit <= _LONGEST_LIMIT or attempts < 1:
        raise ConfigurationError(
            f"{config.package_name}: the job {name!r} needs a limit of up to a day and at least one attempt"
        )
    JOBS.contribute(config, name, job)


def add_schedule(
    config: Configurator, name: str, *, every: timedelta | None = None, daily_at: time | None = None
) -> None:
    """Directive `config.add_schedule("polls.tidy", every=timedelta(hours=1))`: the job of that name comes round.

    Either `every` so often (a minute at least; intervals are counted from midnight of 1 January 1970, UTC), or
    `daily_at` a time (UTC). Raises ConfigurationError for anything else.
    """
    _check_name(config, name, "schedule")
    if problem := _unfit(every, daily_at):
        raise ConfigurationError(f"{config.package_name}: the schedule {name!r} {problem}")
    SCHEDULES.contribute(config, name, Schedule(name, every, daily_at))


def _unfit(every: timedelta | None, daily_at: time | None) -> str:
    if (every is None) == (daily_at is None):
        return "needs either every=… or daily_at=…"
    if every is not None and every < _SHORTEST_INTERVAL:
        return "cannot come round more often than once a minute"
    if daily_at is not None and daily_at.tzinfo is not None:
        return "is in UTC: give daily_at without a zone"
    return ""


def _check_name(config: Configurator, name: str, kind: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            f"{config.package_name}: the {kind} {name!r} must be named <plug-in>.<what>, in lower-case letters, "
            f"digits and underscores, with at most {_LONGEST_NAME} characters"
        )


def jobs(registry: Registry) -> dict[str, Job]:
    """Every job of the enabled plug-ins by its name."""
    return JOBS.contributions(registry)


def quick_jobs(registry: Registry) -> dict[str, Job]:
    """Those that stand behind no job that takes long."""
    return {name: job for name, job in jobs(registry).items() if job.quick}


def other_jobs(registry: Registry) -> dict[str, Job]:
    """Those that may take long."""
    return {name: job for name, job in jobs(registry).items() if not job.quick}


def schedules(registry: Registry) -> dict[str, Schedule]:
    """Every schedule of the enabled plug-ins by its name."""
    return SCHEDULES.contributions(registry)


def faults_of_schedules(registry: Registry) -> list[Fault]:
    """Schedules of jobs that nobody declares, or that cannot be done without being given something."""
    known = jobs(registry)
    faults = []
    for name in schedules(registry):
        job = known.get(name)
        if job is None:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Add it: config.add_job({name!r}, function)"
            faults.append(SCHEDULES.fault(registry, name, "is for a job that no enabled plug-in declares", remedy))
        elif problem := job.refuses({}):
            remedy = f"Give each argument of {job.where} a default"
            faults.append(SCHEDULES.fault(registry, name, f"gives its job no arguments: {problem}", remedy))
    return faults
