"""What is shown to who sends a text about something that was deleted or hidden meanwhile: that text."""

from __future__ import annotations

from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response

from flasky.plugins.blog.errors import NotThere


def keep_comment(request: Request, body: str | None, *, is_edit: bool = False) -> Response:
    """404 with the comment that was typed. Raises NotThere when nothing was.

    It says the same of what was hidden, deleted and never there (ACL-02).
    """
    if not body:
        raise NotThere
    response = render_to_response("blog/gone.jinja2", {"body": body, "is_edit": is_edit}, request)
    response.status_int = 404
    return response
