"""What fails: the header X-Fail says which of them, and how."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyramid.httpexceptions import HTTPGone
from pyramid.request import Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flasky.events import Refusal


class Bug(Exception):
    """What a plug-in with a bug raises."""


@dataclass(frozen=True)
class Written:
    """Something was written in the transaction of `session`."""

    request: Request
    session: Session


def fail(request: Request, place: str) -> None:
    """Fail as the request says, if it means this place."""
    wanted, _, how = request.headers.get("X-Fail", "").partition(" ")
    if wanted != place:
        return
    if how == "refuse":
        raise Refusal("no")
    if how == "gone":
        raise HTTPGone
    if how == "sql":
        session: Any = request.db
        session.execute(text("SELECT 1 FROM nothing_of_that_name"))
    raise Bug(f"in the {place}")


def write_and_fail(request: Request, place: str) -> None:
    """Queue a mail, which nobody may get, if the request means this place; then fail, in the database if it says so."""
    wanted, _, how = request.headers.get("X-Fail", "").partition(" ")
    if wanted == place:
        request.send_mail("hook@example.com", "Of the hook", "mail/faulty", number=1)
        request.db.flush()
        if how == "sql":
            request.db.execute(text("SELECT 1 FROM nothing_of_that_name"))
        if how == "swallowed":
            with contextlib.suppress(DBAPIError):
                request.db.execute(text("SELECT 1 FROM nothing_of_that_name"))
            request.db.execute(text("SELECT 1"))
        raise Bug(f"{place}, after it wrote")


def tween(handler: Callable[[Request], Any], _registry: Any) -> Callable[[Request], Any]:
    """A tween."""

    def faulty_tween(request: Request) -> Any:
        fail(request, "tween")
        return handler(request)

    return faulty_tween


def on_request(event: Any) -> None:
    """A subscriber, before anything else."""
    write_and_fail(event.request, "early")
    fail(event.request, "request")


def on_response(event: Any) -> None:
    """A subscriber when the answer is there, and its transaction has ended."""
    write_and_fail(event.request, "late")
    fail(event.request, "response")


def on_chosen(event: Any) -> None:
    """A subscriber to an event of the kernel's."""
    fail(event.request, "language")


def on_written(event: Written) -> None:
    """A subscriber inside of a transaction, which has written by then."""
    event.request.send_mail("hook@example.com", "Of the hook", "mail/faulty", number=1)
    fail(event.request, "written")


def fill(request: Request) -> str:
    """A slot."""
    write_and_fail(request, "filling")
    fail(request, "slot")
    if request.headers.get("X-Fail") == "reading":
        request.db.execute(text("SELECT 1"))
    return "filled by faulty"


def check(registry: Any) -> None:
    """A health check."""
    if registry.get("test.sick"):
        raise Bug("in the check")


def work(request: Request) -> None:
    """A job with a bug: what it stored before is taken back."""
    request.send_mail("job@example.com", "Of the job", "mail/faulty", number=1)
    raise Bug("in the job")
