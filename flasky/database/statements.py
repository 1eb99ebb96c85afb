"""Watching statements in development and tests: each says who sent it, and each page has a budget.

A statement carries a comment with the route and the request's id, so that a slow one in the database's log can be
traced to its page. In production nothing is added: a text that differs with every request would defeat the
prepared statements of the PostgreSQL driver.

A view states its budget in its decorator (``statements=2``); the default is `DEFAULT_BUDGET`. A page that sends
more raises `StatementBudgetExceeded`, which lists what was sent. What it costs to know who is signed in is not
counted: it depends on the visitor, not on the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from sqlalchemy import Connection, Engine, event

from flasky.database.session import get_database
from flasky.logs import shown_path

DEFAULT_BUDGET = 10

#: In the request's environ: how many statements it took to know who sends the request.
IDENTITY_STATEMENTS = "flasky.identity_statements"

_TRANSACTION_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")

View = Callable[[Any, Request], Any]


class StatementBudgetExceeded(Exception):
    """A view sent more statements than it says it needs."""


def includeme(config: Configurator) -> None:
    """Add the view option `statements`; in development and tests count, label and hold views to their budget."""
    keep_budget.options = ("statements",)  # type: ignore[attr-defined]
    config.add_view_deriver(keep_budget, "statement_budget")
    database = get_database(config.registry)
    if database.strict:
        config.add_request_method(lambda request: [], "statements", reify=True)
        for engine in (database.engine, database.read_engine):
            watch(engine)


def watch(engine: Engine) -> None:
    """Note each statement on the request that sends it, and add the comment that names it."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def label(
        _connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        request = get_current_request()
        sent = getattr(request, "statements", None)
        if sent is None or statement[:10].upper().startswith(_TRANSACTION_WORDS):
            return statement, parameters
        sent.append(statement)
        route = getattr(getattr(request, "matched_route", None), "name", "none")
        # A % would be a placeholder to the driver, and */ would end the comment.
        return f"{statement} /* route={_plain(route)} request={_plain(request.id)} */", parameters


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub("_", text)


def keep_budget(view: View, info: Any) -> View:
    """A view deriver that raises StatementBudgetExceeded when the view sends more than its budget."""
    if not get_database(info.registry).strict:
        return view
    budget = DEFAULT_BUDGET if info.options.get("statements") is None else info.options["statements"]

    def counted(context: Any, request: Request) -> Any:
        before, known = len(request.statements), request.environ.get(IDENTITY_STATEMENTS, 0)
        response = view(context, request)
        sent = request.statements[before:]
        if len(sent) - (request.environ.get(IDENTITY_STATEMENTS, 0) - known) > budget:
            listing = "\n".join(f"  {number}. {statement}" for number, statement in enumerate(sent, 1))
            raise StatementBudgetExceeded(
                f"{request.method} {shown_path(request.environ)} sent {len(sent)} statements, its budget is {budget}. "
                f"Load what the page needs with fewer, or raise statements=… on its view:\n{listing}"
            )
        return response

    return counted
