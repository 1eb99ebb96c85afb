"""Reports by members, and what moderators do about them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _
from flasky.parameters import parse_id
from flasky.plugins.accounts.services import Fault, Refused
from flasky.plugins.blog import comments, markdown, moderated, moderation, posts
from flasky.plugins.blog.forms import ReasonForm
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.reading import Look, Part, Way
from flasky.plugins.blog.views.comments import path_of, place_of
from flasky.plugins.blog.views.common import page_of, place, see_other, show_fault

_TEMPLATE = "blog/reason.jinja2"
_REPORTS = "reports"
#: What `show` may ask for beside the reports.
_HIDDEN: Mapping[str, type[Post] | type[Comment]] = {"posts": Post, "comments": Comment}
#: Characters of a comment in a list; posts have a summary.
_LONGEST_EXCERPT = 300


@view_config(
    route_name="blog.moderate",
    request_method="GET",
    renderer="blog/moderate.jinja2",
    permission="blog.moderate",
    statements=3,
)
def lists(request: Request) -> Mapping[str, Any] | Response:
    """What members reported, what waits longest first, or what is hidden, the last first."""
    shown = request.GET.get("show", _REPORTS)
    if shown == _REPORTS:
        return _reports(request)
    if shown not in _HIDDEN:
        raise RefusedInput(seen=f"show={ascii(shown[:40])[1:-1]}", expected=" or ".join(_HIDDEN))
    return _hidden(request, shown)


def _reports(request: Request) -> Mapping[str, Any]:
    page = page_of(request, partial(moderated.reports, request.accounts), ascending=True)
    return _list(request, _REPORTS, *page)


def _hidden(request: Request, shown: str) -> Mapping[str, Any] | Response:
    way, cursor = place(request)
    found = moderated.hidden(request.accounts, _HIDDEN[shown], way, cursor)
    if way is Way.NEWER and found.newer is None:
        return see_other(request.route_path("blog.moderate", _query={"show": shown}))
    return _list(request, shown, {"rows": found.rows, "back": found.newer, "on": found.older}, way is not Way.FIRST)


def _list(request: Request, shown: str, part: Part | Mapping[str, Any], in_the_middle: bool) -> Mapping[str, Any]:
    return {
        "shown": shown,
        "part": part,
        "in_the_middle": in_the_middle,
        "lists": ((_REPORTS, _("Reports")), ("posts", _("Hidden posts")), ("comments", _("Hidden comments"))),
        "excerpt": _excerpt,
        "look": Look(request),
    }


def _excerpt(html: str) -> str:
    words = " ".join(markdown.text_of(html).split())
    return words if len(words) <= _LONGEST_EXCERPT else f"{words[:_LONGEST_EXCERPT].rstrip()} …"


@view_config(route_name="blog.report_post", request_method="GET", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.report_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.hide_post", request_method="GET", renderer=_TEMPLATE, permission="blog.moderate")
@view_config(route_name="blog.hide_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.moderate")
def ask(request: Request) -> Mapping[str, Any]:
    """Ask for the reason."""
    return _page(request, _thing(request), ReasonForm(request))


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
    return _page(request, thing, form)


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
        return _page(request, thing, form)
    else:
        try:
            moderation.hide(request.accounts, thing, form.reason.data)
        except Fault as fault:
            show_fault(form, fault)
            return _page(request, thing, form)
        request.flash(_("It is hidden; its author sees the reason."), "success")
    return see_other(_path(request, thing))


def _page(request: Request, thing: Post | Comment, form: ReasonForm) -> Mapping[str, Any]:
    hides = str(request.matched_route.name).startswith("blog.hide")
    return {
        "thing": thing,
        "post": thing if isinstance(thing, Post) else thing.post,
        "path": path_of(request, thing) if isinstance(thing, Comment) else _path(request, thing),
        "form": form,
        "hides": hides,
        "row": moderated.reports_about(request.accounts, thing) if hides else None,
    }


def _thing(request: Request) -> Post | Comment:
    thing_id, lock = parse_id(request.matchdict["id"]), request.method == "POST"
    if str(request.matched_route.name).endswith("_post"):
        post = posts.find(request.accounts, thing_id, lock=lock)
        moderation.check_published(post)
        return post
    return comments.find(request.accounts, thing_id, lock=lock)


def _path(request: Request, thing: Post | Comment) -> str:
    if isinstance(thing, Comment):
        return place_of(request, thing)
    return str(request.route_path("blog.post", id=thing.id))
