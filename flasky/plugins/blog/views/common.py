"""What the views share: where a list is asked for, who reads, and what a service refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _
from flasky.parameters import number_parameter
from flasky.plugins.accounts.services import Fault
from flasky.plugins.blog import pace
from flasky.plugins.blog.reading import Bounds, Cursor, Part, Reader, Way, parse_cursor


def place(request: Request) -> tuple[Way, Cursor | None]:
    """Which part of a list the query asks for. Raises RefusedInput (400)."""
    if not request.query_string:
        return Way.FIRST, None
    for name, way in (("older", Way.OLDER), ("newer", Way.NEWER)):
        text = request.GET.get(name)
        if text is not None:
            cursor = parse_cursor(text)
            if cursor is None:
                raise RefusedInput(seen=f"{name}={ascii(text[:40])[1:-1]}", expected=_("a place that a link names"))
            return way, cursor
    return Way.FIRST, None


def bounds_of(request: Request) -> Bounds:
    """Which part of a list in the order of its ids the query asks for. Raises RefusedInput (400)."""
    if not request.query_string:
        return Bounds()
    below = number_parameter(request, "before", default=0)
    above = number_parameter(request, "after", default=0)
    return Bounds(below, 0 if below else above)


class Page(NamedTuple):
    """A part of a list, and whether it begins somewhere in the middle of it."""

    part: Part
    in_the_middle: bool


def page_of(
    request: Request, read: Callable[[Bounds], Part], *, ascending: bool = False, beginning: str | None = None
) -> Page:
    """What `read` finds of a list in the order of its ids, in the bounds that the query asks for.

    Raises RefusedInput (400), and HTTPSeeOther to the `beginning` of the list, this path unless told, where a link
    towards it has arrived there: a short page would be all there is.
    """
    bounds = bounds_of(request)
    part = read(bounds)
    turned = bounds.below if ascending else bounds.above
    if turned and part.back is None:
        raise see_other(beginning or str(request.path))
    return Page(part, bounds != Bounds())


def reader_of(request: Request) -> Reader:
    """Who reads."""
    identity = request.identity
    if identity is None:
        return Reader()
    return Reader(identity.user_id, "blog.moderate" in identity.permissions)


def may(request: Request, permission: str) -> bool:
    """Whether the visitor has a permission."""
    return request.identity is not None and permission in request.identity.permissions


def may_preview(request: Request, *, is_switched: bool) -> bool:
    """Count a preview. Raises TooManyTries for who asked for one too often; the switch of languages goes without."""
    if is_switched:
        return pace.allows_preview(request.accounts)
    pace.of_member(request.accounts, pace.PREVIEWS)
    return True


def see_other(path: str) -> HTTPSeeOther:
    """Go on to a page of this site."""
    return HTTPSeeOther(path)


def show_fault(form: Any, fault: Fault) -> None:
    """Put what a service refuses beside its field, or beside the first."""
    field = form[fault.field] if fault.field in form else next(iter(form))
    field.errors = [*field.errors, fault.reason]
    field.render_kw = {**(field.render_kw or {}), "autofocus": True}
