"""The blog for programs: the same services and statements as the pages, in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flasky.parameters import id_pattern
from flasky.prefixes import at_the_root

if TYPE_CHECKING:
    from pyramid.config import Configurator

_POST = f"/api/posts/{id_pattern()}"
_COMMENT = f"/api/comments/{id_pattern()}"
_MEMBER = f"/api/members/{id_pattern()}"

#: Each route's name and pattern.
ROUTES = (
    ("blog.api.posts", "/api/posts"),
    ("blog.api.post", _POST),
    ("blog.api.comments", f"{_POST}/comments"),
    ("blog.api.comment", _COMMENT),
    ("blog.api.tag", "/api/tags/{name}/posts"),
    ("blog.api.member", _MEMBER),
    ("blog.api.member_posts", f"{_MEMBER}/posts"),
    ("blog.api.followers", f"{_MEMBER}/followers"),
    ("blog.api.following", f"{_MEMBER}/following"),
    ("blog.api.search", "/api/search"),
    ("blog.api.timeline", "/api/timeline"),
    ("blog.api.drafts", "/api/drafts"),
    ("blog.api.follow", f"/api/following/{id_pattern()}"),
    ("blog.api.hidden_post", f"{_POST}/hidden"),
    ("blog.api.hidden_comment", f"{_COMMENT}/hidden"),
)


def includeme(config: Configurator) -> None:
    """Add the routes, their views and what the OpenAPI document says of them."""
    from flasky.plugins.blog.api.descriptions import describe  # noqa: PLC0415 - commands read the declaration alone

    # Wherever the pages of the blog are: below /api errors are for programs, and no program looks elsewhere.
    with at_the_root(config):
        for name, pattern in ROUTES:
            config.add_route(name, pattern)
    describe(config)
    config.scan("flasky.plugins.blog.api")
