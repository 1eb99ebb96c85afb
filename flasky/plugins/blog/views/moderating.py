"""Reports by members, and what moderators do about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.languages import _
from flasky.parameters import number_parameter, parse_id
from flasky.plugins.accounts.services import Fault, Refused
from flasky.plugins.blog import comments, moderation, posts
from flasky.plugins.blog.forms import ReasonForm
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.views.comments import path_of, place_of
from flasky.plugins.blog.views.common import see_other, show_fault

_TEMPLATE = "blog/reason.jinja2"


@view_config(
    route_name="blog.moderate",
    request_method="GET",
    renderer="blog/moderate.jinja2",
    permission="blog.moderate",
    statements=4,
)
def queue(request: Request) -> Mapping[str, Any]:
    """What members reported, oldest first."""
    after = number_parameter(request, "after", default=0)
    reports = moderation.queue(request.accounts, after=after)
    things = moderation.reported(request.accounts, reports)
    rows = [(item, things.get(_what(item))) for item in reports]
    return {"rows": rows, "after": reports[-1].id if len(reports) == moderation.PAGE else None, "path_of": path_of}


def _what(report: Any) -> tuple[str, int]:
    return ("post", report.post_id) if report.post_id else ("comment", report.comment_id)


@view_config(route_name="blog.report_post", request_method="GET", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.report_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.hide_post", request_method="GET", renderer=_TEMPLATE, permission="blog.moderate")
@view_config(route_name="blog.hide_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.moderate")
def ask(request: Request) -> Mapping[str, Any]:
    """Ask for the reason."""
    return {"thing": _thing(request), "form": ReasonForm(request), "hides": _hides(request)}


@view_config(route_name="blog.report_post", request_method="POST", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.report_comment", request_method="POST", renderer=_TEMPLATE, permission="blog.comment")
def report(request: Request) -> Mapping[str, Any] | Response:
    """Tell the moderators."""
    thing, form = _thing(request), ReasonForm(request)
    if form.validate():
        try:
            moderation.report(request.accounts, thing, form.reason.data)
        except Fault as fault:
            show_fault(form, fault)
        except Refused as refusal:
            request.flash(refusal.reason, "warning")
            return see_other(_path(request, thing))
        else:
            request.flash(_("Thank you. The moderators will look at it."), "success")
            return see_other(_path(request, thing))
    return {"thing": thing, "form": form, "hides": False}


@view_config(route_name="blog.hide_post", request_method="POST", renderer=_TEMPLATE, permission="blog.moderate")
@view_config(route_name="blog.hide_comment", request_method="POST", renderer=_TEMPLATE, permission="blog.moderate")
def decide(request: Request) -> Mapping[str, Any] | Response:
    """Hide with a reason, show again, or leave it as it is and answer the reports."""
    thing, form = _thing(request), ReasonForm(request)
    what = request.POST.get("do")
    if what == "show":
        moderation.show(request.accounts, thing)
        request.flash(_("It is shown again."), "success")
    elif what == "keep":
        moderation.resolve(request.accounts, thing)
        request.flash(_("The reports are answered."), "success")
    elif not form.validate():
        return {"thing": thing, "form": form, "hides": True}
    else:
        try:
            moderation.hide(request.accounts, thing, form.reason.data)
        except Fault as fault:
            show_fault(form, fault)
            return {"thing": thing, "form": form, "hides": True}
        request.flash(_("It is hidden; its author sees the reason."), "success")
    return see_other(_path(request, thing))


def _hides(request: Request) -> bool:
    return str(request.matched_route.name).startswith("blog.hide")


def _thing(request: Request) -> Post | Comment:
    thing_id, lock = parse_id(request.matchdict["id"]), request.method == "POST"
    if str(request.matched_route.name).endswith("_post"):
        return posts.find(request.accounts, thing_id, lock=lock)
    return comments.find(request.accounts, thing_id, lock=lock)


def _path(request: Request, thing: Post | Comment) -> str:
    if isinstance(thing, Comment):
        return place_of(request, thing)
    return str(request.route_path("blog.post", id=thing.id))
