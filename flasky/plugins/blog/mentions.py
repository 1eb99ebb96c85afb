"""Mentions: the members whom a text calls with @ and their name, found with one statement when the text is stored.

The link that is stored names the member by id: it outlives another way of writing the name, and leads to nobody once
they have left, not to whoever takes the name after them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import select

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, canonical
from flasky.plugins.blog.markdown import Called
from flasky.plugins.blog.models import Comment, Post


def members_of(work: Work, written_at: datetime | None = None) -> Callable[[list[str]], Mapping[str, Called]]:
    """A function that finds the members called by names as they were written; see `markdown.render`.

    A text that was `written_at` some moment before now can only call who was a member then.
    """

    def find(names: list[str]) -> Mapping[str, Called]:
        keys = {name: canonical(name) for name in names}
        there = select(User.username_key, User.id, User.created_at).where(
            User.username_key.in_(set(keys.values())), User.confirmed_at.is_not(None), User.disabled_at.is_(None)
        )
        if written_at is not None:
            there = there.where(User.created_at <= written_at)
        # Not in the transaction: texts are rendered before anything is locked.
        with work.reading() as connection:
            people = {row.username_key: Called(row.id, since(row.created_at)) for row in connection.execute(there)}
        return {name: people[key] for name, key in keys.items() if key in people}

    return find


def since(created_at: datetime) -> int:
    """What a link says of when a member joined: two who had the same number one after the other differ in it."""
    return int(created_at.timestamp())


def last_written(text: Post | Comment) -> datetime:
    """When the author last stored the text that everybody sees: an edit and the end of a draft make links anew."""
    published_at = text.published_at if isinstance(text, Post) else None
    return text.edited_at or published_at or text.created_at
