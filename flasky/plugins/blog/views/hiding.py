"""Hiding all that a member wrote, and showing again what was hidden so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.languages import _
from flasky.languages.switching import switched
from flasky.parameters import number_parameter, parse_id
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Fault, Refused
from flasky.plugins.blog import hiding, showing
from flasky.plugins.blog.forms import ReasonForm
from flasky.plugins.blog.limits import LARGEST_ID
from flasky.plugins.blog.portions import Number
from flasky.plugins.blog.views.common import see_other, show_fault

_TEMPLATE = "blog/hide_all.jinja2"


@view_config(
    route_name="blog.hide_all",
    request_method="GET",
    renderer=_TEMPLATE,
    permission="blog.moderate",
    # With the one for who asks about themselves.
    statements=5,
)
def ask(request: Request) -> Mapping[str, Any] | Response:
    """Ask for the reason, and tell how much it is, and what can be shown again."""
    try:
        return _page(request, hiding.find(request.accounts, parse_id(request.matchdict["id"])), ReasonForm(request))
    except Refused as refusal:
        return _refused(request, refusal)


# Fifteen, and six for a post that calls somebody since it was edited.
@view_config(
    route_name="blog.hide_all", request_method="POST", renderer=_TEMPLATE, permission="blog.moderate", statements=40
)
def decide(request: Request) -> Mapping[str, Any] | Response:
    """Hide it, or show again what a decision hid, or as much as one transaction takes."""
    is_switched = switched(request)
    form = ReasonForm(request)
    try:
        user = hiding.find(request.accounts, parse_id(request.matchdict["id"]))
        if not is_switched and request.POST.get("do") == "show":
            number = parse_id(request.POST.get("decision", ""))
            return _shown(request, user, showing.show_again(request.accounts, user, number))
        if not is_switched and form.validate():
            return _hidden(request, user, hiding.hide_all(request.accounts, user, form.reason.data))
    except Refused as refusal:
        return _refused(request, refusal)
    except Fault as fault:
        show_fault(form, fault)
    return _page(request, user, form)


def _hidden(request: Request, user: User, done: Number) -> Response:
    number = {"posts": done.posts, "comments": done.comments}
    said = _("Hidden – posts: ${posts}, comments: ${comments}.", mapping=number)
    _say(request, user, done, said, _("There is nothing that others see."))
    return see_other(request.route_path("blog.moderate"))


def _shown(request: Request, user: User, done: Number) -> Response:
    number = {"posts": done.posts, "comments": done.comments}
    said = _("Shown again – posts: ${posts}, comments: ${comments}.", mapping=number)
    _say(request, user, done, said, _("Nothing of it is hidden by that decision any more."))
    return see_other(request.route_path("blog.moderate", _query={"show": "decisions"}))


def _say(request: Request, user: User, done: Number, said: Any, nothing: Any) -> None:
    """What was done, or that there was `nothing` to do, with a link to what the member wrote."""
    translate = request.localizer.translate
    follows = _("The rest follows within a few minutes.")
    if not done.is_any:
        request.flash(follows if done.more else nothing, "info")
        return
    rest = translate(follows) if done.more else ""
    link = Markup('{} {} <a href="{}" class="alert-link"><bdi>{}</bdi></a>')
    path = request.route_path("blog.posts_of", id=user.id)
    request.flash(link.format(translate(said), rest, path, user.username), "success")


def _page(request: Request, user: User, form: ReasonForm) -> Mapping[str, Any]:
    number = hiding.extent(request.accounts, user)
    return {
        "person": user,
        "form": form,
        "posts": number.posts,
        "comments": number.comments,
        "decisions": showing.decisions_about(
            request.accounts, user, number_parameter(request, "decision", default=0, most=LARGEST_ID)
        ),
        "told": _told,
    }


def _told(number: int) -> str:
    return str(number) if number <= hiding.MOST_COUNTED else f"{hiding.MOST_COUNTED}+"


def _refused(request: Request, refusal: Refused) -> Response:
    request.flash(refusal.reason, "warning")
    return see_other(request.route_path("blog.moderate"))
