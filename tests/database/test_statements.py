"""Statements in development and tests: counted, labelled, and held to a budget."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from webtest import TestApp

from flasky.courtesy import give_way
from flasky.database import get_database


@pytest.fixture
def sent(app: Any) -> Iterator[list[str]]:
    """Every statement as the driver gets it, with its comment."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    database = get_database(app.registry)
    engines: tuple[Engine, ...] = (database.engine, database.read_engine)
    for engine in engines:
        event.listen(engine, "after_cursor_execute", note)
    yield seen
    for engine in engines:
        event.remove(engine, "after_cursor_execute", note)


def test_each_statement_names_its_route_and_request(testapp: TestApp, sent: list[str]) -> None:
    response = testapp.get("/shelf/read_names")
    identifier = response.headers["X-Request-ID"]
    [statement] = [statement for statement in sent if "FROM shelves" in statement]
    assert statement.endswith(f"/* route=shelf.read_names request={identifier} */")


def test_statements_of_an_unsafe_request_are_labelled_too(testapp: TestApp, sent: list[str]) -> None:
    testapp.post("/shelf/orm")
    assert any("INSERT INTO shelves" in statement and "route=shelf.orm" in statement for statement in sent)


def test_a_page_over_its_budget_fails_and_lists_what_it_sent(
    testapp: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    testapp.get("/shelf/over_budget", status=500)
    assert "GET /shelf/over_budget sent 3 statements, its budget is 2" in caplog.text
    assert "  3. SELECT count(*)" in caplog.text


def test_a_page_within_its_budget_is_left_alone(testapp: TestApp, statements: Callable[[], list[str]]) -> None:
    testapp.get("/shelf/names", status=200)
    assert len(statements()) == 1


def test_who_is_signed_in_is_not_in_the_page_s_budget(
    testapp: TestApp, registry: Any, statements: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without statements of its own, met by somebody whom a statement makes known."""

    def ask(request: Any) -> None:
        request.read.execute(text("SELECT 1"))

    monkeypatch.setitem(registry, "flasky.identity", ask)
    testapp.get("/shelf/who", status=200)
    assert len(statements()) == 1


def test_outside_of_a_request_nothing_is_labelled(app: Any, sent: list[str]) -> None:
    with get_database(app.registry).read_engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert "SELECT 1" in sent


def test_in_production_nothing_is_watched(make_app: Callable[..., Any]) -> None:
    """A text that differs with each request would defeat the prepared statements of the driver."""
    app = make_app(
        flasky__environment="production",
        flasky__plugins="main accounts",
        flasky__secret_key=secrets.token_urlsafe(48),
        flasky__base_url="https://community.example.com",
    )
    database = get_database(app.registry)
    assert not database.strict
    assert not list(database.read_engine.dispatch.before_cursor_execute)
    # Who writes gives way, which leaves the text as it is.
    [_only] = database.engine.dispatch.before_cursor_execute
    assert event.contains(database.engine, "before_cursor_execute", give_way)
