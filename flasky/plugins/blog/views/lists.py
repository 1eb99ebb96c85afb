"""Lists of posts: the home page, a tag, a member."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup
from pyramid.renderers import render
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.cookies import cookie_name, set_cookie
from flasky.database import read_value
from flasky.parameters import parse_id
from flasky.plugins.blog import kept, reading, timeline
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.following import FOLLOWING, standing
from flasky.plugins.blog.reading import Cursor, Listing, Look, Way
from flasky.plugins.blog.tags import canonical
from flasky.plugins.blog.views.common import may, place, reader_of, see_other
from flasky.templating import get_environment

_COOKIE = "posts"
_FOLLOWED = "followed"
#: The template of the home page.
HOME = "blog/home.jinja2"
#: How many posts a profile shows.
_ON_PROFILE = 5


def home(request: Request) -> Mapping[str, Any] | Response:
    """The newest posts of everybody, or of those whom the visitor follows."""
    way, cursor = place(request)
    limit = request.registry.settings["blog.posts_per_page"]
    if request.identity is not None:
        # Who may not follow has no button that leads back to everyone.
        may_follow = may(request, "blog.follow")
        followed = may_follow and request.cookies.get(cookie_name(request, _COOKIE)) == _FOLLOWED
        if followed:
            me, following = request.identity.user_id, request.identity.values[FOLLOWING] or 0
            listing = timeline.of_followed(request.read, me, following, way, cursor, limit)
        else:
            listing = _everyone(request, way, cursor, limit)
        return _page(request, way, listing) or {
            "posts": _rendered(request, listing) if listing.rows or cursor or not followed else _nobody_yet(request),
            "followed": followed if may_follow else None,
            "may_write": may(request, "blog.write"),
        }
    if way is Way.FIRST and request.registry.settings["blog.keep_lists"]:
        return _kept_home(request, limit)
    listing = _everyone(request, way, cursor, limit)
    return _page(request, way, listing) or {"posts": _rendered(request, listing)}


def _everyone(request: Request, way: Way, cursor: Cursor | None, limit: int) -> Listing:
    return reading.newest(request, limit) if way is Way.FIRST else reading.everyone(request.read, way, cursor, limit)


def _nobody_yet(request: Request) -> Markup:
    """In place of the empty list of those whom somebody follows: how to find people."""
    template = get_environment(request.registry).get_template("blog/nobody_yet.jinja2")
    may_see_people = may(request, "accounts.see_people")
    return Markup(template.render(request=request, may_see_people=may_see_people))  # noqa: S704 - a template's output


def _kept_home(request: Request, limit: int) -> Mapping[str, Any] | Response:
    version = read_value(request, reading.LIST_VERSION)

    def make() -> Mapping[str, Any]:
        listing = reading.newest(request, limit)
        return {"posts": _rendered(request, listing)}

    if not kept.is_whole_page(request):
        return {"posts": kept.kept(request, "list", version, lambda: make()["posts"])}
    etag = kept.etag(request, version)
    headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}
    # Browsers send the one tag that they have: to read a list of them takes longer than all else of the answer.
    if request.environ.get("HTTP_IF_NONE_MATCH") == headers["ETag"] or etag in request.if_none_match:
        return Response(status=304, headerlist=list(headers.items()))
    page = kept.kept(request, kept.PAGE, version, lambda: Markup(render(HOME, make(), request)))  # noqa: S704 - as above
    response = Response(page.encode())
    response.headers.update(headers)
    return response


@view_config(route_name="blog.show", request_method="POST", permission="blog.follow")
def show(request: Request) -> Response:
    """Remember in this browser whose posts the home page shows."""
    response = see_other(request.route_path("main.index"))
    set_cookie(request, response, _COOKIE, request.matchdict["whose"], max_age=365 * 86400)
    return response


@view_config(
    route_name="blog.tag",
    request_method="GET",
    renderer="blog/tag.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=3,
)
def tag(request: Request) -> Mapping[str, Any] | Response:
    """The posts with a tag."""
    asked = request.matchdict["name"]
    name = canonical(asked)
    if name != asked:
        # With the place in the list.
        return see_other(request.route_path("blog.tag", name=name, _query=request.GET))
    tag_id = reading.tag_id(request.read, name)
    if tag_id is None:
        raise NotThere
    return _list(request, lambda *where: reading.with_tag(request.read, tag_id, *where), {"tag": name})


@view_config(
    route_name="blog.posts_of",
    request_method="GET",
    renderer="blog/posts_of.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=4,
)
def posts_of(request: Request) -> Mapping[str, Any] | Response:
    """The posts of a member, and how they stand; moderators find those of who has no profile any more."""
    reader = reader_of(request)
    person = reading.member(request.read, parse_id(request.matchdict["id"]), left_too=reader.moderates)
    if person is None:
        raise NotThere
    values = {"person": person, "may_hide": reader.moderates and reader.user_id != person.id}
    if person.has_profile:
        values |= _standing(request, person.id)
    return _list(request, lambda *where: reading.of_author(request.read, person.id, *where), values)


def on_profile(request: Request, member: Any) -> Markup:
    """What the blog adds to a member's profile: how they stand, and their newest posts. Two statements."""
    listing = reading.of_author(request.read, member.id, Way.FIRST, None, _ON_PROFILE)
    reader = reader_of(request)
    may_hide = reader.moderates and reader.user_id != member.id
    shown = _rendered(request, Listing(listing.rows, None, None))
    values = {"person": member, "may_hide": may_hide, "older": listing.older, "posts": shown}
    rendered = get_environment(request.registry).get_template("blog/on_profile.jinja2")
    text = rendered.render(request=request, on_profile=True, **values, **_standing(request, member.id))
    return Markup(text)  # noqa: S704 - a template's output, escaped where it was made


def _standing(request: Request, user_id: int) -> dict[str, Any]:
    return {
        "standing": standing(request.accounts, user_id),
        "can_follow": may(request, "blog.follow") and request.identity.user_id != user_id,
    }


def _list(request: Request, read: Callable[..., Listing], values: Mapping[str, Any]) -> Mapping[str, Any] | Response:
    way, cursor = place(request)
    listing = read(way, cursor, request.registry.settings["blog.posts_per_page"])
    return _page(request, way, listing) or {**values, "posts": _rendered(request, listing)}


def _page(request: Request, way: Way, listing: Listing) -> Response | None:
    """A redirect to the beginning of the list where "newer" has led to it: a short page would be all there is."""
    if way is Way.NEWER and listing.newer is None:
        return see_other(request.path)
    return None


def _rendered(request: Request, listing: Listing) -> Markup:
    # Beyond the end: a template of its own, as each name in that of the list is looked for at each visit.
    name = "blog/posts.jinja2" if listing.rows or "older" not in request.GET else "blog/end_of_list.jinja2"
    template = get_environment(request.registry).get_template(name)
    rows = Look(request).rows(listing)
    rendered = template.render(
        request=request,
        rows=rows,
        newer=listing.newer,
        older=listing.older,
        path_of_list=request.path,
    )
    return Markup(rendered)  # noqa: S704 - a template's output, escaped where it was made
