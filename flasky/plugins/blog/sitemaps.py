"""What the sitemap names: the posts that everybody can read, in parts of ten thousand ids, and the pages of lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from flasky.plugins.blog import limits
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.models import Post, Tag
from flasky.plugins.blog.reading import IS_LISTED

#: Ids in one part, and tags in the part of the lists; a file may hold 50,000 addresses.
_PART = 10_000
_MOST_TAGS = 49_999


def number_of_parts(connection: Connection) -> int:
    """How many parts the posts have; one at least. One statement."""
    last: int = connection.scalar(select(func.max(Post.id))) or 0
    return last // _PART + 1


def posts(connection: Connection, part: int) -> Sequence[Any]:
    """The id of each post of a part, and when it changed last. One statement. Raises NotThere beyond all ids."""
    first = part * _PART
    if first > limits.LARGEST_ID:
        raise NotThere
    return connection.execute(
        select(Post.id, func.coalesce(Post.edited_at, Post.listed_at))
        .where(Post.id >= first, Post.id < min(first + _PART, limits.LARGEST_ID), Post.listed_at.is_not(None))
        .order_by(Post.id)
    ).all()


def newest(connection: Connection) -> datetime | None:
    """When the newest post was published that everybody can read. One statement."""
    return connection.scalar(select(func.max(Post.listed_at)))


def tags(connection: Connection) -> Sequence[str]:
    """The names of the tags that lists show, the oldest first. One statement."""
    return connection.scalars(select(Tag.name).where(IS_LISTED).order_by(Tag.id).limit(_MOST_TAGS)).all()
