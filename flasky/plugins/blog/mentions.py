"""Mentions: the members whom a text calls with @ and their name, found with one statement when the text is stored.

The link that is stored names the member by id: it outlives another way of writing the name, and leads to nobody once
they have left, not to whoever takes the name after them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, canonical


def members_of(work: Work) -> Callable[[list[str]], Mapping[str, int]]:
    """A function that finds the ids of the members called by names as they were written; see `markdown.render`."""

    def find(names: list[str]) -> Mapping[str, int]:
        keys = {name: canonical(name) for name in names}
        there = select(User.username_key, User.id).where(
            User.username_key.in_(set(keys.values())), User.confirmed_at.is_not(None), User.disabled_at.is_(None)
        )
        ids = {row.username_key: row.id for row in work.db.execute(there)}
        return {name: ids[key] for name, key in keys.items() if key in ids}

    return find
