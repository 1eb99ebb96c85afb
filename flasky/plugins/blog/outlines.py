"""A post in outline: what there is to know of it for whoever comments, for a quarter of the whole post's CPU time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from flasky.plugins.blog.models import Post
from flasky.plugins.blog.titles import OPENING

_OUTLINE = select(
    Post.id, Post.author_id, Post.title, OPENING, Post.created_at, Post.published_at, Post.listed_at
).where(Post.id == bindparam("id"))  # fmt: skip


class Outline(NamedTuple):
    """These columns of a post as they were when it was read."""

    id: int
    author_id: int | None
    title: str
    #: Of a post without a title, by which it is named then; else empty.
    summary: str
    created_at: datetime
    published_at: datetime | None
    listed_at: datetime | None

    @property
    def is_draft(self) -> bool:
        """Whether only its author sees it."""
        return self.published_at is None


def read(connection: Connection, post_id: int) -> Outline | None:
    """The outline of a post, whoever may see it; None when there is none. One statement."""
    row = connection.execute(_OUTLINE, {"id": post_id}).one_or_none()
    return None if row is None else Outline(*row)
