"""The page, and what stands in slots of others."""

from __future__ import annotations

from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from sqlalchemy import select

from flasky_board.kinds import KINDS
from flasky_board.models import Notice


@view_config(
    route_name="board.index",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    renderer="board/index.jinja2",
)
def index(request):
    """All notices."""
    return {"notices": _texts(request), "kinds": KINDS.contributions(request.registry).values()}


@view_config(route_name="board.index", request_method="POST", permission="board.pin")
def pin(request):
    """Only who may pin gets here."""
    request.db.add(Notice(text=request.params["text"], author_id=request.identity.user_id))
    return request.response


@view_config(route_name="board.api", request_method="GET", permission=NO_PERMISSION_REQUIRED, renderer="json")
def notices(request):
    """All notices, for programs."""
    return [{"text": text} for text in _texts(request)]


@view_config(route_name="board.manage", request_method="GET", permission="board.manage", renderer="board/manage.jinja2")
def manage(request):
    """For who looks after the board."""
    return {"notices": _texts(request)}


def _texts(request):
    return request.db.scalars(select(Notice.text).order_by(Notice.id)).all()


@view_config(route_name="board.broken", request_method="GET", permission=NO_PERMISSION_REQUIRED, renderer="string")
def broken(_request):
    """Fails as a plug-in with a bug does."""
    raise ZeroDivisionError("a view of the board")


def footer(request):
    """A text in the footer, unless the visitor wants to see how a failing contribution looks."""
    if request.params.get("fail") == "sql":
        return request.read.exec_driver_sql("SELECT 1 FROM nothing_of_that_name").scalar()
    if "fail" in request.params:
        raise ZeroDivisionError("the board's footer")
    return "<board's footer>"
