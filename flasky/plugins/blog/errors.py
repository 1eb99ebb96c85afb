"""What the services of the blog refuse, beside the `Fault` of accounts; the site's error pages show the HTTP ones."""

from __future__ import annotations

from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound

from flasky.plugins.blog.models import Comment, Post


class Stale(Exception):
    """Somebody saved another version meanwhile; `current` is what is stored now (CON-02)."""

    def __init__(self, current: Post | Comment) -> None:
        self.current = current
        super().__init__(f"{current!r} is at version {current.version} now")


class NotAllowed(HTTPForbidden):  # type: ignore[misc] # Pyramid has no types
    """Whoever asks may not do this with this post or comment."""


class NotThere(HTTPNotFound):  # type: ignore[misc] # Pyramid has no types
    """There is no such post, comment or member, or not for whoever asks: the two are told alike (ACL-02)."""
