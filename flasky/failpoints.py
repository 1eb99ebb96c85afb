"""Places where a test lets a process die, so that what follows a crash can be shown.

The environment variable ``FLASKY_FAILPOINT=<name>:<action>`` arms one of them; in production it is not read. The
names are `before_commit` and `after_commit` (a request's transaction), `before_smtp` and `after_smtp` (the
delivery of one mail). The actions are `kill` (SIGKILL), `exit`, `raise` and `sleep=<seconds>`.
"""

from __future__ import annotations

import os
import signal
import time

from pyramid.config import Configurator
from pyramid.registry import Registry
from sqlalchemy import event
from sqlalchemy.orm import Session

from flasky.database import get_database
from flasky.settings import ConfigurationFaults, Fault
from flasky.site import get_site

VARIABLE = "FLASKY_FAILPOINT"
NAMES = ("before_commit", "after_commit", "before_smtp", "after_smtp")
ACTIONS = ("kill", "exit", "raise", "sleep")

_REGISTRY_KEY = "flasky.failpoint"
_EXIT_STATUS = 70


class FailpointReached(Exception):
    """An armed failpoint was told to raise."""


def includeme(config: Configurator) -> None:
    """Arm the failpoint that the environment names, outside of production."""
    text = os.environ.get(VARIABLE, "")
    if not text or get_site(config.registry).in_production:
        return
    name, action, argument = _parse(text)
    config.registry[_REGISTRY_KEY] = (name, action, argument)
    registry = config.registry
    for point in ("before_commit", "after_commit"):

        def reached(_session: Session, point: str = point) -> None:
            failpoint(registry, point)

        # Only the transactions of requests: the deliverer's own have points of their own.
        event.listen(get_database(registry).request_writer, point, reached)


def failpoint(registry: Registry, name: str) -> None:
    """Do what was armed for `name`; nothing if nothing was."""
    armed, action, argument = registry.get(_REGISTRY_KEY, ("", "", 0.0))
    if armed != name:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "exit":
        os._exit(_EXIT_STATUS)
    if action == "raise":
        raise FailpointReached(name)
    time.sleep(argument)


def _parse(text: str) -> tuple[str, str, float]:
    name, _, rest = text.partition(":")
    action, _, argument = rest.partition("=")
    try:
        seconds = float(argument or 0)
    except ValueError:
        seconds = -1
    if name not in NAMES or action not in ACTIONS or seconds < 0:
        problem = f"expected one of {', '.join(NAMES)}, a colon, and kill, exit, raise or sleep=<seconds>"
        raise ConfigurationFaults([Fault(f"environment variable {VARIABLE}", f"{problem}; got {text[:80]!r}")])
    return name, action, seconds
