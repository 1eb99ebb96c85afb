"""The subscribers of plug-ins: one that fails is logged with its plug-in, undone, and the page goes on without it.

Pyramid calls subscribers one after the other and lets through what they raise: a bug in one plug-in would be a 500
on every page of the site. docs/decisions/0060-failing-subscribers.md has what is undone, and what is let through.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from pyramid_retry import is_error_retryable, is_last_attempt
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from transaction import TransactionManager
from transaction.interfaces import NoTransaction, TransactionError

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
        try:
            run_alone(request, getattr(event, "session", None), run, *objects)
        except Exception as error:
            if _is_meant(error, request):
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
    return isinstance(error, HTTPException | Refusal) or is_tried_again(request, error)


def is_tried_again(request: Request | None, error: Exception) -> bool:
    """Whether the request will be begun anew after this error."""
    if request is None:
        return False
    return is_error_retryable(request, error) or (not is_last_attempt(request) and _is_transient(request, error))


def _is_transient(request: Request, error: Exception) -> bool:
    """Whether the database says that it may work the next time; the tween that asks it comes later."""
    manager = request.__dict__.get("tm")
    try:
        return manager is not None and bool(manager.get().isRetryableError(error))
    except NoTransaction:
        return False


def run_alone(request: Request | None, of_event: Session | None, run: Callable[..., Any], *arguments: Any) -> Any:
    """What `run` returns. When it fails, exactly what it has stored is taken back, and its error goes on.

    `of_event` is the session of the event that it runs for, if that has one; else the request's counts.
    """
    # This comes with every event of every request: what most of them have not is looked for first.
    if of_event is None and (request is None or request.method in SAFE_METHODS):
        return run(*arguments)
    session = of_event or request.__dict__.get("db")
    if isinstance(session, Session) and session.in_transaction():
        with session.begin_nested():
            return run(*arguments)
    way_back = _way_back(request, session)
    try:
        return run(*arguments)
    except Exception as error:
        # What is tried again is rolled back as a whole, by who has to know which database it was.
        if not is_tried_again(request, error):
            way_back()
        raise


def _way_back(request: Request | None, session: Session | None) -> Callable[[], None]:
    """A function that takes back everything from here on, where no transaction of the database has begun."""
    manager: TransactionManager | None = None if request is None else request.__dict__.get("tm")
    point = None
    if manager is not None:
        # One that has failed is over: whatever is done now comes after it.
        with contextlib.suppress(TransactionError):
            # Whatever joins after this is aborted and let go by its rollback, and may join again.
            point = manager.savepoint(optimistic=True)

    def go_back() -> None:
        if point is not None:
            point.rollback()
        for opened in (session, None if request is None else request.__dict__.get("db")):
            # One that belongs to no transaction manager, or whose manager has ended.
            if isinstance(opened, Session) and opened.in_transaction():
                opened.rollback()

    return go_back


def let_others_read(request: Request, error: Exception) -> None:
    """End the failed transaction of a request that only reads: PostgreSQL refuses everything after an error in one."""
    if isinstance(error, DBAPIError) and request.method in SAFE_METHODS:
        for name in ("db", "read"):
            if name in request.__dict__:
                request.__dict__[name].rollback()
