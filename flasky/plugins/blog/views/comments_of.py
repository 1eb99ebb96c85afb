"""The comments of a member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.parameters import parse_id
from flasky.plugins.blog import commented, reading
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.reading import Bounds, Look, Part
from flasky.plugins.blog.views.common import page_of, reader_of


@view_config(
    route_name="blog.comments_of",
    request_method="GET",
    renderer="blog/comments_of.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=3,
)
def comments_of(request: Request) -> Mapping[str, Any]:
    """The comments of a member, newest first; moderators find those of who has no profile any more."""
    reader = reader_of(request)
    person = reading.member(request.read, parse_id(request.matchdict["id"]), left_too=reader.moderates)
    if person is None:
        raise NotThere
    limit = request.registry.settings["blog.comments_per_page"]

    def read(bounds: Bounds) -> Part:
        return commented.of_member(request.read, person.id, reader, bounds, limit)

    found, in_the_middle = page_of(request, read)
    return {
        "person": person,
        "comments": found,
        "in_the_middle": in_the_middle,
        "reader": reader,
        "may_hide": reader.moderates and reader.user_id != person.id,
        "look": Look(request),
    }
