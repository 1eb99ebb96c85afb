"""Pages that fail in every way and at every place that a request passes through; only tests see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pyramid.config import Configurator
from pyramid.events import NewResponse
from pyramid.httpexceptions import HTTPSeeOther, HTTPTooManyRequests, status_map
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.tweens import EXCVIEW
from pyramid_retry import mark_error_retryable
from sqlalchemy import text

from flasky.database import get_database
from flasky.errors.exceptions import RefusedFields
from flasky.languages import _


class Unspeakable(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Boom(Exception):
    """What the pages raise."""


def status(request: Request) -> Response:
    """Raise the HTTP error of a status, with a detail that is not meant for visitors."""
    raise status_map[int(request.matchdict["status"])]("SELECT secret FROM internals")


def view(_request: Request) -> Response:
    """Fail with a text that is hostile to logs and pages."""
    raise Boom("first\nsecond \x1b[31m<script>alert(1)</script>")


def unspeakable(_request: Request) -> Response:
    """Fail with an exception that has no text."""
    raise Unspeakable


def found(_request: Request) -> Response:
    """Raise a redirect."""
    raise HTTPSeeOther("/elsewhere", headers=[("Set-Cookie", "kept=1")])


def limited(_request: Request) -> Response:
    """Raise with a header, and a detail that is meant for visitors."""
    raise HTTPTooManyRequests(_("Home"), headers=[("Retry-After", "7")])


def fields(_request: Request) -> Response:
    """Refuse what was sent for two fields."""
    raise RefusedFields({"age": [_("Conflict")], "name": ["not <b>", "too long"]})


def flush(request: Request) -> Response:
    """Break a constraint in a flush."""
    request.db.execute(text("CREATE TEMPORARY TABLE once (id INTEGER PRIMARY KEY)"))
    request.db.execute(text("INSERT INTO once VALUES (1)"))
    request.db.execute(text("INSERT INTO once VALUES (1)"))
    return Response("not reached")


def commit(request: Request) -> Response:
    """Break a constraint that is looked at in the commit."""
    request.db.execute(text("CREATE TEMPORARY TABLE parent (id INTEGER PRIMARY KEY)"))
    reference = "REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED"
    request.db.execute(text(f"CREATE TEMPORARY TABLE child (parent INTEGER {reference})"))
    request.db.execute(text("INSERT INTO child VALUES (1)"))
    return Response("the view has returned")


def read(request: Request) -> Response:
    """Ask the database."""
    return Response(str(request.db.execute(text("SELECT 1")).scalar()))


def write(request: Request) -> Response:
    """Ask the database on the connection that may write."""
    return Response(str(request.db.execute(text("SELECT 1")).scalar()))


def store(request: Request) -> Response:
    """Write a row."""
    request.db.execute(text("INSERT INTO t VALUES (1)"))
    return Response("stored")


def number(request: Request) -> Response:
    """Ask for a number that no column can hold."""
    value = int(request.params["value"])
    return Response(str(request.db.execute(text("SELECT CAST(:value AS INTEGER)"), {"value": value}).scalar()))


def surrogate(request: Request) -> Response:
    """Ask for half of a character."""
    return Response(str(request.db.execute(text("SELECT :value"), {"value": "\ud800"}).scalar()))


def missing_table(request: Request) -> Response:
    """Ask for a table that no migration made."""
    return Response(str(request.db.execute(text("SELECT * FROM nobody_made_this")).all()))


def write_while_reading(request: Request) -> Response:
    """Write with plain SQL in a request that may only read."""
    request.db.execute(text("CREATE TABLE sneaky (id INTEGER)"))
    return Response("written")


def all_connections(request: Request) -> Response:
    """Wait for a connection while others have them all."""
    engine = get_database(request.registry).read_engine
    held = [engine.connect() for _number in range(engine.pool.size() + engine.pool._max_overflow)]
    try:
        return Response(str(request.db.execute(text("SELECT 1")).scalar()))
    finally:
        for connection in held:
            connection.close()


def busy(request: Request) -> Response:
    """Fail as often as the query says, in a way that is worth another attempt."""
    count = request.environ["test.attempts"] = request.environ.get("test.attempts", 0) + 1
    if count <= int(request.params["failures"]):
        error = Boom(f"attempt {count}")
        mark_error_retryable(error)
        raise error
    return Response(f"attempt {count}")


def callback(request: Request) -> Response:
    """Fail in a response callback."""

    def fail(_request: Request, _response: Response) -> None:
        raise Boom("in a response callback")

    request.add_response_callback(fail)
    return Response("fine")


def view_and_callback(request: Request) -> Response:
    """Fail in the view, then in a response callback."""
    callback(request)
    raise Boom("in the view")


def header(request: Request) -> Response:
    """Send a header that HTTP cannot carry."""
    response = Response("fine")
    response.headers["X-Odd"] = {"break": "a\r\nSet-Cookie: stolen=1", "chinese": "胡同", "nul": "a\0b"}[
        request.params["kind"]
    ]
    return response


class Body:
    """A body that fails at a chunk, and notices that it is closed."""

    closed = 0

    def __init__(self, chunks: int) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for _number in range(self._chunks):
            yield b"chunk"
        raise Boom("in the body")

    def close(self) -> None:
        """Count."""
        Body.closed += 1


def body(request: Request) -> Response:
    """Fail while the body is made."""
    return Response(app_iter=Body(int(request.params["chunks"])))


def fine(_request: Request) -> Response:
    """Work."""
    return Response("fine")


def secret_in_path(_request: Request) -> Response:
    """Fail under a path that holds a secret."""
    raise Boom("no matter")


def failing_tween(handler: Callable[[Request], Response], _registry: Any) -> Callable[[Request], Response]:
    """A tween above everything that fails when it is told to."""

    def tween(request: Request) -> Response:
        if request.headers.get("X-Fail") == "tween":
            raise Boom("in a tween")
        return handler(request)

    return tween


def failing_hook(event: NewResponse) -> None:
    """A subscriber that fails when it is told to."""
    if event.request.headers.get("X-Fail") == "hook":
        raise Boom("in a hook")


_VIEWS = (
    view,
    unspeakable,
    found,
    limited,
    fields,
    flush,
    commit,
    read,
    write,
    store,
    number,
    surrogate,
    missing_table,
    write_while_reading,
    all_connections,
    busy,
    callback,
    view_and_callback,
    header,
    body,
    fine,
)


def includeme(config: Configurator) -> None:
    """Register the pages, the tween and the hook."""
    config.add_route("failing.status", "/failing/status/{status}")
    config.add_view(status, route_name="failing.status", permission=NO_PERMISSION_REQUIRED, require_csrf=False)
    config.add_route("failing.secret", "/failing/secret/{token}")
    config.add_view(secret_in_path, route_name="failing.secret", permission=NO_PERMISSION_REQUIRED)
    config.add_route("failing.closed", "/failing/closed")
    config.add_view(fine, route_name="failing.closed", request_method="POST", permission="failing.permission")
    config.add_view(fine, route_name="failing.closed", request_method="GET", permission="failing.permission")
    for function in _VIEWS:
        name = function.__name__
        config.add_route(f"failing.{name}", f"/failing/{name}")
        config.add_view(function, route_name=f"failing.{name}", permission=NO_PERMISSION_REQUIRED, require_csrf=False)
    config.add_tween("failing_pages.failing_tween", over=EXCVIEW)
    config.add_subscriber(failing_hook, NewResponse)
