"""Following, notices, and the mails about them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _
from flasky.mail.message import ONE_CLICK
from flasky.parameters import parse_id
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Refused
from flasky.plugins.blog import following, mails, notices, reading
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.forms import MailForm
from flasky.plugins.blog.mentions import since
from flasky.plugins.blog.reading import Look
from flasky.plugins.blog.unread import UNREAD
from flasky.plugins.blog.views.common import may, page_of, see_other
from flasky.plugins.blog.views.gone import has_left
from flasky.redirects import safe_next


@view_config(route_name="blog.follow", request_method="POST", permission="blog.follow", statements=15)
def follow(request: Request) -> Response:
    """Follow a member."""
    user = following.find(request.accounts, parse_id(request.matchdict["id"]))
    try:
        following.follow(request.accounts, user)
    except Refused as refusal:
        request.flash(refusal.reason, "warning")
    else:
        request.flash(_("You follow ${name} now.", mapping={"name": user.username}), "success")
    return _back(request, user)


@view_config(route_name="blog.unfollow", request_method="POST", permission="blog.follow")
def unfollow(request: Request) -> Response:
    """Follow a member no longer, also one who has no profile any more: one's count holds them."""
    user = following.find(request.accounts, parse_id(request.matchdict["id"]), left_too=True)
    if not following.unfollow(request.accounts, user) and not user.has_profile:
        # Whoever tries numbers learns no name that is shown nowhere.
        raise NotThere
    request.flash(_("You no longer follow ${name}.", mapping={"name": user.username}), "success")
    return _back(request, user)


def _back(request: Request, user: User) -> Response:
    """To the page with the button: a list, the member's profile, or their posts; they may have neither any more."""
    if not user.has_profile:
        return see_other(request.route_path("blog.following", id=request.identity.user_id))
    if wanted := safe_next(request, request.POST.get("next"), ""):
        return see_other(wanted)
    if request.POST.get("back") == "profile":
        return see_other(request.route_path("accounts.profile", username=user.username))
    return see_other(request.route_path("blog.posts_of", id=user.id))


@view_config(route_name="blog.person", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=2)
def person(request: Request) -> Response:
    """To the profile of a member whom a mention names by id, whatever they are called now."""
    found = reading.member(request.read, parse_id(request.matchdict["id"]))
    called = request.GET.get("since")
    # An older copy of the database that was put back gives numbers again: to somebody whom this link does not mean.
    if found is None or called not in {None, str(since(found.created_at))}:
        if called is None or not (called.isascii() and called.isdecimal()):
            raise NotThere
        return has_left(request)
    return see_other(request.route_path("accounts.profile", username=found.username))


@view_config(
    route_name="blog.followers", request_method="GET", renderer="blog/people.jinja2", permission=NO_PERMISSION_REQUIRED
)
@view_config(
    route_name="blog.following", request_method="GET", renderer="blog/people.jinja2", permission=NO_PERMISSION_REQUIRED
)
def people(request: Request) -> Mapping[str, Any]:
    """Who follows a member, or whom they follow."""
    person = reading.member(request.read, parse_id(request.matchdict["id"]))
    if person is None:
        raise NotThere
    are_followers = request.matched_route.name == "blog.followers"
    read = following.followers if are_followers else following.following
    found, in_the_middle = page_of(request, partial(read, request.accounts, person.id), ascending=True)
    standing = None if found.rows or in_the_middle else following.standing(request.accounts, person.id)
    return {
        "person": person,
        "people": found,
        # Who is shut out or leaving may come back: they are counted, and listed nowhere.
        "unlisted": (standing.followers if are_followers else standing.following) if standing else 0,
        "in_the_middle": in_the_middle,
        "followers": are_followers,
        # For whom there are buttons.
        "me": request.identity.user_id if may(request, "blog.follow") else 0,
        "look": Look(request),
    }


@view_config(
    route_name="blog.notices",
    request_method="GET",
    renderer="blog/notices.jinja2",
    permission="accounts.take_part",
    statements=3,
)
def show_notices(request: Request) -> Mapping[str, Any]:
    """What happened since, newest first."""
    found, in_the_middle = page_of(request, partial(notices.listed, request.accounts))
    look = Look(request)
    chosen = notices.choices(request.accounts, request.identity.user_id)
    return {
        "notices": found,
        # The number beside the link knows the newest ones only.
        "unread": request.identity.values[UNREAD] or any(row.read_at is None for row in found.rows),
        "in_the_middle": in_the_middle,
        "form": MailForm(request, data=chosen._asdict()),
        "look": look,
        "where": partial(_where, request, look),
    }


@view_config(route_name="blog.notices", request_method="POST", permission="accounts.take_part")
def save_notices(request: Request) -> Response:
    """Read one, mark one or all that there were when the page was made as read, or choose how they come by mail."""
    if "open" in request.POST:
        return see_other(_opened(request))
    if "read" in request.POST:
        number = parse_id(request.POST["read"])
        notices.read_one(request.accounts, number)
        # On the same page of the list, where one was.
        return see_other(f"{request.path_qs}#notice-{number}")
    if request.POST.get("do") == "read":
        notices.mark_read(request.accounts, parse_id(request.POST.get("up_to", "")))
    else:
        form = MailForm(request)
        if form.validate():
            notices.choose_mail(request.accounts, request.identity.user_id, form.mail.data)
            notices.choose_answers(request.accounts, request.identity.user_id, are_wanted=form.answers.data)
            request.flash(_("Your choice is saved."), "success")
        else:
            request.flash(_("Choose one of the three."), "warning")
    return see_other(request.route_path("blog.notices"))


def _opened(request: Request) -> str:
    """Mark a notice as read, and lead to what it is about: a safe method changes nothing, so its link is a button."""
    about = notices.read_one(request.accounts, parse_id(request.POST["open"]))
    where = about and _where(request, Look(request), about)
    if not where:
        request.flash(_("What this notice is about is not there any more."), "warning")
    return where or str(request.path_qs)


def _where(request: Request, look: Look, notice: Any) -> str:
    """Where what a notice is about is read; nowhere, when it is about who has no profile."""
    if notice.comment_id:
        return str(request.route_path("blog.to_comment", id=notice.comment_id))
    if notice.post_id:
        return look.post(notice.post_id)
    if notice.kind in mails.DECISIONS:
        # About all that they wrote; who decided is not told.
        is_hidden = notice.kind == "hidden"
        return str(request.route_path("blog.drafts")) if is_hidden else look.profile(request.identity.username)
    return look.profile(notice.actor) if notice.has_profile else ""


@view_config(
    route_name="blog.unsubscribe",
    request_method="GET",
    renderer="blog/unsubscribe.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def ask_to_stop(request: Request) -> Mapping[str, Any]:
    """A page with a button: whoever only fetches the link of a mail, as mail scanners do, stops nothing."""
    return {"state": "asked"} if _whose(request) is not None else _unknown(request)


@view_config(
    route_name="blog.unsubscribe",
    request_method="POST",
    renderer="blog/unsubscribe.jinja2",
    permission=NO_PERMISSION_REQUIRED,
)
def stop(request: Request) -> Mapping[str, Any]:
    """Send no more notices by mail; nobody has to sign in for that."""
    return _stopped(request)


def _stopped(request: Request) -> Mapping[str, Any]:
    whose = _whose(request)
    if whose is None:
        return _unknown(request)
    notices.stop_mail(request.accounts, *whose)
    return {"state": "stopped"}


@view_config(
    route_name="blog.unsubscribe",
    request_method="POST",
    request_param=ONE_CLICK,
    renderer="blog/unsubscribe.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    # A named exception (CSR-01): a mail program has no page of this site (RFC 8058). What it may do stands in the
    # signed address alone, and it can do nothing else. Where the request came from is still checked.
    require_csrf=False,
)
def stop_at_once(request: Request) -> Mapping[str, Any]:
    """The same for a mail program, which posts just this because its user said so."""
    if [f"{name}={value}" for name, value in request.POST.items()] != [ONE_CLICK]:
        raise RefusedInput(seen="another form", expected=ONE_CLICK)
    return _stopped(request)


def _whose(request: Request) -> tuple[int, int] | None:
    return mails.read_token(request.registry, request.matchdict["token"])


def _unknown(request: Request) -> Mapping[str, Any]:
    request.response.status_int = 404
    return {"state": "unknown"}
