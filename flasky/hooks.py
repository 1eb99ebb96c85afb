"""The subscribers of plug-ins: one that fails is logged with its plug-in, undone, and the page goes on without it.

Pyramid calls subscribers one after the other and lets through what they raise: a bug in one plug-in would be a 500
on every page of the site. docs/decisions/0060-failing-subscribers.md has what is undone, and what is let through.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from pyramid_retry import is_error_retryable, is_last_attempt
from pyramid_tm import default_commit_veto
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.orm import Session
from transaction import TransactionManager
from transaction.interfaces import NoTransaction, TransactionError

from flasky.database.session import SAFE_METHODS
from flasky.errors.databases import code_of
from flasky.errors.failures import report_hook
from flasky.events import Refusal
from flasky.ownership import KERNEL, owner_of_module
from flasky.statistics.meter import SUBSCRIBER, get_meter

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]

#: After every subscriber is added.
_LAST = 1000
#: PostgreSQL's code for: something failed before in this transaction (SQLSTATE in_failed_sql_transaction).
_IN_FAILED_TRANSACTION = "25P02"
_AS_IT_IS: AbstractContextManager[None] = contextlib.nullcontext()


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
        session = getattr(event, "session", None)
        alone = taken_back_alone(request, session)
        try:
            with alone:
                run(*objects)
        except Exception as error:
            if _is_meant(error, request) or failed_before(request, session, error):
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


@contextlib.contextmanager
def _going_back(request: Request | None, way_back: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # What is tried again is rolled back as a whole, by who has to know which database it was.
        if not is_tried_again(request, error):
            way_back()
        raise


def taken_back_alone(request: Request | None, of_event: Session | None) -> AbstractContextManager[Any]:
    """In a `with` around a hook: when that fails, exactly what it has stored is taken back, and its error goes on.

    `of_event` is the session of the event that it runs for, if that has one; else the request's counts. To be called
    outside of what catches the hook's errors: a savepoint stores first what the view has left to be stored, and an
    error of that is the view's, as it would be from its own flush.
    """
    # This comes with every event of every request: what most of them have not is looked for first.
    if of_event is None and (request is None or request.method in SAFE_METHODS):
        return _AS_IT_IS
    session = of_event or request.__dict__.get("db")
    if not isinstance(session, Session) or not session.in_transaction():
        return _going_back(request, _way_back(request, session))
    was_active = session.is_active
    try:
        return session.begin_nested()
    except Exception:
        if of_event is not None or (was_active and _will_be_committed(request)):
            raise
        # A form that is shown again, say: nothing of it will be committed, so nothing has to be taken back, and the
        # error would never have come out without this savepoint, or has been caught before.
        return _AS_IT_IS


def _will_be_committed(request: Request) -> bool:
    """Whether the transaction of the request, as it stands now, ends in a commit."""
    manager: TransactionManager | None = request.__dict__.get("tm")
    try:
        doomed = manager is None or manager.isDoomed()
    except NoTransaction:
        return False
    return not doomed and not default_commit_veto(request, request.response)


def failed_before(request: Request | None, of_event: Session | None, error: Exception) -> bool:
    """Whether the `error` of a hook only says that the transaction had failed before the hook began.

    Asked when what the hook did is taken back: if the transaction is still of no use then, the hook is innocent.
    """
    if of_event is None and (request is None or request.method in SAFE_METHODS):
        return False
    session = of_event or request.__dict__.get("db")
    if not isinstance(session, Session) or not session.in_transaction():
        return False
    if isinstance(error, PendingRollbackError):
        return not session.is_active
    if not isinstance(error, DBAPIError) or code_of(error) != _IN_FAILED_TRANSACTION:
        return False
    try:
        session.connection().exec_driver_sql("SELECT 1")
    except (DBAPIError, PendingRollbackError):
        return True
    return False


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
