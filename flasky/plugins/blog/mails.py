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
from flasky.plugins.blog.markdown import before_call, text_of
from flasky.plugins.blog.mentions import since
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.outlines import Outline
from flasky.plugins.blog.titles import name_of, opening_of
from flasky.security.keys import Signer

_SIGNER = "blog.unsubscribe"
_TOKEN = re.compile(r"([0-9]{1,10})\.([0-9]{1,12})")

#: Characters of a line in a mail, and the lines of a quotation.
_LINE = 72
_LINES = 4

#: The kinds of notices that tell of a moderator's decision; who it was is not told.
DECISIONS = ("hidden", "shown")

#: What the subject of a notice says, by its kind.
_SUBJECTS = {
    "comment": _("${actor} commented on: ${about}"),
    "answer": _("${actor} commented after you on: ${about}"),
    "mention": _("${actor} mentioned you in: ${about}"),
    "follow": _("${actor} follows you"),
}

_WHOM = {"username": "Ann", "token": "sample"}
_ENTRY = {"has_profile": True, "title": None, "post_id": None, "comment_id": None, "reason": ""}
MAILS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "mail/blog_notice": (
        _SUBJECTS["comment"],
        {
            **_WHOM,
            "kind": "comment",
            "actor": "Bob",
            "about": "A walk through the 胡同",
            "title": "A walk through the 胡同",
            "post_id": 1,
            "comment_id": 1,
            "quote": ["Thank you! The photograph of the old gate made me want to go there.", "下次一起去吧。"],
        },
    ),
    "mail/blog_decision": (
        _("The moderators decided about what you wrote"),
        {
            **_WHOM,
            "kind": "hidden",
            "title": "A walk",
            "reason": "Off topic",
            "post_id": 1,
            "comment_id": 2,
            "quote": ["By the way, who wants to buy my old bicycle?"],
        },
    ),
    "mail/blog_digest": (
        _("What happened on the site"),
        {
            **_WHOM,
            "entries": [
                {**_ENTRY, "kind": "comment", "actor": "Bob", "title": "A walk", "post_id": 1, "comment_id": 1},
                {**_ENTRY, "kind": "answer", "actor": "Dora", "title": "A gate", "post_id": 4, "comment_id": 3},
                {**_ENTRY, "kind": "mention", "actor": "小明", "title": "", "post_id": 2},
                {**_ENTRY, "kind": "follow", "actor": "Carla"},
                {**_ENTRY, "kind": "hidden", "actor": "Mona", "title": "Ads", "post_id": 3, "reason": "Spam"},
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


def send_notice(
    work: Work, user: User, kind: str, actor: str, post: Post | Outline | None, comment: Comment | None
) -> None:
    """Mail one notice to a member, with the first lines of what somebody wrote, or those where it calls them."""
    written = comment or post
    quote = []
    # Of a post in outline there is a comment to be quoted.
    if isinstance(written, Comment | Post):
        quote = lines_around(written.html, user.id if kind == "mention" else 0)
    title = name_of(post.id, post.title, post.summary) if post else ""
    _send(
        work, "mail/blog_notice", user, _SUBJECTS[kind],
        kind=kind,
        actor=actor,
        about=opening_of(title),
        title=title,
        post_id=post.id if post else 0,
        comment_id=comment.id if comment else 0,
        quote=quote,
    )  # fmt: skip


def lines_around(html: str, user_id: int = 0) -> list[str]:
    """Some lines of HTML that the blog made, as text, broken to the width of a mail: where it calls a member.

    The first ones where it does so there, or does not call them.
    """
    text, before = _words(html), len(_words(before_call(html, user_id)))
    lines, start = textwrap.wrap(text, _LINE), 0
    for number, line in enumerate(lines):
        start += len(line) + 1
        if start > before:
            if number >= _LINES:
                text = "… " + " ".join(lines[number - 1 :])
            break
    return textwrap.wrap(text, _LINE, max_lines=_LINES, placeholder=" …")


def _words(html: str) -> str:
    return " ".join(text_of(html).split())


def send_decision(
    work: Work, user: User, kind: str, post: Post | Outline, comment: Comment | None, reason: str
) -> None:
    """Mail a moderator's decision, and its reason, to whoever wrote the post or comment."""
    # A comment may stand below a post that is not there for its author any more.
    is_seen = post.listed_at is not None or post.author_id == user.id
    _send(
        work, "mail/blog_decision", user,
        kind=kind,
        reason=reason,
        title=name_of(post.id, post.title, post.summary) if is_seen else "",
        post_id=post.id,
        comment_id=comment.id if comment else 0,
        quote=lines_around(comment.html) if comment else [],
    )  # fmt: skip


def send_about_all(work: Work, user: User, kind: str, reason: str) -> None:
    """Mail a member that a moderator has `hidden` all that they wrote, and why, or has it `shown` again."""
    _send(work, "mail/blog_decision", user, kind=kind, reason=reason, title="", post_id=0, comment_id=0, quote=[])


def send_digest_to(work: Work, user: User, entries: Sequence[Any], more: int) -> None:
    """Mail a member who did what since the last mail.

    `entries` have kind, actor (None for who left) and whether there is a profile of theirs, post_id, comment_id, title,
    opening (`titles`) and the reason of a decision; `more` is the number of those that are only on the page.
    """
    told = [
        {
            **entry._asdict(),
            "title": name_of(entry.post_id, entry.title, entry.opening) if entry.post_id else "",
            "reason": " ".join(entry.reason.split()),
        }
        for entry in entries
    ]
    _send(work, "mail/blog_digest", user, entries=told, more=more)


def _send(work: Work, template: str, user: User, subject: str = "", **values: Any) -> None:
    if user.email and user.confirmed_at:
        values.update(username=user.username, token=unsubscribe_token(work.registry, user))
        said = subject or MAILS[template][0]
        send_mail(work.registry, work.db, user.email, said, template, language=user.language or "en", **values)


def unsubscribe_token(registry: Registry, user: User) -> str:
    """What stands in the link of a mail; it can do nothing but stop these mails, and those of this member only.

    It names when they joined as well: an older copy of the database that was put back gives numbers again.
    """
    signer: Signer = registry[_SIGNER]
    return signer.sign(f"{user.id}.{since(user.created_at)}")


def read_token(registry: Registry, token: str) -> tuple[int, int] | None:
    """The number of the member whom a token belongs to and when they joined (`since`); None for any other text."""
    signer: Signer = registry[_SIGNER]
    found = _TOKEN.fullmatch(signer.verify(token) or "")
    return (int(found[1]), int(found[2])) if found else None
