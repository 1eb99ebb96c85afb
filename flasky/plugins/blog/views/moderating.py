"""Reports by members, and what moderators do about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from markupsafe import Markup
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.errors.exceptions import RefusedInput
from flasky.flash import Category
from flasky.languages import _
from flasky.languages.switching import switched
from flasky.parameters import parse_id, parse_number
from flasky.plugins.accounts.services import Fault, Refused
from flasky.plugins.blog import commented, comments, markdown, moderated, moderation, posts
from flasky.plugins.blog.errors import NotThere, Stale
from flasky.plugins.blog.forms import DecisionForm, ReasonForm
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.reading import Look, Part, Way, parse_cursor
from flasky.plugins.blog.titles import name_of
from flasky.plugins.blog.views.comments import path_of, place_of
from flasky.plugins.blog.views.common import page_of, place, see_other, show_fault
from flasky.plugins.blog.views.gone import keep_reason

_TEMPLATE = "blog/reason.jinja2"
_REPORTS, _NEWEST, _DECISIONS = "reports", "newest", "decisions"
#: Of what `show` may ask for, what is read in the order of its ids.
_BY_ID: Mapping[str, Callable[..., Part]] = {_NEWEST: commented.newest, _DECISIONS: moderated.decisions}
#: What was decided, by what it was about and how.
_DECIDED = {
    ("post", "hidden"): _("A post was hidden"),
    ("comment", "hidden"): _("A comment was hidden"),
    ("all", "hidden"): _("All posts and comments were hidden"),
    ("post", "shown"): _("A post was shown again"),
    ("comment", "shown"): _("A comment was shown again"),
    ("all", "shown"): _("What was hidden at once was shown again"),
    ("post", "left"): _("A post was left as it is"),
    ("comment", "left"): _("A comment was left as it is"),
}
#: What `show` may ask for beside the reports.
_HIDDEN: Mapping[str, type[Post] | type[Comment]] = {"posts": Post, "comments": Comment}
#: Says in an address or a form which of these a decision comes from.
_BACK = "back"
#: Characters of a comment in a list; posts have a summary.
_LONGEST_EXCERPT = 300


@view_config(
    route_name="blog.moderate",
    request_method="GET",
    renderer="blog/moderate.jinja2",
    permission="blog.moderate",
    statements=4,
)
def lists(request: Request) -> Mapping[str, Any] | Response:
    """What waits for a decision, the oldest first, the newest comments, and what is hidden or decided, the last first.

    That is what members reported, and what is hidden and was changed by its author since.
    """
    shown = request.GET.get("show", _REPORTS)
    if shown == _REPORTS:
        return _reports(request)
    if shown in _BY_ID:
        beginning = request.route_path("blog.moderate", _query={"show": shown})
        part, in_the_middle = page_of(request, partial(_BY_ID[shown], request.accounts), beginning=beginning)
        # Whether somebody else decides about one's own is asked only where one of them stands in the list.
        is_asked = shown == _NEWEST and any(row.author_id == request.identity.user_id for row in part.rows)
        own = moderation.leaves_out(request.accounts) if is_asked else 0
        return {**_list(request, shown, part, in_the_middle), "own": own}
    if shown not in _HIDDEN:
        raise RefusedInput(seen=f"show={ascii(shown[:40])[1:-1]}", expected=" or ".join([*_BY_ID, *_HIDDEN]))
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
        "lists": (
            (_REPORTS, _("Reports")),
            (_NEWEST, _("Newest comments")),
            ("posts", _("Hidden posts")),
            ("comments", _("Hidden comments")),
            (_DECISIONS, _("Decisions")),
        ),
        "decided": _DECIDED,
        "excerpt": _excerpt,
        "look": Look(request),
    }


def _excerpt(html: str) -> str:
    words = " ".join(markdown.text_of(html).split())
    return words if len(words) <= _LONGEST_EXCERPT else f"{words[:_LONGEST_EXCERPT].rstrip()} …"


@view_config(route_name="blog.report_post", request_method="GET", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.report_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.comment")
def ask(request: Request) -> Mapping[str, Any] | Response:
    """Ask for the reason, or show the one that the moderators have not answered yet."""
    thing = _thing(request)
    try:
        mine = moderation.own_report(request.accounts, thing)
    except Refused as refusal:
        return _refused(request, thing, refusal)
    return _report_page(request, thing, ReasonForm(request, data={"reason": mine.reason if mine else ""}), mine)


@view_config(route_name="blog.report_post", request_method="POST", renderer=_TEMPLATE, permission="blog.comment")
@view_config(route_name="blog.report_comment", request_method="POST", renderer=_TEMPLATE, permission="blog.comment")
def report(request: Request) -> Mapping[str, Any] | Response:
    """Tell the moderators."""
    is_switched = switched(request)
    form = ReasonForm(request)
    try:
        thing = _thing(request)
    except NotThere:
        return keep_reason(request, form.reason.data)
    try:
        if not is_switched and form.validate() and _is_told(request, thing, form):
            request.flash(_("Thank you. The moderators will look at it."), "success")
            return see_other(_path(request, thing))
        return _report_page(request, thing, form, moderation.own_report(request.accounts, thing))
    except Refused as refusal:
        return _refused(request, thing, refusal)


def _is_told(request: Request, thing: Post | Comment, form: ReasonForm) -> bool:
    try:
        moderation.report(request.accounts, thing, form.reason.data)
    except Fault as fault:
        show_fault(form, fault)
        return False
    return True


@view_config(route_name="blog.hide_post", request_method="GET", renderer=_TEMPLATE, permission="blog.moderate")
@view_config(route_name="blog.hide_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.moderate")
def consider(request: Request) -> Mapping[str, Any] | Response:
    """Show a text and what was reported about it to who decides."""
    thing = _thing(request)
    try:
        return _decision_page(request, thing, DecisionForm(request))
    except Refused as refusal:
        return _refused(request, thing, refusal)


# Fifteen, and the mails at once (`notices`) to the author and to those whom a text calls that is shown again: on SQLite
# each is a statement.
@view_config(
    route_name="blog.hide_post",
    request_method="POST",
    renderer=_TEMPLATE,
    permission="blog.moderate",
    statements=40,
)
@view_config(
    route_name="blog.hide_comment",
    request_method="POST",
    renderer=_TEMPLATE,
    permission="blog.moderate",
    statements=40,
)
def decide(request: Request) -> Mapping[str, Any] | Response:
    """Hide with a reason, show again, or leave it as it is and answer the reports."""
    is_switched = switched(request)
    form = DecisionForm(request)
    try:
        thing = _thing(request)
    except NotThere:
        return keep_reason(request, form.reason.data)
    try:
        if is_switched:
            # The page that comes back has the version that is stored now, and would let them decide about that.
            moderation.check_read(thing, _read(form))
            return _decision_page(request, thing, form)
        if request.POST.get("do") == "show":
            return _show(request, thing, form)
        if request.POST.get("do") == "keep":
            return _keep(request, thing, form)
        return _hide(request, thing, form)
    except Refused as refusal:
        return _refused(request, thing, refusal)
    except Stale:
        return _not_yet(request, thing, form, _CHANGED)


def _show(request: Request, thing: Post | Comment, form: DecisionForm) -> Response:
    if moderation.show(request.accounts, thing, _read(form)):
        _say(request, thing, _("It is shown again."), "success")
    else:
        _say(request, thing, _("A moderator has shown it again already."), "info")
    return see_other(_next(request))


def _keep(request: Request, thing: Post | Comment, form: DecisionForm) -> Response:
    answered = moderation.resolve(request.accounts, thing, _read(form))
    said = _("The reports are answered.") if answered or thing.hidden_at is None else _("It stays hidden.")
    return _decided(request, thing, said)


def _hide(request: Request, thing: Post | Comment, form: DecisionForm) -> Mapping[str, Any] | Response:
    if not form.validate():
        return _decision_page(request, thing, form)
    try:
        is_decided = moderation.hide(request.accounts, thing, form.reason.data, _read(form))
    except Fault as fault:
        show_fault(form, fault)
        return _decision_page(request, thing, form)
    if not is_decided:
        return _not_yet(request, thing, form, _HIDDEN_ALREADY)
    return _decided(request, thing, _("It is hidden; its author sees the reason."))


_CHANGED = _(
    "Its author changed it meanwhile, and nothing is decided yet. Below is the text as it is now: decide about that."
)
_HIDDEN_ALREADY = _(
    "A moderator has hidden it already. Your reason is not stored; the one that its author was told is below."
)


def _decided(request: Request, thing: Post | Comment, said: Any) -> Response:
    """On to what is left to decide, or back to the reports that whoever decided has not seen."""
    if not moderation.is_reported(request.accounts, thing):
        _say(request, thing, said, "success")
        return see_other(_next(request))
    request.flash(said, "success")
    request.flash(
        _("Reports that were not on your page are still open, for example because they came in since. Read them, too."),
        "warning",
    )
    back = _came_from(request)
    return see_other(f"{request.path}?{_BACK}={back}" if back else request.path)


def _say(request: Request, thing: Post | Comment, said: Any, category: Category) -> None:
    """A message with a link to the text that it is about."""
    to, translate = _("To the comment") if isinstance(thing, Comment) else _("To the post"), request.localizer.translate
    path = path_of(request, thing) if isinstance(thing, Comment) else _path(request, thing)
    link = Markup('{} <a href="{}" class="alert-link">{}</a>')
    request.flash(link.format(translate(said), path, translate(to)), category)


def _next(request: Request) -> str:
    """The list from which whoever decided came: that of the reports, unless the form says which."""
    back = _came_from(request)
    return str(request.route_path("blog.moderate", _query={"show": back} if back else None))


def _came_from(request: Request) -> str:
    back = str(request.params.get(_BACK, ""))
    return back if back == _NEWEST or back in _HIDDEN else ""


def _not_yet(request: Request, thing: Post | Comment, form: DecisionForm, said: Any) -> Mapping[str, Any]:
    """409: the text, the reports and what was decided as they are now, with the reason that was typed."""
    page = _decision_page(request, thing, form, said)
    request.response.status_int = 409
    return page


def _read(form: DecisionForm) -> moderation.Read:
    """What a form says was shown. What it says in another way was not."""
    words = (form.seen.data or "").split()[: moderated.MOST_SHOWN]
    seen = [cursor for cursor in map(parse_cursor, words) if cursor is not None]
    return moderation.Read(parse_number(form.version.data or "") or 0, seen)


def _report_page(request: Request, thing: Post | Comment, form: ReasonForm, mine: Any) -> Mapping[str, Any]:
    return {**_page(request, thing, form), "mine": mine, "row": None, "said": None}


def _decision_page(request: Request, thing: Post | Comment, form: DecisionForm, said: Any = None) -> Mapping[str, Any]:
    row = moderated.reports_about(request.accounts, thing)
    return {**_page(request, thing, form), "mine": None, "row": row, "said": said, "back": _came_from(request)}


def _page(request: Request, thing: Post | Comment, form: ReasonForm) -> Mapping[str, Any]:
    post = thing if isinstance(thing, Post) else thing.post
    return {
        "thing": thing,
        "post": post,
        "name": name_of(post.id, post.title, post.summary),
        "path": path_of(request, thing) if isinstance(thing, Comment) else _path(request, thing),
        "form": form,
    }


def _refused(request: Request, thing: Post | Comment, refusal: Refused) -> Response:
    request.flash(refusal.reason, "warning")
    return see_other(_path(request, thing))


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
