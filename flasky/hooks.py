"""The subscribers of plug-ins: one that fails is logged with its plug-in, undone, and the page goes on without it.

Pyramid calls subscribers one after the other and lets through what they raise: a bug in one plug-in would be a 500
on every page of the site. docs/decisions/0060-failing-subscribers.md has what is undone, and what is let through.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from pyramid_retry import is_error_retryable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flasky.database.session import SAFE_METHODS
from flasky.errors.failures import report_hook
from flasky.events import Refusal
from flasky.ownership import KERNEL, owner_of_module
from flasky.statistics.meter import SUBSCRIBER, get_meter

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]

#: After every subscriber is added.
_LAST = 1000


def includeme(config: Configurator) -> None:
    """Guard the subscribers of plug-ins once all are known."""
    config.action("flasky.hooks", guard_subscribers, args=(config.registry,), order=_LAST)


def guard_subscribers(registry: Registry) -> None:
    """Put a guard around each subscriber of a plug-in; their order stays."""
    made = {
        id(item["introspectable"].get("derived_subscriber")): item["introspectable"]["subscriber"]
        for item in registry.introspector.get_category("subscribers") or ()
    }
    for registration in list(registry.registeredHandlers()):
        handler = registration.handler
        module = _module_of(made.get(id(handler), handler))
        owner = owner_of_module(registry, module)
        if owner.name == KERNEL or not owner.version:
            continue
        registry.unregisterHandler(handler, registration.required)
        registry.registerHandler(_guarded(registry, handler, module), registration.required)


def _module_of(subscriber: Any) -> str:
    return getattr(subscriber, "__module__", None) or type(subscriber).__module__


def _guarded(registry: Registry, handler: Handler, module: str) -> Handler:
    key = (owner_of_module(registry, module).name, SUBSCRIBER)
    name = f"{module}.{getattr(handler, '__qualname__', type(handler).__qualname__)}"
    run = get_meter(registry).measured(key, name, handler)

    def guarded(*objects: Any) -> None:
        event = objects[0]
        request = getattr(event, "request", None) or get_current_request()
        session = _open_session(event, request)
        savepoint = None if session is None else session.begin_nested()
        try:
            if savepoint is None:
                run(*objects)
            else:
                with savepoint:
                    run(*objects)
        except Exception as error:
            if _is_meant(error, request) or (session is None and _open_session(event, request) is not None):
                raise
            if request is not None:
                let_others_read(request, error)
            report_hook(
                logger,
                registry,
                error,
                kind=SUBSCRIBER,
                hook=f"the subscriber {name} to {type(event).__name__}",
                package=module,
                then="it goes on without it",
            )

    return guarded


def _is_meant(error: Exception, request: Request | None) -> bool:
    """Whether the error is an answer, or says that the request should be tried again."""
    if isinstance(error, HTTPException | Refusal):
        return True
    return request is not None and is_error_retryable(request, error)


def _open_session(event: Any, request: Request | None) -> Session | None:
    """The session with the transaction that the event is part of: the event's own, else one of a request that may
    write; None when none is open."""
    session = getattr(event, "session", None)
    if session is None:
        session = None if request is None else request.__dict__.get("db")
        # This comes with every event of every request: what most of them have not is looked for first.
        if session is None or request is None or request.method in SAFE_METHODS:
            return None
    return session if isinstance(session, Session) and session.in_transaction() else None


def let_others_read(request: Request, error: Exception) -> None:
    """End the failed transaction of a request that only reads: PostgreSQL refuses everything after an error in one."""
    if isinstance(error, DBAPIError) and request.method in SAFE_METHODS:
        for name in ("db", "read"):
            if name in request.__dict__:
                request.__dict__[name].rollback()
