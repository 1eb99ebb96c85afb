"""Search, feeds, and what search engines read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.database import read_value
from flasky.forms import storable
from flasky.languages import _
from flasky.parameters import parse_id
from flasky.plugins.blog import feeds, kept, limits, pace, reading, search, sitemaps, words
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.reading import Bounds, Look, Part, Source
from flasky.plugins.blog.tags import canonical
from flasky.plugins.blog.views.common import page_of
from flasky.templating import SITE_NAME

_ENTRIES = 20


@view_config(
    route_name="blog.search",
    request_method="GET",
    renderer="blog/search.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=2,
)
def find(request: Request) -> Mapping[str, Any]:
    """What has all the words that were asked for, newest first."""
    asked = storable(" ".join(request.GET.get("q", "").split()))
    is_too_long = len(asked) > limits.LONGEST_QUERY
    if is_too_long:
        # The page says so, with what was typed: a `maxlength` would cut what is pasted without a word.
        request.response.status_int = 400
    elif asked:
        pace.of_reader(request.accounts, pace.SEARCHES)
    limit = request.registry.settings["blog.posts_per_page"]
    beginning = request.route_path("blog.search", _query={"q": asked})

    def read(bounds: Bounds) -> Part:
        return search.find(request.read, asked, bounds, limit) if asked and not is_too_long else Part([], None, None)

    found, in_the_middle = page_of(request, read, beginning=beginning)
    return {
        "asked": asked,
        "found": found,
        "in_the_middle": in_the_middle,
        "path_of_list": beginning,
        "look": Look(request),
        "most": limits.LONGEST_QUERY,
        "is_too_long": is_too_long,
        "most_words": words.MOST_WORDS,
        "left_out": () if is_too_long else words.query(asked).left_out,
    }


@view_config(route_name="blog.feed", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=3)
def feed(request: Request) -> Response:
    """The newest posts."""
    paths = request.route_path("blog.feed"), request.route_path("main.index")
    return _feed(request, SITE_NAME, paths, Source.EVERYONE)


@view_config(route_name="blog.feed_of_tag", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=4)
def feed_of_tag(request: Request) -> Response:
    """The newest posts with a tag."""
    name = canonical(request.matchdict["name"])
    tag_id = reading.tag_id(request.read, name)
    if tag_id is None:
        raise NotThere
    paths = request.route_path("blog.feed_of_tag", name=name), request.route_path("blog.tag", name=name)
    return _feed(request, f"{SITE_NAME}: {name}", paths, Source.TAG, tag=tag_id)


@view_config(route_name="blog.feed_of_author", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=4)
def feed_of_author(request: Request) -> Response:
    """The newest posts of a member."""
    person = reading.member(request.read, parse_id(request.matchdict["id"]))
    if person is None:
        raise NotThere
    paths = request.route_path("blog.feed_of_author", id=person.id), request.route_path("blog.posts_of", id=person.id)
    title = request.localizer.translate(_("Posts by ${name}", mapping={"name": person.username}))
    return _feed(request, f"{SITE_NAME}: {title}", paths, Source.AUTHOR, author=person.id)


def _feed(request: Request, title: str, paths: tuple[str, str], source: Source, **values: int) -> Response:
    """The feed at the first of `paths` of the page at the second, or 304 for who has it as it is."""
    etag = kept.etag(request, read_value(request, reading.LIST_VERSION))
    if etag in request.if_none_match:
        # A response of its own: WebOb drops the length and the type.
        return Response(status=304, etag=etag, cache_control="no-cache")
    rows = reading.for_feed(request.read, source, _ENTRIES, **values)
    return Response(
        feeds.atom(request, title, *paths, rows),
        content_type="application/atom+xml",
        charset="utf-8",
        etag=etag,
        # No `304` is decided by it: what is hidden or deleted makes a feed older.
        last_modified=feeds.updated(rows),
        cache_control="no-cache",
    )


@view_config(route_name="blog.sitemap", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def sitemap(request: Request) -> Response:
    """The parts of the sitemap: the pages of lists, and one for each ten thousand ids of posts."""
    parts = range(sitemaps.number_of_parts(request.read))
    paths = (
        request.route_path("blog.sitemap_lists"),
        *(request.route_path("blog.sitemap_part", part=part) for part in parts),
    )
    return _xml(feeds.sitemap_index(map(request.public_url, paths)))


@view_config(route_name="blog.sitemap_lists", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=2)
def sitemap_lists(request: Request) -> Response:
    """The home page, which changed with its newest post, and the pages of tags."""
    names = sitemaps.tags(request.read)
    tags = ((request.public_url(request.route_path("blog.tag", name=name)), None) for name in names)
    home = request.public_url(request.route_path("main.index"))
    return _xml(feeds.sitemap(home, ((home, sitemaps.newest(request.read)), *tags)))


@view_config(route_name="blog.sitemap_part", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def sitemap_part(request: Request) -> Response:
    """The posts of one part that everybody can read."""
    rows = sitemaps.posts(request.read, int(request.matchdict["part"]))
    address = request.public_url(request.route_path("blog.post", id=0)[:-1])
    home = request.public_url(request.route_path("main.index"))
    return _xml(feeds.sitemap(home, ((f"{address}{post_id}", changed) for post_id, changed in rows)))


def _xml(document: bytes) -> Response:
    return Response(document, content_type="application/xml", charset="utf-8")


@view_config(route_name="blog.robots", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=0)
def robots(request: Request) -> Response:
    """What search engines may visit, and where the sitemap is."""
    routes = ("blog.moderate", "blog.search", "blog.write", "blog.notices", "blog.drafts")
    closed = (f"{request.route_path('accounts.account')}/", *(request.route_path(route) for route in routes))
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    lines.append(f"Sitemap: {request.public_url(request.route_path('blog.sitemap'))}")
    return Response("\n".join(lines) + "\n", content_type="text/plain", charset="utf-8")
