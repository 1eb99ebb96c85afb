"""Making anew what is derived from what members wrote, in small transactions that stop nobody.

The newest come first: they are read most. So the oldest are the last that an earlier pipeline made, and tell at little
cost whether there are any (`rebuild_is_due`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import select, true, update

from flasky.database import get_database
from flasky.jobs.services import enqueue
from flasky.plugins.accounts.events import NameChanged
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, open_work, work_of
from flasky.plugins.blog import comments, limits, markdown, posts, search
from flasky.plugins.blog.mentions import last_written
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.storage import changed, lists_changed

_AT_ONCE = 200
_NAMES = "blog.names"
#: Of the oldest that members edited before they were rebuilt, there may be so many but one.
_OLDEST = 20


def rebuild_all(registry: Registry, *, everything: bool = False) -> tuple[int, int]:
    """Rebuild the posts and comments that another pipeline made; returns how many there were of each.

    Stopped, it goes on where it was. With `everything`, those are rebuilt too that this pipeline made.
    """
    return _through(registry, Post, everything=everything), _through(registry, Comment, everything=everything)


def rebuild_is_due(registry: Registry) -> str | None:
    """The health check `blog.pipeline`: whether what is shown was made by another version. Two statements."""
    with get_database(registry).read_engine.connect() as connection:
        for model in (Post, Comment):
            oldest = select(model.pipeline).order_by(model.id).limit(_OLDEST)
            if any(pipeline != markdown.PIPELINE for pipeline in connection.scalars(oldest)):
                return (
                    "posts or comments were made by the Markdown of another version of Flasky: "
                    "run `flasky blog rebuild`, which can be stopped, and goes on where it was"
                )
    return None


def name_changed(event: NameChanged) -> None:
    """Have the member's posts found by their new name, and no more by the old one."""
    enqueue(event.work.registry, event.session, _NAMES, user_id=event.user.id)


def index_posts_of(request: Request, user_id: int, highest: int = limits.LARGEST_ID) -> None:
    """The job `blog.names`: index the posts of a member anew, up to an id; one transaction takes so many."""
    work = work_of(request)
    posts = (
        select(Post.id, Post.title, Post.html, Post.tag_names, User.username, User.name)
        .join(User, User.id == Post.author_id)
        .where(Post.author_id == user_id, Post.id <= highest)
        .order_by(Post.id.desc())
        .limit(_AT_ONCE)
        # Who edits meanwhile waits for a moment.
        .with_for_update(of=Post)
    )
    rows = work.db.execute(posts).all()
    for row in rows:
        search.index(work.db, row, row.username, row.name)
    if len(rows) == _AT_ONCE:
        request.enqueue(_NAMES, user_id=user_id, highest=rows[-1].id - 1)


def _through(registry: Registry, model: Any, *, everything: bool) -> int:
    highest, number = limits.LARGEST_ID, 0
    wanted = true() if everything else model.pipeline != markdown.PIPELINE
    while True:
        with open_work(registry) as work:
            statement = (
                select(model, User.username, User.name)
                .outerjoin(User, User.id == model.author_id)
                .where(model.id <= highest, wanted)
                .order_by(model.id.desc())
                .limit(_AT_ONCE)
                # Who edits meanwhile waits for a moment.
                .with_for_update(of=model)
            )
            rows = work.db.execute(statement).all()
            if not rows:
                return number
            _rebuild(work, rows)
            highest, number = rows[-1][0].id - 1, number + len(rows)


def _rebuild(work: Work, rows: Sequence[Any]) -> None:
    for item, *names in rows:
        render = posts.render if isinstance(item, Post) else comments.render
        rendered = render(work, item.body, last_written(item))
        values: dict[str, object] = {"html": rendered.html, "pipeline": markdown.PIPELINE}
        if isinstance(item, Post):
            values.update(summary=rendered.summary, is_long=rendered.is_long)
        # Not through the session: that would count as an edit.
        changed(work.db, update(type(item)).where(type(item).id == item.id).values(**values))
        if isinstance(item, Post):
            work.db.refresh(item)
            search.index(work.db, item, *filter(None, names))
    lists_changed(work.db)
