"""Where the pages of the blog are."""

from __future__ import annotations

from contextlib import nullcontext

from pyramid.config import Configurator

from flasky.parameters import id_pattern
from flasky.prefixes import at_the_root

#: Looked for at the root of a site only, wherever the blog is.
_ROBOTS = ("blog.robots", "/robots.txt")
_POST = f"/post/{id_pattern()}"
_COMMENT = f"/comment/{id_pattern()}"

#: Each route's name and pattern, in the order in which they are tried.
ROUTES = (
    ("blog.post", _POST),
    ("blog.write", "/write"),
    ("blog.edit", f"{_POST}/edit"),
    ("blog.delete", f"{_POST}/delete"),
    ("blog.comment", f"{_POST}/comment"),
    ("blog.report_post", f"{_POST}/report"),
    ("blog.hide_post", f"{_POST}/hide"),
    ("blog.to_comment", _COMMENT),
    ("blog.edit_comment", f"{_COMMENT}/edit"),
    ("blog.delete_comment", f"{_COMMENT}/delete"),
    ("blog.report_comment", f"{_COMMENT}/report"),
    ("blog.hide_comment", f"{_COMMENT}/hide"),
    ("blog.drafts", "/drafts"),
    ("blog.show", "/show/{whose:everyone|followed}"),
    ("blog.tag", "/tag/{name}"),
    ("blog.search", "/search"),
    ("blog.notices", "/notices"),
    ("blog.unsubscribe", "/notices/stop/{token}"),
    ("blog.moderate", "/moderate"),
    ("blog.follow", f"/follow/{id_pattern()}"),
    ("blog.unfollow", f"/unfollow/{id_pattern()}"),
    ("blog.person", f"/member/{id_pattern()}"),
    ("blog.followers", f"/people/{id_pattern()}/followers"),
    ("blog.following", f"/people/{id_pattern()}/following"),
    ("blog.posts_of", f"/people/{id_pattern()}/posts"),
    ("blog.comments_of", f"/people/{id_pattern()}/comments"),
    ("blog.hide_all", f"/people/{id_pattern()}/hide"),
    ("blog.feed", "/feed"),
    ("blog.feed_of_tag", "/feed/tag/{name}"),
    ("blog.feed_of_author", f"/feed/people/{id_pattern()}"),
    ("blog.sitemap", "/sitemap.xml"),
    ("blog.sitemap_lists", "/sitemap-lists.xml"),
    ("blog.sitemap_part", f"/sitemap-{id_pattern('part')}.xml"),
    _ROBOTS,
)


def includeme(config: Configurator) -> None:
    """Declare every route."""
    for name, pattern in ROUTES:
        with at_the_root(config) if (name, pattern) == _ROBOTS else nullcontext():
            config.add_route(name, pattern)
