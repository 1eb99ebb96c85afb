"""Search, feeds, and what search engines read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from sqlalchemy import func, select

from flasky.errors.exceptions import RefusedInput
from flasky.forms import storable
from flasky.languages import _
from flasky.parameters import parse_id
from flasky.plugins.blog import feeds, limits, reading, search
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.models import Post
from flasky.plugins.blog.reading import Bounds, Look, Part, Way
from flasky.plugins.blog.tags import canonical
from flasky.plugins.blog.views.common import back_to, bounds_of, see_other
from flasky.templating import SITE_NAME

_ENTRIES = 20
#: Ids in one part of the sitemap; a file may hold 50,000 addresses.
_PART = 10_000


@view_config(
    route_name="blog.search",
    request_method="GET",
    renderer="blog/search.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=2,
)
def find(request: Request) -> Mapping[str, Any] | Response:
    """What has all the words that were asked for, newest first."""
    asked = storable(" ".join(request.GET.get("q", "").split()))
    if len(asked) > limits.LONGEST_QUERY:
        raise RefusedInput(seen=f"{len(asked)} characters in q", expected=f"at most {limits.LONGEST_QUERY}")
    bounds, limit = bounds_of(request), request.registry.settings["blog.posts_per_page"]
    found = search.find(request.read, asked, bounds, limit) if asked else Part([], None, None)
    beginning = request.route_path("blog.search", _query={"q": asked})
    if asked and back_to(request, bounds, found) is not None:
        return see_other(beginning)
    return {
        "asked": asked,
        "found": found,
        "in_the_middle": bounds != Bounds(),
        "path_of_list": beginning,
        "look": Look(request),
        "most": limits.LONGEST_QUERY,
    }


@view_config(route_name="blog.feed", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=2)
def feed(request: Request) -> Response:
    """The newest posts."""
    rows = reading.everyone(request.read, Way.FIRST, None, _ENTRIES).rows
    return _feed(request, SITE_NAME, request.route_url("main.index"), rows)


@view_config(route_name="blog.feed_of_tag", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=3)
def feed_of_tag(request: Request) -> Response:
    """The newest posts with a tag."""
    name = canonical(request.matchdict["name"])
    tag_id = reading.tag_id(request.read, name)
    if tag_id is None:
        raise NotThere
    rows = reading.with_tag(request.read, tag_id, Way.FIRST, None, _ENTRIES).rows
    return _feed(request, f"{SITE_NAME}: {name}", request.route_url("blog.tag", name=name), rows)


@view_config(route_name="blog.feed_of_author", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=3)
def feed_of_author(request: Request) -> Response:
    """The newest posts of a member."""
    person = reading.member(request.read, parse_id(request.matchdict["id"]))
    if person is None:
        raise NotThere
    rows = reading.of_author(request.read, person.id, Way.FIRST, None, _ENTRIES).rows
    title = request.localizer.translate(_("Posts by ${name}", mapping={"name": person.username}))
    return _feed(request, f"{SITE_NAME}: {title}", request.route_url("blog.posts_of", id=person.id), rows)


def _feed(request: Request, title: str, page: str, rows: Sequence[Any]) -> Response:
    return Response(feeds.atom(request, title, page, rows), content_type="application/atom+xml", charset="utf-8")


@view_config(route_name="blog.sitemap", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def sitemap(request: Request) -> Response:
    """The parts of the sitemap: one for each ten thousand ids."""
    last = request.read.scalar(select(func.max(Post.id))) or 0
    parts = range(last // _PART + 1)
    return _xml(feeds.sitemap_index(request.route_url("blog.sitemap_part", part=part) for part in parts))


@view_config(route_name="blog.sitemap_part", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def sitemap_part(request: Request) -> Response:
    """The posts of one part that everybody can read."""
    first = int(request.matchdict["part"]) * _PART
    if first > limits.LARGEST_ID:
        raise NotThere
    ids = request.read.scalars(
        select(Post.id)
        .where(Post.id >= first, Post.id < min(first + _PART, limits.LARGEST_ID), Post.listed_at.is_not(None))
        .order_by(Post.id)
    )
    address = request.route_url("blog.post", id=0)[:-1]
    return _xml(feeds.sitemap(f"{address}{post_id}" for post_id in ids))


def _xml(document: bytes) -> Response:
    return Response(document, content_type="application/xml", charset="utf-8")


@view_config(route_name="blog.robots", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=0)
def robots(request: Request) -> Response:
    """What search engines may visit, and where the sitemap is."""
    routes = ("blog.moderate", "blog.search", "blog.write", "blog.notices", "blog.drafts")
    closed = (f"{request.route_path('accounts.account')}/", *(request.route_path(route) for route in routes))
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    lines.append(f"Sitemap: {request.route_url('blog.sitemap')}")
    return Response("\n".join(lines) + "\n", content_type="text/plain", charset="utf-8")
