"""The mails of the blog: a notice at once, and a digest. Each holds a link by which they can be stopped."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.languages import _
from flasky.mail.services import send_mail
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.markdown import text_of
from flasky.plugins.blog.mentions import since
from flasky.plugins.blog.models import Comment, Post
from flasky.security.keys import Signer

_SIGNER = "blog.unsubscribe"
_TOKEN = re.compile(r"([0-9]{1,10})\.([0-9]{1,12})")

#: Characters of a line in a mail, and the lines of a quotation.
_LINE = 72
_LINES = 4

#: The kinds of notices that tell of a moderator's decision; who it was is not told.
DECISIONS = ("hidden", "shown")

_WHOM = {"username": "Ann", "token": "sample"}
MAILS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "mail/blog_notice": (
        _("News from ${actor}"),
        {
            **_WHOM,
            "kind": "comment",
            "actor": "Bob",
            "title": "A walk through the 胡同",
            "post_id": 1,
            "comment_id": 1,
            "quote": ["Thank you! The photograph of the old gate made me want to go there.", "下次一起去吧。"],
        },
    ),
    "mail/blog_decision": (
        _("The moderators decided about what you wrote"),
        {**_WHOM, "kind": "hidden", "is_comment": False, "title": "A walk", "reason": "Off topic", "post_id": 1},
    ),
    "mail/blog_digest": (
        _("What happened on the site"),
        {
            **_WHOM,
            "entries": [
                {"kind": "comment", "actor": "Bob", "title": "A walk", "post_id": 1, "comment_id": 1},
                {"kind": "mention", "actor": "小明", "title": "", "post_id": 2, "comment_id": None},
                {"kind": "follow", "actor": "Carla", "title": None, "post_id": None, "comment_id": None},
                {"kind": "hidden", "actor": "Mona", "title": "Off topic", "post_id": 3, "comment_id": None},
            ],
            "more": 3,
        },
    ),
}


def includeme(config: Configurator) -> None:
    """Declare the mails, and keep what signs their links."""
    config.registry[_SIGNER] = Signer(config.registry, _SIGNER)
    for template, (subject, sample) in MAILS.items():
        config.add_mail(template, subject, sample=sample, unsubscribe="blog.unsubscribe")


def send_notice(work: Work, user: User, kind: str, actor: str, post: Post | None, comment: Comment | None) -> None:
    """Mail one notice to a member, with the first lines of what somebody wrote."""
    written = comment or post
    _send(
        work, "mail/blog_notice", user,
        kind=kind,
        actor=actor,
        title=post.title if post else "",
        post_id=post.id if post else 0,
        comment_id=comment.id if comment else 0,
        quote=first_lines(written.html) if written else [],
    )  # fmt: skip


def first_lines(html: str) -> list[str]:
    """The first lines of HTML that the blog made, as text, broken to the width of a mail."""
    text = " ".join(text_of(html).split())
    return textwrap.wrap(text, _LINE, max_lines=_LINES, placeholder=" …")


def send_decision(work: Work, user: User, kind: str, post: Post, comment: Comment | None) -> None:
    """Mail a moderator's decision to whoever wrote the post or comment."""
    # A comment may stand below a post that is not there for its author any more.
    is_seen = post.listed_at is not None or post.author_id == user.id
    _send(
        work, "mail/blog_decision", user,
        kind=kind,
        is_comment=comment is not None,
        reason=post.hidden_reason if comment is None else comment.hidden_reason,
        title=post.title,
        post_id=post.id if is_seen else 0,
    )  # fmt: skip


def send_digest_to(work: Work, user: User, entries: Sequence[Any], more: int) -> None:
    """Mail a member who did what since the last mail: `entries` have kind, actor, post_id, comment_id and title.

    `more` is the number of those that are only on the page.
    """
    _send(work, "mail/blog_digest", user, entries=[dict(entry._mapping) for entry in entries], more=more)  # noqa: SLF001 - a public name of SQLAlchemy's


def _send(work: Work, template: str, user: User, **values: Any) -> None:
    if user.email and user.confirmed_at:
        token = unsubscribe_token(work.registry, user)
        subject = MAILS[template][0]
        values.update(username=user.username, token=token)
        send_mail(work.registry, work.db, user.email, subject, template, language=user.language or "en", **values)


def unsubscribe_token(registry: Registry, user: User) -> str:
    """What stands in the link of a mail; it can do nothing but stop these mails, and those of this member only.

    It names when they joined as well: SQLite may give the number of a member who left to the next one.
    """
    signer: Signer = registry[_SIGNER]
    return signer.sign(f"{user.id}.{since(user.created_at)}")


def read_token(registry: Registry, token: str) -> tuple[int, int] | None:
    """The number of the member whom a token belongs to and when they joined (`since`); None for any other text."""
    signer: Signer = registry[_SIGNER]
    found = _TOKEN.fullmatch(signer.verify(token) or "")
    return (int(found[1]), int(found[2])) if found else None
