"""Reading one post; writing, editing, finding again and deleting one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.languages import _
from flasky.languages.switching import switched
from flasky.parameters import number_parameter, parse_id
from flasky.plugins.accounts.services import Fault, Work
from flasky.plugins.blog import comments, limits, markdown, posts, reading, tags, titles
from flasky.plugins.blog.errors import NotAllowed, NotThere, SentBefore, Stale
from flasky.plugins.blog.forms import CommentForm, PostForm
from flasky.plugins.blog.models import Post
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.reading import Bounds, Part
from flasky.plugins.blog.views.common import Page, may, may_preview, page_of, reader_of, see_other, show_fault
from flasky.plugins.blog.views.once import Before, ask_again
from flasky.plugins.blog.words import unturned

#: What the two buttons beside "Publish" send as `do`.
_PREVIEW, _DRAFT = "preview", "draft"


class Preview(NamedTuple):
    """What somebody types, as it will look once it is published."""

    title: str
    html: str
    tags: list[str]


@view_config(
    route_name="blog.post",
    request_method="GET",
    renderer="blog/post.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=3,
)
def post(request: Request) -> Mapping[str, Any]:
    """A post with its comments: two statements, and one for who reads."""
    reader = reader_of(request)
    row = reading.one_post(request.read, parse_id(request.matchdict["id"]), reader)
    if row is None:
        raise NotThere
    limit = request.registry.settings["blog.comments_per_page"]

    def read(bounds: Bounds) -> Part:
        return reading.comments_of(request.read, row.id, reader, bounds, limit)

    found, in_the_middle = _comments(request, read)
    can_comment = may(request, "blog.comment") and row.listed_at is not None
    text = unturned(" ".join(markdown.text_of(row.html).split()))
    return {
        "post": row,
        "text": text[:200],
        "title": row.title or titles.opening_of(text) or f"#{row.id}",
        "comments": found,
        # Whether the page begins somewhere in the middle.
        "in_the_middle": in_the_middle,
        "look": reading.Look(request),
        "reader": reader,
        "form": new_comment(request, found.rows) if can_comment else None,
        "comment": None,
        "may_write": may(request, "blog.write"),
        "may_comment": may(request, "blog.comment"),
    }


def _comments(request: Request, read: Callable[[Bounds], Part]) -> Page:
    """The part of the discussion that the query asks for: with `newest` its end, however many came since."""
    beginning = f"{request.path}#comments"
    if "newest" not in request.GET:
        return page_of(request, read, ascending=True, beginning=beginning)
    found = read(Bounds(below=limits.LARGEST_ID))
    if found.back is None:
        raise see_other(beginning)
    # What is behind them is still to be written.
    return Page(replace(found, on=None), in_the_middle=True)


def new_comment(request: Request, shown: Sequence[Any]) -> CommentForm:
    """A form for a comment: empty, or calling who wrote the one of these to which the query says it is a reply."""
    form = CommentForm(request)
    form.renew()
    form.shown.data = f"{shown[0].id}-{shown[-1].id}" if shown else "0-0"
    replied_to = number_parameter(request, "reply", default=0)
    for item in shown:
        if item.id == replied_to and item.has_profile:
            form.body.data = f"@{item.username} "
            form.body.render_kw = {**form.body.render_kw, "data-go-on": ""}
    return form


@view_config(
    route_name="blog.write", request_method="GET", renderer="blog/write.jinja2", permission="blog.write", statements=1
)
def write(request: Request) -> Mapping[str, Any]:
    """The form for a new post."""
    form = PostForm(request)
    form.renew()
    return _page(form)


@view_config(
    route_name="blog.write", request_method="POST", renderer="blog/write.jinja2", permission="blog.write", statements=40
)
@view_config(
    route_name="blog.edit", request_method="POST", renderer="blog/write.jinja2", permission="blog.write", statements=40
)
def save(request: Request) -> Mapping[str, Any] | Response:
    """Show what was typed as it will look, also in the other language, or store it."""
    is_switched = switched(request)
    form = PostForm(request)
    form.renew()
    try:
        # Nothing is locked until it is rendered, and by a preview nothing at all.
        stored = _own(request, posts.look_up)
    except NotThere:
        return _gone(request, form)
    # Who was shown what is stored beside their text sees both until one of them is saved.
    current = stored if form.conflict.data else None
    # Who has typed nothing yet is not told so by the switch of languages.
    if (is_switched and not form.body.data) or not form.validate():
        return _page(form, stored, current=current)
    if is_switched or request.POST.get("do") == _PREVIEW:
        return _page(form, stored, preview=_preview(request, form, is_switched=is_switched), current=current)
    writing = Writing(form.body.data, form.title.data, form.tags.data, draft=request.POST.get("do") == _DRAFT)
    was_public = stored is not None and not stored.is_draft
    try:
        if stored is None:
            stored = posts.create(request.accounts, writing, key=form.key.data, again=bool(form.again.data))
        else:
            stored = posts.edit(request.accounts, stored, writing, version=int(form.version.data or 0))
    except Fault as fault:
        show_fault(form, fault)
        return _page(form, stored, current=current)
    except SentBefore as sent:
        return _page(form, before=ask_again(request, form, sent))
    except Stale as stale:
        return _conflict(request, form, stale)
    except NotThere:
        # Deleted while it was rendered.
        return _gone(request, form)
    request.flash(_done(stored, was_public), "success")
    return see_other(request.route_path("blog.post", id=stored.id))


def _preview(request: Request, form: PostForm, *, is_switched: bool) -> Preview | None:
    if not may_preview(request, is_switched=is_switched):
        return None
    html = posts.render(request.accounts, form.body.data).html
    names: list[str] = []
    try:
        names = tags.parse_tags(form.tags.data)
    except Fault as fault:
        show_fault(form, fault)
    return Preview(posts.title_of(form.title.data), html, names)


def _done(post: Post, was_public: bool) -> Any:
    if post.is_draft:
        return _("Your draft is saved.")
    if post.hidden_at is not None:
        return _("Your post is saved. It stays hidden until a moderator shows it again.")
    return _("Your post is saved.") if was_public else _("Your post is published.")


@view_config(
    route_name="blog.edit", request_method="GET", renderer="blog/write.jinja2", permission="blog.write", statements=2
)
def edit(request: Request) -> Mapping[str, Any]:
    """The form with a post of one's own."""
    stored = _own(request, posts.find)
    values = {"title": stored.title, "body": stored.body, "tags": stored.tag_names, "version": str(stored.version)}
    return _page(PostForm(request, data=values), stored)


@view_config(
    route_name="blog.delete", request_method="GET", renderer="blog/delete.jinja2", permission="blog.write", statements=2
)
def confirm_delete(request: Request) -> Mapping[str, Any]:
    """Ask before a post is deleted."""
    return {"post": _own(request, posts.find), "comment": None}


@view_config(route_name="blog.delete", request_method="POST", permission="blog.write")
def delete(request: Request) -> Response:
    """Delete a post of one's own."""
    post = _own(request, partial(posts.find, lock=True))
    # Where it stood, and others like it.
    there = "blog.drafts" if post.listed_at is None else "main.index"
    request.flash(_("Your draft is deleted.") if post.is_draft else _("Your post is deleted."), "success")
    posts.remove(request.accounts, post)
    return see_other(request.route_path(there))


@view_config(
    route_name="blog.drafts",
    request_method="GET",
    renderer="blog/drafts.jinja2",
    # They read what is theirs also when they may neither write nor comment any more.
    permission="accounts.take_part",
    statements=3,
)
def drafts(request: Request) -> Mapping[str, Any]:
    """The visitor's own drafts and hidden posts, and their comments that others do not see."""
    before = number_parameter(request, "comments_before", default=0)
    found, in_the_middle = page_of(request, partial(posts.unlisted, request.accounts))
    return {
        "posts": found,
        "in_the_middle": in_the_middle,
        "unseen": None if in_the_middle else comments.unseen(request.accounts, before),
        "comments_before": before,
        "look": reading.Look(request),
        "may_write": may(request, "blog.write"),
        "may_comment": may(request, "blog.comment"),
    }


def _gone(request: Request, form: PostForm) -> Mapping[str, Any]:
    """404 with what was typed, to be stored as a new post. Raises NotThere when nothing was."""
    if not form.body.data:
        raise NotThere
    request.response.status_int = 404
    return {**_page(form), "is_gone": True}


def _page(
    form: PostForm,
    post: Any = None,
    *,
    preview: Preview | None = None,
    current: Any = None,
    before: Before | None = None,
) -> Mapping[str, Any]:
    return {"form": form, "post": post, "preview": preview, "current": current, "before": before, "is_gone": False}


def _own(request: Request, find: Callable[[Work, int], Post]) -> Any:
    """The post that the address names, None when it names none. Raises NotThere, and NotAllowed for another's."""
    if "id" not in request.matchdict:
        return None
    found = find(request.accounts, parse_id(request.matchdict["id"]))
    if found.author_id != request.identity.user_id:
        raise NotAllowed
    return found


def _conflict(request: Request, form: PostForm, stale: Stale) -> Mapping[str, Any]:
    """409: both texts, and the form with what was typed on top of the version that is stored now (CON-02)."""
    request.response.status_int = 409
    form.version.data, form.conflict.data = str(stale.current.version), "1"
    return _page(form, stale.current, current=stale.current)
