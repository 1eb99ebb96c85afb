"""Rows as the driver gives them: the same as the ordinary way says, whatever happens to the connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Integer, NullPool, bindparam, column, literal, literal_column, select, table, text
from sqlalchemy.exc import InvalidRequestError, OperationalError, ProgrammingError

from flasky.database import Database, read_rows, read_value
from flasky.database.engine import make_engine

_HEADS = select(column("version_num")).select_from(table("alembic_version")).order_by(column("version_num"))
_SOME = _HEADS.limit(bindparam("most", type_=Integer()))
_NOTHING = _HEADS.where(column("version_num").is_(None))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A second set of engines on the application's database, as a site in production has them."""
    database = Database(database_url, strict=False)
    yield database
    database.dispose()


@pytest.fixture
def request_of(database: Database) -> Iterator[Callable[[], Any]]:
    """Makes requests whose `read` says that it was used."""
    opened: list[Any] = []

    class Request(SimpleNamespace):
        used = False

        @property
        def read(self) -> Any:
            self.used = True
            opened.append(database.read_engine.connect())
            return opened[-1]

    yield lambda: Request(registry={"flasky.database": database})
    for connection in opened:
        connection.close()


def test_it_says_what_the_ordinary_way_says_and_takes_no_connection_of_the_request(
    request_of: Callable[[], Any], database: Database
) -> None:
    request = request_of()
    with database.read_engine.connect() as connection:
        assert read_value(request, _HEADS) == connection.scalar(_HEADS)
    assert read_value(request, _NOTHING) is None
    assert not request.used


def test_rows_are_those_of_the_ordinary_way_with_the_values_that_the_statement_has(
    request_of: Callable[[], Any], database: Database
) -> None:
    request = request_of()
    for most in (1, 100):
        statement = _SOME.params(most=most)
        with database.read_engine.connect() as connection:
            assert read_rows(request, statement) == [tuple(row) for row in connection.execute(statement)]
    assert list(read_rows(request, _NOTHING)) == []
    assert read_rows(request, select(literal("50% of"), literal_column("7 % 4"))) == [("50% of", 3)]
    assert not request.used


def test_a_parameter_without_a_value_is_told_and_not_sent_the_ordinary_way(request_of: Callable[[], Any]) -> None:
    request = request_of()
    with pytest.raises(InvalidRequestError, match="most"):
        read_rows(request, _SOME)
    assert not request.used


def test_its_connection_goes_back_to_the_pool(request_of: Callable[[], Any], database: Database) -> None:
    request = request_of()
    for _time in range(30):
        read_value(request, _HEADS)
    assert database.read_engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_an_error_is_the_one_of_the_ordinary_way(request_of: Callable[[], Any]) -> None:
    request = request_of()
    with pytest.raises((OperationalError, ProgrammingError), match="no_such_table"):
        read_value(request, select(literal(1)).select_from(table("no_such_table")))
    assert request.used


def test_in_development_it_is_counted_as_every_statement(
    request_of: Callable[[], Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "strict", True)
    request = request_of()
    read_value(request, _HEADS)
    assert request.used


def test_f28_a_connection_that_the_server_closed_is_replaced_unseen(
    request_of: Callable[[], Any], database: Database
) -> None:
    if database.engine.dialect.name == "sqlite":
        return  # There is no server that could close anything.
    request = request_of()
    backend = read_value(request, select(text("pg_backend_pid()")))
    with make_engine(database.engine.url, poolclass=NullPool).begin() as administrator:
        administrator.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})
    assert read_value(request, select(text("pg_backend_pid()"))) != backend
