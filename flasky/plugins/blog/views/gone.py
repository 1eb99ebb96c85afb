"""What is shown in place of what was deleted or hidden, and of who left: the text that was sent about it, if any."""

from __future__ import annotations

from typing import Any

from pyramid.renderers import render_to_response
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import exception_view_config

from flasky.errors.fixed import COMMON_HEADERS, HTML, prefers_json
from flasky.errors.problems import texts
from flasky.errors.views import http_exception
from flasky.languages import _
from flasky.plugins.blog.errors import NotThere

_NOT_HERE = _("This post or comment is not here, or not any more.")


@exception_view_config(NotThere, route_name="blog.post")
@exception_view_config(NotThere, route_name="blog.edit")
@exception_view_config(NotThere, route_name="blog.delete")
@exception_view_config(NotThere, route_name="blog.comment")
@exception_view_config(NotThere, route_name="blog.report_post")
@exception_view_config(NotThere, route_name="blog.hide_post")
@exception_view_config(NotThere, route_name="blog.to_comment")
@exception_view_config(NotThere, route_name="blog.edit_comment")
@exception_view_config(NotThere, route_name="blog.delete_comment")
@exception_view_config(NotThere, route_name="blog.report_comment")
@exception_view_config(NotThere, route_name="blog.hide_comment")
def not_here(_error: NotThere, request: Request) -> Response:
    """404 for the address of a post or comment: the same for one that is deleted, hidden or was never there (ACL-02).

    Like the site's other pages of errors it asks neither the database nor who is signed in.
    """
    if prefers_json(request.environ):
        return http_exception(NotThere(_NOT_HERE), request)
    page = Response(status=NotThere.code, headerlist=[*COMMON_HEADERS, ("Content-Type", HTML)])
    values = {"status": NotThere.code, "title": texts(NotThere.code)[0], "said": _NOT_HERE}
    return render_to_response("blog/not_here.jinja2", values, request, response=page)


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
