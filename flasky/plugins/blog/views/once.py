"""What is shown to who sends a form that was sent before, or the same text again (CON-03)."""

from __future__ import annotations

from typing import NamedTuple

from pyramid.request import Request

from flasky.plugins.blog import comments, posts
from flasky.plugins.blog.errors import NotThere, SentBefore
from flasky.plugins.blog.forms import CommentForm, PostForm
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
    try:
        if sent.kind == COMMENT:
            comment = comments.find(request.accounts, sent.made_id)
            return request.route_path("blog.to_comment", id=comment.id), False
        post = posts.find(request.accounts, sent.made_id)
    except NotThere:
        return None, False
    return request.route_path("blog.edit" if post.is_draft else "blog.post", id=post.id), post.is_draft
