"""What is shown to who sends a form that was sent before, or the same text again (CON-03)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from pyramid.request import Request

from flasky.plugins.blog import comments, posts
from flasky.plugins.blog.errors import NotThere, SentBefore
from flasky.plugins.blog.forms import CommentForm, PostForm
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.submissions import COMMENT


class Before(NamedTuple):
    """What was made before: its path, None when it is gone; whether it is a draft; whether by this very form."""

    path: str | None
    is_draft: bool
    same_form: bool


def ask_again(request: Request, form: PostForm | CommentForm, sent: SentBefore) -> Before:
    """Answer 409 with the form, whose next sending stores what was typed as another; returns what to say about it."""
    request.response.status_int = 409
    form.ask_again()
    path, is_draft = _where(request, sent)
    return Before(path, is_draft, sent.same_form)


def _where(request: Request, sent: SentBefore) -> tuple[str | None, bool]:
    if sent.made_id is None:
        return None, False
    find = partial(comments.find, own_too=True) if sent.kind == COMMENT else posts.find
    try:
        made: Post | Comment = find(request.accounts, sent.made_id)
    except NotThere:
        return None, False
    # An older copy of the database that was put back gives numbers again: it may be somebody else's now.
    if made.author_id != request.identity.user_id:
        return None, False
    if isinstance(made, Comment):
        return request.route_path("blog.to_comment", id=made.id), False
    return request.route_path("blog.edit" if made.is_draft else "blog.post", id=made.id), made.is_draft
