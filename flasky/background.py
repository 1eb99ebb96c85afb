"""Work that no visitor asked for, with what a view has: jobs, schedules and seeds are given such a request."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import cast

from pyramid.interfaces import IRequestFactory
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.scripting import prepare

from flasky.logs import REQUEST_ID, current_request_id
from flasky.site import get_site


@contextlib.contextmanager
def background_request(registry: Registry) -> Iterator[Request]:
    """A request that nobody sent, in a transaction: committed at the end, rolled back when something is raised.

    It has `db`, `send_mail`, `enqueue`, `localizer`, `route_url` (with `flasky.base_url`) and whatever plug-ins add;
    nobody is signed in.
    """
    identifier = current_request_id.get() or new_request_id()
    factory = registry.queryUtility(IRequestFactory, default=Request)
    request = cast("Request", factory.blank("/", base_url=get_site(registry).settings["flasky.base_url"]))
    # A safe method would be given a session that only reads.
    request.method = "POST"
    request.environ[REQUEST_ID] = identifier
    token = current_request_id.set(identifier)
    try:
        with prepare(request, registry), request.tm:
            yield request
    finally:
        current_request_id.reset(token)


def new_request_id() -> str:
    """An id as every request has one; `flasky log` finds it."""
    return secrets.token_hex(8)
