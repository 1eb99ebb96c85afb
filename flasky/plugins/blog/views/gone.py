"""What is shown of what was deleted or hidden meanwhile, or of who left: the text that was sent about it."""

from __future__ import annotations

from typing import Any

from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response

from flasky.languages import _
from flasky.plugins.blog.errors import NotThere


def keep_comment(request: Request, body: str | None, *, is_edit: bool = False) -> Response:
    """404 with the comment that was typed. Raises NotThere when nothing was.

    It says the same of what was hidden, deleted and never there (ACL-02).
    """
    if not body:
        raise NotThere
    if is_edit:
        return _gone(request, _("This comment, or its post, is not there any more: it was deleted."), body)
    said = _(
        "This post is not there any more, or takes no comments now: its author has deleted it, or a moderator has "
        "hidden it."
    )
    return _gone(request, said, body)


def keep_reason(request: Request, reason: str | None) -> Response:
    """404 to who reports or decides, with the reason if one was typed; the same of what was never there (ACL-02)."""
    said = _("This is not there any more: it was deleted, or hidden by a moderator. There is nothing left to decide.")
    return _gone(request, said, reason or "")


def has_left(request: Request) -> Response:
    """404 to who follows the link of a mention: nothing is wrong with the link, whoever it called is not there."""
    request.response.status_int = 404
    return render_to_response("blog/left.jinja2", {}, request, response=request.response)


def _gone(request: Request, said: Any, typed: str) -> Response:
    # Not a response of its own: the switch of languages has put its cookie there (`languages.switching`).
    request.response.status_int = 404
    return render_to_response("blog/gone.jinja2", {"said": said, "typed": typed}, request, response=request.response)
