"""Making anew what is derived from what members wrote, in small transactions that stop nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyramid.registry import Registry
from sqlalchemy import select, update

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, open_work
from flasky.plugins.blog import comments, markdown, posts, search
from flasky.plugins.blog.mentions import last_written
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.storage import changed, lists_changed

_AT_ONCE = 200


def rebuild_all(registry: Registry) -> tuple[int, int]:
    """Rebuild every post and comment; returns how many there were of each."""
    return _through(registry, Post), _through(registry, Comment)


def _through(registry: Registry, model: Any) -> int:
    last = number = 0
    while True:
        with open_work(registry) as work:
            statement = (
                select(model, User.username)
                .outerjoin(User, User.id == model.author_id)
                .where(model.id > last)
                .order_by(model.id)
                .limit(_AT_ONCE)
                # Who edits meanwhile waits for a moment.
                .with_for_update(of=model)
            )
            rows = work.db.execute(statement).all()
            if not rows:
                return number
            _rebuild(work, rows)
            last, number = rows[-1][0].id, number + len(rows)


def _rebuild(work: Work, rows: Sequence[Any]) -> None:
    for item, username in rows:
        render = posts.render if isinstance(item, Post) else comments.render
        rendered = render(work, item.body, last_written(item))
        values: dict[str, object] = {"html": rendered.html, "pipeline": markdown.PIPELINE}
        if isinstance(item, Post):
            values.update(summary=rendered.summary, is_long=rendered.is_long)
        # Not through the session: that would count as an edit.
        changed(work.db, update(type(item)).where(type(item).id == item.id).values(**values))
        if isinstance(item, Post):
            work.db.refresh(item)
            search.index(work.db, item, username or "")
    lists_changed(work.db)
