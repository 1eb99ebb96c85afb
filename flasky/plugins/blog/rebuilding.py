"""Making anew what is derived from what members wrote, a portion at a time, so that nobody else waits for long.

What is stored is read and computed before a transaction begins: it holds the lock for writing (on SQLite the one that
there is) for storing alone, and for no more than so many characters. What was edited in between is taken once more, as
the edit may have known an older name. The newest come first: they are read most. So the oldest are the last that an
earlier pipeline made, and tell at little cost whether there are any (`rebuild_is_due`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import ColumnElement, Connection, Select, case, func, select, true, update
from sqlalchemy.orm import Session

from flasky.database import get_database
from flasky.jobs.models import BackgroundJob, Status
from flasky.jobs.services import enqueue
from flasky.plugins.accounts.events import MemberEvent, NameChanged, ProfileChanged
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work, open_work, work_of
from flasky.plugins.blog import comments, limits, markdown, posts, search
from flasky.plugins.blog.mentions import last_written
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.storage import changed, lists_changed

#: One transaction takes so many texts, and of long ones no more than so many characters, but always one.
_AT_ONCE, _CHARACTERS = 200, 100_000
_NAMES, _LEFT = "blog.names", "blog.forget_names"
#: The name beside the user name, by which posts are found: of who has no profile no page shows it, and no search may
#: tell it.
_SHOWN_NAME = case((User.has_profile, User.name), else_="").label("name")
#: Of the oldest that members edited before they were rebuilt, there may be so many but one.
_OLDEST = 20


class _Portion(NamedTuple):
    """What one transaction takes: the ids, the highest first, and the id with which the next one begins, if any."""

    ids: list[int]
    next: int | None


class _Made(NamedTuple):
    """What was made of a stored text: the columns of its row, and the words of a post."""

    item: Any
    values: dict[str, object]
    words: str | None


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
            # Negative: `forget_author`.
            if any(abs(pipeline) != markdown.PIPELINE for pipeline in connection.scalars(oldest)):
                return (
                    "posts or comments were made by the Markdown of another version of Flasky: "
                    "run `flasky blog rebuild`, which can be stopped, and goes on where it was"
                )
    return None


def name_changed(event: NameChanged) -> None:
    """Have the member's posts found by their new name, and no more by the old one."""
    _index_anew(event)


def profile_changed(event: ProfileChanged) -> None:
    """Have the posts of who has no profile now found by the user name alone, and by the name too once it is back."""
    if event.user.name:
        _index_anew(event)


def _index_anew(event: MemberEvent) -> None:
    """Of a member one job waits, however often their name comes and goes: the one that is there begins again."""
    waiting = event.session.scalars(_waiting(event.user.id)).first()
    if waiting is None:
        enqueue(event.work.registry, event.session, _NAMES, user_id=event.user.id)
    else:
        waiting.arguments = {"user_id": event.user.id}


def index_posts_of(request: Request, user_id: int | None, highest: int = limits.LARGEST_ID) -> None:
    """The job `blog.names`: index the posts of a member anew, up to an id; what is left, another one does.

    None is for those whose authors left: they are found by no name.
    """
    work = work_of(request)
    with work.reading() as connection:
        portion = _portion(connection, Post, (Post.author_id == user_id) & (Post.id <= highest))
        rows = connection.execute(_posts_with_names(portion.ids)).all()
        words = [(row, search.words_of_post(row, row.username or "", row.name or "")) for row in rows]
        renamed = [(row, found) for row, found in words if not search.is_stored(connection, row.id, found)]
    begins = portion.next
    unchanged = _lock_unchanged(work.db, Post, [row for row, _ in renamed])
    for row, found in renamed:
        if row.id not in unchanged:
            begins = row.id
            break
        search.store(work.db, row.id, found)
    if begins is not None and work.db.scalars(_waiting(user_id)).first() is None:
        request.enqueue(_NAMES, user_id=user_id, highest=begins)


def forget_author(work: Work, user_id: int) -> None:
    """Take a member who is being erased off their posts, which are locked. Two statements, however many these are.

    Their words still have the name, and take long to be made anew: until the job `blog.forget_names` did that, nobody
    finds the posts by any word.
    """
    # One change for all: the foreign key, which would do the first, writes each row with its text once more.
    theirs = update(Post).where(Post.author_id == user_id)
    hidden_by_id = func.nullif(Post.hidden_by_id, user_id)
    if changed(work.db, theirs.values(author_id=None, hidden_by_id=hidden_by_id, pipeline=-Post.pipeline)):
        enqueue(work.registry, work.db, _LEFT)


def forget_names(request: Request) -> None:
    """The job `blog.forget_names`: let posts whose authors left be found again, but by no name; another does the rest.

    What it has done is marked no more, so it begins where it was.
    """
    work = work_of(request)
    with work.reading() as connection:
        portion = _portion(connection, Post, Post.author_id.is_(None) & (Post.pipeline < 0))
        rows = connection.execute(_posts_with_names(portion.ids)).all()
        words = [(row, search.words_of_post(row)) for row in rows]
    # `flasky blog rebuild` may have done some meanwhile.
    still = select(Post.id).where(Post.id.in_(portion.ids), Post.pipeline < 0).order_by(Post.id)
    marked = set(work.db.scalars(still.with_for_update(key_share=True)))
    changed(work.db, update(Post).where(Post.id.in_(marked)).values(pipeline=-Post.pipeline))
    for row, found in words:
        if row.id in marked:
            search.store(work.db, row.id, found)
    if portion.next is not None:
        request.enqueue(_LEFT)


def _waiting(user_id: int | None) -> Select[BackgroundJob]:
    """A job of the member that nobody has begun. One that is being taken is none: it may have read the older name."""
    return (
        select(BackgroundJob)
        .where(
            BackgroundJob.name == _NAMES,
            BackgroundJob.status == Status.QUEUED,
            BackgroundJob.attempts == 0,
            BackgroundJob.arguments["user_id"].as_integer() == user_id,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _portion(connection: Connection, model: Any, wanted: ColumnElement[bool]) -> _Portion:
    sizes = select(model.id, func.length(model.body).label("size")).where(wanted).order_by(model.id.desc())
    ids: list[int] = []
    characters = 0
    for row in connection.execute(sizes.limit(_AT_ONCE + 1)):
        characters += row.size
        if ids and (len(ids) == _AT_ONCE or characters > _CHARACTERS):
            return _Portion(ids, row.id)
        ids.append(row.id)
    return _Portion(ids, None)


def _posts_with_names(ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    columns = (Post.id, Post.version, Post.author_id, Post.title, Post.html, Post.tag_names, User.username, _SHOWN_NAME)
    return select(*columns).outerjoin(User, User.id == Post.author_id).where(Post.id.in_(ids)).order_by(Post.id.desc())


def _lock_unchanged(db: Session, model: Any, items: Collection[Any]) -> set[int]:
    """Lock texts, the lowest id first (`storage.hold_members`), before anything of them is stored.

    Returns the ids of those that nobody has edited since they were read, and whose authors, with their names in the
    words, have not left.
    """
    read = {(item.id, item.version, item.author_id) for item in items}
    stored = select(model.id, model.version, model.author_id).where(model.id.in_([item.id for item in items]))
    locked = db.execute(stored.order_by(model.id).with_for_update(key_share=True))
    return {row.id for row in locked if tuple(row) in read}


def _through(registry: Registry, model: Any, *, everything: bool) -> int:
    wanted = true() if everything else model.pipeline != markdown.PIPELINE
    begins: int | None = limits.LARGEST_ID
    number = 0
    while begins is not None:
        begins, made = _made(registry, model, wanted & (model.id <= begins))
        with open_work(registry) as work:
            unchanged = _lock_unchanged(work.db, model, [one.item for one in made])
            for one in made:
                if one.item.id not in unchanged:
                    begins = one.item.id
                    break
                _store(work.db, model, one)
                number += 1
            if made:
                lists_changed(work.db)
    return number


def _made(registry: Registry, model: Any, wanted: ColumnElement[bool]) -> tuple[int | None, list[_Made]]:
    """What becomes of the next portion, and where the one after it begins. It only reads."""
    with get_database(registry).reader() as session:
        portion = _portion(session.connection(), model, wanted)
        statement = (
            select(model, User.username, _SHOWN_NAME)
            .outerjoin(User, User.id == model.author_id)
            .where(model.id.in_(portion.ids))
            .order_by(model.id.desc())
        )
        work = Work(registry, session)
        made = [_made_of(work, *row) for row in session.execute(statement).all()]
        session.expunge_all()
    return portion.next, made


def _made_of(work: Work, item: Any, *names: str | None) -> _Made:
    render = posts.render if isinstance(item, Post) else comments.render
    rendered = render(work, item.body, last_written(item))
    values: dict[str, object] = {"html": rendered.html, "pipeline": markdown.PIPELINE}
    if not isinstance(item, Post):
        return _Made(item, values, None)
    values.update(summary=rendered.summary, is_long=rendered.is_long)
    text = _Text(item.title, rendered.html, item.tag_names)
    return _Made(item, values, search.words_of_post(text, *filter(None, names)))


class _Text(NamedTuple):
    """What the words of a post are made of."""

    title: str
    html: str
    tag_names: str


def _store(db: Session, model: Any, made: _Made) -> None:
    # Not through the session: that would count as an edit.
    changed(db, update(model).where(model.id == made.item.id).values(**made.values))
    if made.words is not None:
        search.store(db, made.item.id, made.words)
