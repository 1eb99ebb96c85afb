"""What the services of the blog refuse, beside the `Fault` of accounts; the site's error pages show the HTTP ones."""

from __future__ import annotations

from pyramid.httpexceptions import HTTPForbidden, HTTPNotFound

from flasky.plugins.blog.models import Comment, Post


class Stale(Exception):
    """Somebody saved another version meanwhile; `current` is what is stored now (CON-02)."""

    def __init__(self, current: Post | Comment) -> None:
        self.current = current
        super().__init__(f"{current!r} is at version {current.version} now")


class SentBefore(Exception):
    """A form was sent before, and now with another text; or another form has just sent the same text (CON-03).

    `kind` is what was made (`submissions`), `made_id` its id, None when it is gone; `same_form` says which of the two.
    """

    def __init__(self, kind: str, made_id: int | None, *, same_form: bool) -> None:
        self.kind, self.made_id, self.same_form = kind, made_id, same_form
        super().__init__(f"sent before: {kind} {made_id}" + (" by this form" if same_form else " by another form"))


class NotAllowed(HTTPForbidden):  # type: ignore[misc] # Pyramid has no types
    """Whoever asks may not do this with this post or comment."""


class NotThere(HTTPNotFound):  # type: ignore[misc] # Pyramid has no types
    """There is no such post, comment or member, or not for whoever asks: the two are told alike (ACL-02)."""
