"""Commenting, and editing and deleting one's own comments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.languages.switching import switched
from flasky.parameters import parse_id
from flasky.plugins.accounts.services import Fault
from flasky.plugins.blog import comments, posts, reading
from flasky.plugins.blog.errors import NotAllowed, NotThere, SentBefore, Stale
from flasky.plugins.blog.forms import CommentForm
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.outlines import Outline
from flasky.plugins.blog.reading import Bounds
from flasky.plugins.blog.titles import name_of
from flasky.plugins.blog.views.common import may, may_preview, reader_of, see_other, show_fault
from flasky.plugins.blog.views.gone import keep_comment
from flasky.plugins.blog.views.once import Before, ask_again
from flasky.redirects import safe_next

_TEMPLATE = "blog/comment.jinja2"


def path_of(request: Request, comment: Comment) -> str:
    """The address of a comment, which leads on to the page where it stands among others. No statement."""
    return str(request.route_path("blog.to_comment", id=comment.id))


def place_of(request: Request, comment: Comment) -> str:
    """Where a comment is read: its post's page, the part with this comment and those around it. One statement."""
    return _place_on(request, comment.post_id, comment.id)


def _place_on(request: Request, post_id: int, comment_id: int) -> str:
    limit = request.registry.settings["blog.comments_per_page"]
    # On a POST the comment may be of this very transaction.
    above = reading.beginning_around(request.db.connection(), post_id, comment_id, limit)
    query = {"after": above} if above else None
    return str(request.route_path("blog.post", id=post_id, _query=query, _anchor=f"comment-{comment_id}"))


@view_config(route_name="blog.to_comment", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=3)
def lead_to(request: Request) -> Response:
    """To the page where a comment is read."""
    return see_other(_place(request, comments.find(request.accounts, parse_id(request.matchdict["id"]), own_too=True)))


def _place(request: Request, comment: Comment) -> str:
    """Where whoever asks reads a comment: one's own below a post that is hidden now only in its form.

    Who may not comment any more has no such form, and reads it in the list of such comments, which begins with it.
    """
    if posts.may_see(request.identity, comment.post):
        return place_of(request, comment)
    if may(request, "blog.comment"):
        return str(request.route_path("blog.edit_comment", id=comment.id))
    query = {"comments_before": comment.id + 1}
    return str(request.route_path("blog.drafts", _query=query, _anchor="below-head"))


@view_config(route_name="blog.comment", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=0)
def lead_back(request: Request) -> Response:
    """To the post: this is the address of a preview, which somebody may open anew."""
    return see_other(request.route_path("blog.post", id=parse_id(request.matchdict["id"]), _anchor="comments"))


# On SQLite each of eleven mails at once (`notices`) is a statement.
@view_config(
    route_name="blog.comment", request_method="POST", renderer=_TEMPLATE, permission="blog.comment", statements=26
)
def add(request: Request) -> Mapping[str, Any] | Response:
    """Comment on a post; what cannot be taken comes back in a page of its own, with a preview on demand."""
    is_switched = switched(request)
    form = CommentForm(request)
    if is_switched and not form.body.data:
        return _read_on(request)
    try:
        post = posts.outline(request.accounts, parse_id(request.matchdict["id"]))
    except NotThere:
        return keep_comment(request, form.body.data)
    form.renew()
    if form.validate():
        if is_switched or request.POST.get("do") == "preview":
            return _page(form, post, preview=_preview(request, form, is_switched=is_switched))
        try:
            again = bool(form.again.data)
            comment = comments.add(
                request.accounts, post, form.body.data, key=form.key.data, again=again, seen=form.seen
            )
        except Fault as fault:
            show_fault(form, fault)
        except NotThere:
            return keep_comment(request, form.body.data)
        except SentBefore as sent:
            return _page(form, post, before=ask_again(request, form, sent))
        else:
            request.flash(_("Your comment is published."), "success")
            return see_other(place_of(request, comment))
    return _page(form, post)


def _read_on(request: Request) -> Response:
    """The switch of languages by who has typed nothing: back to the part of the post's page that they read."""
    post = request.route_path("blog.post", id=parse_id(request.matchdict["id"]))
    answer: Response = request.response.merge_cookies(see_other(safe_next(request, request.POST.get("next"), post)))
    return answer


def _preview(request: Request, form: CommentForm, *, is_switched: bool) -> str:
    if not may_preview(request, is_switched=is_switched):
        return ""
    return comments.render(request.accounts, form.body.data).html


@view_config(
    route_name="blog.edit_comment", request_method="GET", renderer=_TEMPLATE, permission="blog.comment", statements=2
)
def edit(request: Request) -> Mapping[str, Any]:
    """The form with a comment of one's own."""
    comment = _own(request, comments.find)
    form = CommentForm(request, data={"body": comment.body, "version": str(comment.version)})
    return _edit_page(form, comment)


@view_config(
    route_name="blog.edit_comment", request_method="POST", renderer=_TEMPLATE, permission="blog.comment", statements=25
)
def save(request: Request) -> Mapping[str, Any] | Response:
    """Store a changed comment."""
    is_switched = switched(request)
    form = CommentForm(request)
    try:
        # Nothing is locked until it is rendered, and by a preview nothing at all.
        comment = _own(request, comments.look_up)
    except NotThere:
        return keep_comment(request, form.body.data, is_edit=True)
    # Who was shown what is stored beside their text sees both until one of them is saved.
    page = {**_edit_page(form, comment), "current": comment if form.conflict.data else None}
    if (is_switched and not form.body.data) or not form.validate():
        return page
    if is_switched or request.POST.get("do") == "preview":
        return {**page, "preview": _preview(request, form, is_switched=is_switched)}
    try:
        comment = comments.edit(request.accounts, comment, form.body.data, version=int(form.version.data or 0))
    except Fault as fault:
        show_fault(form, fault)
        return page
    except Stale as stale:
        request.response.status_int = 409
        form.version.data, form.conflict.data = str(stale.current.version), "1"
        return {**page, "current": stale.current}
    except NotThere:
        # Deleted while it was rendered, or its post.
        return keep_comment(request, form.body.data, is_edit=True)
    if comment.hidden_at is None:
        request.flash(_("Your comment is saved."), "success")
    else:
        request.flash(_("Your comment is saved. It stays hidden until a moderator shows it again."), "success")
    return see_other(_place(request, comment))


@view_config(
    route_name="blog.delete_comment",
    request_method="GET",
    renderer="blog/delete.jinja2",
    permission="blog.comment",
    statements=2,
)
def confirm_delete(request: Request) -> Mapping[str, Any]:
    """Ask before a comment is deleted."""
    return {"comment": _own(request, comments.find), "post": None}


@view_config(route_name="blog.delete_comment", request_method="POST", permission="blog.comment")
def delete(request: Request) -> Response:
    """Delete a comment of one's own."""
    comment = _own(request, partial(comments.find, lock=True))
    there = _stood(request, comment) if posts.may_see(request.identity, comment.post) else None
    comments.remove(request.accounts, comment)
    request.flash(_("Your comment is deleted."), "success")
    return see_other(there or request.route_path("main.index"))


def _stood(request: Request, comment: Comment) -> str:
    """Where a comment that is about to be deleted stands: the one before it that whoever asks sees."""
    bounds = Bounds(below=comment.id)
    before = reading.comments_of(request.db.connection(), comment.post_id, reader_of(request), bounds, 1).rows
    if before:
        return _place_on(request, comment.post_id, before[0].id)
    return str(request.route_path("blog.post", id=comment.post_id, _anchor="comments"))


def _page(
    form: CommentForm,
    post: Post | Outline | None,
    comment: Comment | None = None,
    *,
    preview: str = "",
    before: Before | None = None,
) -> dict[str, Any]:
    name = name_of(post.id, post.title, post.summary) if post is not None else ""
    return {
        "form": form,
        "post": post,
        "name": name,
        "comment": comment,
        "preview": preview,
        "current": None,
        "before": before,
    }


def _edit_page(form: CommentForm, comment: Comment) -> dict[str, Any]:
    request = form.request
    return _page(form, comment.post if posts.may_see(request.identity, comment.post) else None, comment)


def _own(request: Request, find: Callable[..., Comment]) -> Comment:
    comment = find(request.accounts, parse_id(request.matchdict["id"]), own_too=True)
    if comment.author_id != request.identity.user_id:
        raise NotAllowed
    return comment
