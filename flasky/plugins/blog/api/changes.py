"""What programs change, in the name of the member who sends them: the services, limits and rules of the forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pyramid.httpexceptions import HTTPConflict, HTTPNoContent
from pyramid.request import Request
from pyramid.response import Response
from pyramid.view import view_config

from flasky.errors.exceptions import RefusedFields
from flasky.languages import _
from flasky.parameters import parse_id
from flasky.plugins.blog import comments, following, moderation, posts
from flasky.plugins.blog.api.bodies import FLAG, TEXT, TEXTS, idempotency_key, read_fields, tags_as_typed, told
from flasky.plugins.blog.api.shapes import Shape, Shapes
from flasky.plugins.blog.api.versions import check_version, etag_of, versions_named, versions_required
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.posts import Writing

Thing = TypeVar("Thing", Post, Comment)

_POST = {"title": TEXT, "body": TEXT, "tags": TEXTS, "draft": FLAG}
_COMMENT = {"body": TEXT}
_REASON = {"reason": TEXT}


@view_config(
    route_name="blog.api.posts", request_method="POST", renderer="json", permission="blog.write", statements=40
)
def write(request: Request) -> Shape:
    """A new post, or a draft."""
    sent, key = read_fields(request, _POST, needed=("body",)), idempotency_key(request)
    with told():
        tags = tags_as_typed(sent.get("tags", []))
        writing = Writing(sent["body"], sent.get("title", ""), tags, draft=sent.get("draft", False))
        # A program that sends another key means another post.
        post = posts.create(request.accounts, writing, key=key, again=True)
    return _made(request, "blog.api.post", post, Shapes(request).post(post))


@view_config(
    route_name="blog.api.post", request_method="PATCH", renderer="json", permission="blog.write", statements=40
)
def edit(request: Request) -> Shape:
    """Change some fields of a post of one's own; `"draft": false` publishes a draft."""
    sent, versions = read_fields(request, _POST), versions_required(request)
    post = _own(request, posts.look_up)
    check_version(post, versions)
    if sent.get("draft") and not post.is_draft:
        raise RefusedFields({"draft": [_("It is published, and is no draft any more.")]})
    with told():
        tags = tags_as_typed(sent["tags"]) if "tags" in sent else post.tag_names
        draft = sent.get("draft", post.is_draft)
        writing = Writing(sent.get("body", post.body), sent.get("title", post.title), tags, draft=draft)
        post = posts.edit(request.accounts, post, writing, version=post.version)
    return _changed(request, post, Shapes(request).post(post))


@view_config(route_name="blog.api.post", request_method="DELETE", permission="blog.write")
def delete(request: Request) -> Response:
    """Delete a post of one's own, with its comments."""
    versions = versions_required(request)
    post = _own(request, partial(posts.find, lock=True))
    check_version(post, versions)
    posts.remove(request.accounts, post)
    return HTTPNoContent()


@view_config(
    route_name="blog.api.comments", request_method="POST", renderer="json", permission="blog.comment", statements=26
)
def add_comment(request: Request) -> Shape:
    """Comment on a post."""
    sent, key = read_fields(request, _COMMENT, needed=_COMMENT), idempotency_key(request)
    post = posts.outline(request.accounts, parse_id(request.matchdict["id"]))
    with told():
        comment = comments.add(request.accounts, post, sent["body"], key=key, again=True)
    return _made(request, "blog.api.comment", comment, Shapes(request).whole_comment(comment))


@view_config(
    route_name="blog.api.comment", request_method="PATCH", renderer="json", permission="blog.comment", statements=25
)
def edit_comment(request: Request) -> Shape:
    """Change a comment of one's own."""
    sent, versions = read_fields(request, _COMMENT, needed=_COMMENT), versions_required(request)
    # One's own below a hidden post, too.
    comment = _own(request, partial(comments.look_up, own_too=True))
    check_version(comment, versions)
    with told():
        comment = comments.edit(request.accounts, comment, sent["body"], version=comment.version)
    return _changed(request, comment, Shapes(request).whole_comment(comment))


@view_config(route_name="blog.api.comment", request_method="DELETE", permission="blog.comment")
def delete_comment(request: Request) -> Response:
    """Delete a comment of one's own."""
    versions = versions_required(request)
    comment = _own(request, partial(comments.find, lock=True, own_too=True))
    check_version(comment, versions)
    comments.remove(request.accounts, comment)
    return HTTPNoContent()


@view_config(route_name="blog.api.follow", request_method="PUT", permission="blog.follow", statements=15)
def follow(request: Request) -> Response:
    """Follow a member; whoever does already goes on."""
    user = following.find(request.accounts, parse_id(request.matchdict["id"]))
    following.follow(request.accounts, user)
    return HTTPNoContent()


@view_config(route_name="blog.api.follow", request_method="DELETE", permission="blog.follow")
def unfollow(request: Request) -> Response:
    """Follow a member no longer, also one who has no profile any more."""
    user = following.find(request.accounts, parse_id(request.matchdict["id"]), left_too=True)
    if not following.unfollow(request.accounts, user) and not user.has_profile:
        # As on pages: whoever tries numbers learns nothing.
        raise NotThere
    return HTTPNoContent()


# As on the page: fifteen, and the mails at once.
@view_config(route_name="blog.api.hidden_post", request_method="PUT", permission="blog.moderate", statements=40)
@view_config(route_name="blog.api.hidden_comment", request_method="PUT", permission="blog.moderate", statements=40)
def hide(request: Request) -> Response:
    """Hide a post or comment with a reason, which its author reads; its reports are answered."""
    sent = read_fields(request, _REASON, needed=_REASON)
    thing = _moderated(request)
    with told():
        is_decided = moderation.hide(request.accounts, thing, sent["reason"])
    if not is_decided:
        raise HTTPConflict(_("A moderator has hidden it already, with a reason that its author was told."))
    return HTTPNoContent()


@view_config(route_name="blog.api.hidden_post", request_method="DELETE", permission="blog.moderate", statements=40)
@view_config(route_name="blog.api.hidden_comment", request_method="DELETE", permission="blog.moderate", statements=40)
def show(request: Request) -> Response:
    """Show a post or comment that was hidden; one that is shown stays so."""
    thing = _moderated(request)
    moderation.show(request.accounts, thing)
    return HTTPNoContent()


def _own(request: Request, find: Callable[..., Thing]) -> Thing:
    """What the address names. Raises NotThere, and NotAllowed for what somebody else wrote.

    What is edited is looked up, as on pages, and locked once its new text is rendered.
    """
    found = find(request.accounts, parse_id(request.matchdict["id"]))
    if found.author_id != request.identity.user_id:
        raise NotAllowed
    return found


def _moderated(request: Request) -> Post | Comment:
    """The post or comment that the address names, locked. Raises NotThere.

    A program may say which version its moderator decides about, and need not: 412 for another one.
    """
    versions = versions_named(request)
    thing = _found(request, parse_id(request.matchdict["id"]))
    if versions is not None:
        check_version(thing, versions)
    return thing


def _found(request: Request, number: int) -> Post | Comment:
    if request.matched_route.name == "blog.api.hidden_comment":
        return comments.find(request.accounts, number, lock=True)
    post = posts.find(request.accounts, number, lock=True)
    moderation.check_published(post)
    return post


def _made(request: Request, route: str, thing: Post | Comment, shape: Shape) -> Shape:
    request.response.status_int = 201
    request.response.location = request.host_url + request.route_path(route, id=thing.id)
    return _changed(request, thing, shape)


def _changed(request: Request, thing: Post | Comment, shape: Shape) -> Shape:
    request.response.etag = etag_of(thing, shape)
    return shape
