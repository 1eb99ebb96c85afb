"""The resources of the blog's API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.errors.exceptions import RefusedInput
from flasky.forms import storable
from flasky.languages import _
from flasky.parameters import parse_id, parse_limit
from flasky.plugins.blog import comments, following, limits, pace, posts, reading, search, timeline
from flasky.plugins.blog.api.shapes import Shape, Shapes
from flasky.plugins.blog.api.versions import etag_of
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.following import FOLLOWING
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.reading import Listing, Source
from flasky.plugins.blog.tags import canonical
from flasky.plugins.blog.views.common import bounds_of, place, reader_of


@view_config(
    route_name="blog.api.posts", request_method="GET", renderer="json", permission=NO_PERMISSION_REQUIRED, statements=1
)
def list_posts(request: Request) -> Shape:
    """The newest posts of everybody."""
    return _posts(request, partial(reading.for_programs, request.read, Source.EVERYONE))


@view_config(
    route_name="blog.api.tag", request_method="GET", renderer="json", permission=NO_PERMISSION_REQUIRED, statements=2
)
def list_tagged(request: Request) -> Shape:
    """The newest posts with a tag."""
    tag = reading.tag_id(request.read, canonical(request.matchdict["name"]))
    if tag is None:
        raise NotThere
    return _posts(request, partial(reading.for_programs, request.read, Source.TAG, tag=tag))


@view_config(
    route_name="blog.api.member_posts",
    request_method="GET",
    renderer="json",
    permission=NO_PERMISSION_REQUIRED,
    statements=2,
)
def list_posts_of(request: Request) -> Shape:
    """The newest posts of a member."""
    return _posts(request, partial(reading.for_programs, request.read, Source.AUTHOR, author=_person(request).id))


@view_config(
    route_name="blog.api.timeline",
    request_method="GET",
    renderer="json",
    permission="blog.follow",
    statements=timeline.MOST_STATEMENTS,
)
def list_followed(request: Request) -> Shape:
    """The newest posts of those whom one follows, and one's own."""
    me, number = request.identity.user_id, request.identity.values[FOLLOWING] or 0
    return _posts(request, partial(timeline.of_followed, request.read, me, number, columns=reading.FOR_PROGRAMS))


@view_config(route_name="blog.api.drafts", request_method="GET", renderer="json", permission="blog.write", statements=1)
def list_unlisted(request: Request) -> Shape:
    """One's drafts, and those of one's posts that a moderator has hidden, the last begun first."""
    found = posts.unlisted(request.accounts, bounds_of(request), _limit(request))
    return _part(request, "posts", map(Shapes(request).unlisted, found.rows), newer=found.back, older=found.on)


@view_config(
    route_name="blog.api.search", request_method="GET", renderer="json", permission=NO_PERMISSION_REQUIRED, statements=2
)
def find(request: Request) -> Shape:
    """The posts that have all words of `q`, the last begun first."""
    asked = storable(" ".join(request.GET.get("q", "").split()))
    if not asked or len(asked) > limits.LONGEST_QUERY:
        raise RefusedInput(
            seen=_("${number} characters to be searched for", mapping={"number": len(asked)}),
            expected=_("q= with 1 to ${most} characters", mapping={"most": limits.LONGEST_QUERY}),
        )
    pace.of_reader(request.accounts, pace.SEARCHES)
    found = search.find_for_programs(request.read, asked, bounds_of(request), _limit(request))
    return _part(request, "posts", map(Shapes(request).listed, found.rows), newer=found.back, older=found.on)


@view_config(
    route_name="blog.api.post", request_method="GET", renderer="json", permission=NO_PERMISSION_REQUIRED, statements=1
)
def show_post(request: Request) -> Shape | Response:
    """A post; its author sees a draft, and what is hidden its author and moderators."""
    post = posts.find(request.accounts, parse_id(request.matchdict["id"]))
    return _one(request, post, Shapes(request).post(post))


@view_config(
    route_name="blog.api.comments",
    request_method="GET",
    renderer="json",
    permission=NO_PERMISSION_REQUIRED,
    statements=2,
)
def list_comments(request: Request) -> Shape:
    """The comments on a post, the oldest first."""
    post = posts.outline(request.accounts, parse_id(request.matchdict["id"]))
    limit = _limit(request, "blog.comments_per_page")
    found = reading.comments_for_programs(request.read, post.id, reader_of(request), bounds_of(request), limit)
    shapes = Shapes(request)
    rows = (shapes.comment(row, post.id) for row in found.rows)
    return _part(request, "comments", rows, newer=found.on, older=found.back)


@view_config(
    route_name="blog.api.comment",
    request_method="GET",
    renderer="json",
    permission=NO_PERMISSION_REQUIRED,
    statements=1,
)
def show_comment(request: Request) -> Shape | Response:
    """A comment; one's own below a hidden post of somebody else's, too."""
    comment = comments.find(request.accounts, parse_id(request.matchdict["id"]), own_too=True)
    return _one(request, comment, Shapes(request).whole_comment(comment))


@view_config(
    route_name="blog.api.member", request_method="GET", renderer="json", permission=NO_PERMISSION_REQUIRED, statements=2
)
def show_member(request: Request) -> Shape:
    """A member who has a profile, with how many follow them and they follow."""
    person = _person(request)
    return Shapes(request).member(person, following.standing(request.accounts, person.id))


@view_config(
    route_name="blog.api.followers",
    request_method="GET",
    renderer="json",
    permission=NO_PERMISSION_REQUIRED,
    statements=2,
)
@view_config(
    route_name="blog.api.following",
    request_method="GET",
    renderer="json",
    permission=NO_PERMISSION_REQUIRED,
    statements=2,
)
def list_people(request: Request) -> Shape:
    """Who follows a member, or whom they follow; who joined first comes first."""
    person = _person(request)
    read = following.followers if request.matched_route.name == "blog.api.followers" else following.following
    found = read(request.accounts, person.id, bounds_of(request), _limit(request))
    return _part(request, "members", map(Shapes(request).person, found.rows), newer=found.on, older=found.back)


def _person(request: Request) -> Any:
    """The member whom the address names. Raises NotThere for nobody, and for who has no profile."""
    person = reading.member(request.read, parse_id(request.matchdict["id"]))
    if person is None:
        raise NotThere
    return person


def _limit(request: Request, setting: str = "blog.posts_per_page") -> int:
    return parse_limit(request, default=request.registry.settings[setting], most=limits.MOST_LISTED)


def _posts(request: Request, read: Callable[..., Listing]) -> Shape:
    """What `read` finds from the place on that the query names."""
    way, cursor = place(request)
    listing = read(way, cursor, _limit(request))
    rows = map(Shapes(request).listed, listing.rows)
    return {
        "posts": list(rows),
        "newer": _address(request, "newer", listing.newer),
        "older": _address(request, "older", listing.older),
    }


def _part(request: Request, name: str, rows: Iterable[Shape], newer: int | None, older: int | None) -> Shape:
    """A part of a list in the order of its ids, with the ids where it goes on."""
    return {name: list(rows), "newer": _address(request, "after", newer), "older": _address(request, "before", older)}


def _address(request: Request, parameter: str, where: object) -> str | None:
    """Where a list goes on, with what else was asked for; None where it does not."""
    if where is None:
        return None
    kept = {name: request.GET[name] for name in ("q", "limit") if name in request.GET}
    return f"{request.path_url}?{urlencode({**kept, parameter: where})}"


def _one(request: Request, thing: Post | Comment, shape: Shape) -> Shape | Response:
    """`shape` with its ETag, or 304 to who has it as it is."""
    etag = etag_of(thing, shape)
    if etag in request.if_none_match:
        return Response(status=304, etag=etag)
    request.response.etag = etag
    return shape
