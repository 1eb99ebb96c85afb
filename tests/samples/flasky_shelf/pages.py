"""Pages that use the database rightly and wrongly."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPBadRequest, HTTPSeeOther
from pyramid.request import Request
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import joinedload, selectinload

from flasky.database import get_database
from flasky_shelf.models import Book, Shelf

ADD = text("INSERT INTO shelves (name, number) VALUES ('raw', 0)")


def orm(request: Request) -> str:
    """Add a shelf through the unit of work."""
    request.db.add(Shelf(name="orm"))
    return "added"


def raw(request: Request) -> str:
    """Add a shelf with SQL through the session."""
    request.db.execute(ADD)
    return "added"


def core(request: Request) -> str:
    """Add a shelf with the table through the session."""
    request.db.execute(insert(Shelf.__table__).values(name="core", number=0))
    return "added"


def connection(request: Request) -> str:
    """Add a shelf through the session's connection."""
    request.db.connection().execute(ADD)
    return "added"


def read_raw(request: Request) -> str:
    """Try to add a shelf through `request.read`."""
    request.read.execute(ADD)
    return "added"


def bulk_delete(request: Request) -> str:
    """Delete with the ORM's bulk form, which never flushes."""
    request.db.execute(delete(Shelf))
    return "deleted"


def refuse(request: Request) -> Any:
    """Add a shelf and answer 400."""
    request.db.add(Shelf(name="refused"))
    request.response.status_int = 400
    return "refused"


def raise_refusal(request: Request) -> str:
    """Add a shelf and raise 400."""
    request.db.add(Shelf(name="refused"))
    request.db.flush()
    raise HTTPBadRequest("refused")


def redirect(request: Request) -> Any:
    """Add a shelf and answer with a redirect."""
    request.db.add(Shelf(name="returned"))
    return HTTPSeeOther("/shelf/names")


def raise_redirect(request: Request) -> Any:
    """Add a shelf and raise a redirect."""
    request.db.add(Shelf(name="raised"))
    raise HTTPSeeOther("/shelf/names")


def fail(request: Request) -> str:
    """Add a shelf and fail."""
    request.db.add(Shelf(name="failed"))
    request.db.flush()
    raise RuntimeError("after the flush")


def savepoint(request: Request) -> str:
    """A savepoint as the first statement, then a failure of everything (P2)."""
    with request.db.begin_nested():
        request.db.add(Shelf(name="inner"))
    raise RuntimeError("after the savepoint")


def rolled_back_savepoint(request: Request) -> str:
    """Only what stands in the savepoint is undone."""
    request.db.add(Shelf(name="outer"))
    request.db.flush()
    nested = request.db.begin_nested()
    request.db.add(Shelf(name="inner"))
    request.db.flush()
    nested.rollback()
    return "kept the outer one"


def late_failure(request: Request) -> str:
    """A constraint that breaks only while committing, when the view is done (P8, F33)."""
    request.db.add_all([Shelf(name="twice"), Shelf(name="twice")])
    return "looks well"


def names(request: Request) -> str:
    """The names of all shelves, through the ORM."""
    return " ".join(request.db.scalars(select(Shelf.name).order_by(Shelf.id)))


def read_names(request: Request) -> str:
    """The same over the Core connection."""
    return " ".join(request.read.execute(text("SELECT name FROM shelves ORDER BY id")).scalars())


names.budget = 1
read_names.budget = 1


def lazy(request: Request) -> str:
    """Load each shelf's books with a query of its own."""
    return " ".join(str(len(shelf.books)) for shelf in request.db.scalars(select(Shelf)))


def lazy_below(request: Request) -> str:
    """Load eagerly, then lazily one level further down."""
    books = request.db.scalars(select(Book).options(joinedload(Book.shelf)))
    return " ".join(str(len(book.shelf.books)) for book in books)


def eager(request: Request) -> str:
    """Say what the page needs."""
    return " ".join(
        str(len(shelf.books)) for shelf in request.db.scalars(select(Shelf).options(selectinload(Shelf.books)))
    )


def joined(request: Request) -> str:
    """The other direction."""
    books = request.db.scalars(select(Book).options(joinedload(Book.shelf)))
    return " ".join(book.shelf.name for book in books)


def dynamic(request: Request) -> str:
    """A relation that is a query."""
    return " ".join(str(shelf.many_books.count()) for shelf in request.db.scalars(select(Shelf)))


def over_budget(request: Request) -> str:
    """Send three statements where two are allowed."""
    for _ in range(3):
        request.db.scalar(select(func.count()).select_from(Shelf))
    return "too many"


over_budget.budget = 2


def who(request: Request) -> str:
    """Send nothing but what it takes to know the visitor."""
    return str(request.identity)


who.budget = 0


def count_up(request: Request) -> str:
    """Read, think, write: what loses updates unless somebody takes care (P1)."""
    shelf = request.db.get(Shelf, 1)
    shelf.number += 1
    return str(shelf.number)


def checked_out(request: Request) -> str:
    """How many connections are out."""
    database = get_database(request.registry)
    return f"{database.engine.pool.checkedout()} {database.read_engine.pool.checkedout()}"


PAGES = (
    orm,
    raw,
    core,
    connection,
    read_raw,
    bulk_delete,
    refuse,
    raise_refusal,
    redirect,
    raise_redirect,
    fail,
    savepoint,
    rolled_back_savepoint,
    late_failure,
    names,
    read_names,
    lazy,
    lazy_below,
    eager,
    joined,
    dynamic,
    over_budget,
    who,
    count_up,
    checked_out,
)
