"""`request.db` and `request.read`: what is stored, what is not, and that connections come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flasky_shelf.models import Book, Shelf
from pyramid.request import Request
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import Session
from webtest import TestApp

from flasky.database import get_database
from flasky.database.session import WriteInReadOnlyRequest
from flasky.logs import SHOWN_PATH


def names(db: Session) -> list[str]:
    return list(db.scalars(select(Shelf.name).order_by(Shelf.id)))


@pytest.mark.parametrize("page", ["orm", "raw", "core", "connection"])
def test_p6_whatever_way_a_row_is_written_it_is_stored(testapp: TestApp, db: Session, page: str) -> None:
    testapp.post(f"/shelf/{page}")
    assert len(names(db)) == 1


@pytest.mark.parametrize(("page", "status"), [("refuse", 400), ("raise_refusal", 400)])
def test_p7_an_answer_that_refuses_stores_nothing(testapp: TestApp, db: Session, page: str, status: int) -> None:
    testapp.post(f"/shelf/{page}", status=status)
    assert names(db) == []


@pytest.mark.parametrize(("page", "name"), [("redirect", "returned"), ("raise_redirect", "raised")])
def test_p7_a_redirect_stores_whether_returned_or_raised(testapp: TestApp, db: Session, page: str, name: str) -> None:
    testapp.post(f"/shelf/{page}", status=303)
    assert names(db) == [name]


@pytest.mark.parametrize("page", ["fail", "savepoint"])
def test_p2_a_view_that_raises_leaves_nothing_not_even_from_a_savepoint(
    testapp: TestApp, db: Session, page: str
) -> None:
    testapp.post(f"/shelf/{page}", status=500)
    assert names(db) == []


def test_p2_a_savepoint_that_is_rolled_back_undoes_only_itself(testapp: TestApp, db: Session) -> None:
    testapp.post("/shelf/rolled_back_savepoint")
    assert names(db) == ["outer"]


@pytest.mark.parametrize("page", ["late_failure", "fail", "refuse", "names", "read_names", "orm"])
def test_p8_f33_every_connection_comes_back(testapp: TestApp, app: Any, page: str) -> None:
    method = testapp.get if page.endswith("names") else testapp.post
    for _ in range(3):
        method(f"/shelf/{page}", expect_errors=True)
    database = get_database(app.registry)
    assert (database.engine.pool.checkedout(), database.read_engine.pool.checkedout()) == (0, 0)


def test_p8_an_error_in_the_commit_gets_its_page_and_stores_nothing(testapp: TestApp, db: Session) -> None:
    response = testapp.post("/shelf/late_failure", expect_errors=True)
    assert response.status_int in {409, 500}
    assert "looks well" not in response
    assert names(db) == []


@pytest.mark.parametrize("page", ["orm", "raw", "core", "connection", "read_raw", "bulk_delete"])
def test_a_get_that_writes_fails_with_words_and_changes_nothing(
    testapp: TestApp, db: Session, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    db.add(Shelf(name="kept"))
    db.commit()
    response = testapp.get(f"/shelf/{page}", expect_errors=True)
    if page == "orm":
        # Nothing asked the unit of work to send anything; what was added is forgotten with the session.
        assert response.status_int == 200
    else:
        assert response.status_int == 500
        assert f"GET /shelf/{page} tried to change the database: only POST" in caplog.text
    assert names(db) == ["kept"]


def test_a_flush_in_a_get_is_refused_before_it_is_tried(app: Any) -> None:
    with get_database(app.registry).reader() as session:
        session.add(Shelf(name="never"))
        with pytest.raises(WriteInReadOnlyRequest):
            session.flush()


def test_writes_in_a_reading_session_outside_of_requests_are_refused_too(app: Any) -> None:
    with (
        get_database(app.registry).read_engine.connect() as connection,
        pytest.raises(WriteInReadOnlyRequest, match="Something that only reads"),
    ):
        connection.execute(text("DELETE FROM shelves"))


def test_reading_needs_no_transaction_and_one_statement(
    testapp: TestApp, db: Session, statements: Callable[[], list[str]]
) -> None:
    db.add_all([Shelf(name="a"), Shelf(name="b")])
    db.commit()
    for page in ("names", "read_names"):
        assert testapp.get(f"/shelf/{page}").text == "a b"
        assert len(statements()) == 1


def filled(db: Session) -> None:
    for name in ("a", "b"):
        shelf = Shelf(name=name)
        shelf.books = [Book(title=f"{name}1"), Book(title=f"{name}2")]
        db.add(shelf)
    db.commit()


@pytest.mark.parametrize("page", ["lazy", "lazy_below"])
def test_lazy_loading_raises_in_development_and_tests(
    testapp: TestApp, db: Session, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    filled(db)
    testapp.get(f"/shelf/{page}", status=500)
    assert InvalidRequestError.__name__ in caplog.text
    assert "is not available due to lazy='raise_on_sql'" in caplog.text


@pytest.mark.parametrize(("page", "text"), [("eager", "2 2"), ("joined", "a a b b"), ("dynamic", "2 2")])
def test_saying_what_is_needed_is_not_lazy(testapp: TestApp, db: Session, page: str, text: str) -> None:
    filled(db)
    assert testapp.get(f"/shelf/{page}").text == text


def test_deleting_a_parent_works_where_lazy_loading_raises(app: Any, db: Session) -> None:
    """The unit of work loads what it needs to delete; that is not a page that forgot to ask."""
    filled(db)
    with get_database(app.registry).writer() as session:
        shelf = session.scalars(select(Shelf).limit(1)).one()
        for book in session.scalars(select(Book).where(Book.shelf_id == shelf.id)):
            session.delete(book)
        session.delete(shelf)
        session.commit()
    assert names(db) == ["b"]


def test_p24_row_8_a_failed_flush_says_what_to_do_and_the_session_lives_on(db: Session) -> None:
    db.add(Shelf(name="one"))
    db.commit()
    db.add(Shelf(name="one"))
    with pytest.raises(IntegrityError):
        db.flush()
    db.rollback()
    assert names(db) == ["one"]


def test_tok_04_what_a_programmer_is_told_holds_no_secret_of_the_path() -> None:
    """TOK-04, LOG-01: the text of this error goes into the log."""
    request = Request.blank("/reset/canary")
    request.environ[SHOWN_PATH] = "/reset/(hidden)"
    assert "canary" not in str(WriteInReadOnlyRequest(request))
    assert "GET /reset/(hidden)" in str(WriteInReadOnlyRequest(request))
