"""Who changes several rows at once locks them in one order (`storage.hold_members`): nobody waits for who waits.

Here one stops with some of its rows until the other waits for them. PostgreSQL would stop one of the two after a
second; SQLite lets one transaction write at a time, and nothing can come between there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Session

from flasky.background import background_request
from flasky.database import get_database
from flasky.plugins.accounts.authentication import Known, lock_member
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, following, hiding, moderation, notices, posts, rebuilding, showing
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.models import BlogMember, Comment, Decision, Notice, Post

pytestmark = pytest.mark.databases("postgresql")
_WAITING = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))


class Other:
    """Somebody else, in a thread: `raised` is what stopped them."""

    def __init__(self, task: Callable[[], Any], db: Session) -> None:
        self._task, self._db = task, db
        self._thread = threading.Thread(target=self._run)
        self.raised: Exception | None = None

    def _run(self) -> None:
        try:
            self._task()
        except Exception as error:  # noqa: BLE001 - it is the result
            self.raised = error

    def begin(self, waiting: int = 1) -> None:
        """Begin, and return once so many wait for a lock, or this is done."""
        self._thread.start()
        while self._thread.is_alive() and (self._db.scalar(_WAITING) or 0) < waiting:
            self._db.rollback()
        self._db.rollback()

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> Exception | None:
        self._thread.join()
        return self.raised


@contextmanager
def once_sent(registry: Registry, beginning: str, act: Callable[[], None]) -> Iterator[None]:
    """Have this thread do something after the first statement that it sends and that begins so."""
    here, left = threading.current_thread(), [act]

    def sent(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if left and threading.current_thread() is here and statement.startswith(beginning):
            left.pop()()

    engine = get_database(registry).engine
    event.listen(engine, "after_cursor_execute", sent)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", sent)
    assert not left, "no such statement was sent"


@pytest.fixture
def stopped_at(registry: Registry, db: Session) -> Callable[..., None]:
    """A function that does something, stops at a statement until another waits for it, and has both end well."""

    def do(beginning: str, task: Callable[[], Any], other: Callable[[], Any]) -> None:
        others = Other(other, db)
        raised = None
        try:
            with once_sent(registry, beginning, others.begin):
                task()
        except Exception as error:  # noqa: BLE001 - it is the result
            raised = error
        assert (raised, others.end()) == (None, None)

    return do


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    names = {"anna": "User", "bob": "User", "gone": "Moderator", "mona": "Moderator"}
    return {name: member(name, role=role) for name, role in names.items()}


@pytest.fixture
def hide_all(work_as: Any) -> Callable[[int, int], Any]:
    """A function that has a moderator hide all of a member."""

    def do(who: int, whose: int) -> Any:
        with work_as(who) as work:
            return hiding.hide_all(work, work.db.get(User, whose), "spam")

    return do


@pytest.fixture
def leave(registry: Registry) -> Callable[[int], None]:
    """A function that erases a member."""

    def do(whose: int) -> None:
        with open_work(registry) as work:
            erase(work, work.db.scalars(select(User).where(User.id == whose).with_for_update(of=User)).one())

    return do


@pytest.mark.parametrize("other", ["hides all", "leaves"])
@pytest.mark.parametrize("storing", ["UPDATE posts SET html", "UPDATE comments SET html"])
def test_con_04_rebuilding_and_who_changes_all_of_a_member_do_not_wait_for_each_other(
    people: Any, write: Any, comment: Any, registry: Any, hide_all: Any, leave: Any, stopped_at: Any,
    storing: str, other: str,
) -> None:  # fmt: skip
    bob, post = people["bob"], write(people["anna"])
    for number in range(3):
        comment(bob, post, f"{number}") if "comments" in storing else write(bob, f"{number}")
    stopped_at(
        storing,
        partial(rebuilding.rebuild_all, registry, everything=True),
        partial(hide_all, people["mona"], bob) if other == "hides all" else partial(leave, bob),
    )


@pytest.mark.parametrize("other", ["hides all", "leaves"])
def test_con_04_indexing_by_a_new_name_and_who_changes_all_of_a_member_do_not_wait_for_each_other(
    people: Any, write: Any, registry: Any, hide_all: Any, leave: Any, stopped_at: Any, db: Session, other: str
) -> None:
    bob = people["bob"]
    for number in range(3):
        write(bob, f"{number}")
    db.execute(update(User).where(User.id == bob).values(name="Robert"))
    db.commit()

    def index() -> None:
        with background_request(registry) as request:
            rebuilding.index_posts_of(request, bob)

    others = partial(hide_all, people["mona"], bob) if other == "hides all" else partial(leave, bob)
    stopped_at("DELETE FROM post_words", index, others)


def test_con_04_indexing_without_a_name_and_who_hides_all_below_do_not_wait_for_each_other(
    people: Any, write: Any, comment: Any, registry: Any, hide_all: Any, leave: Any, stopped_at: Any
) -> None:
    anna, bob = people["anna"], people["bob"]
    for number in range(3):
        comment(bob, write(anna, f"{number}"))
    leave(anna)

    def index() -> None:
        with background_request(registry) as request:
            rebuilding.forget_names(request)

    stopped_at("UPDATE posts SET pipeline", index, partial(hide_all, people["mona"], bob))


def test_con_04_a_moderator_who_leaves_locks_what_they_hid_in_the_order_of_all(
    people: Any, write: Any, comment: Any, work_as: Any, hide_all: Any, leave: Any, registry: Any, db: Session
) -> None:
    anna, bob, gone = people["anna"], people["bob"], people["gone"]
    first, second, third = ids = [write(anna, f"{number}") for number in range(3)]
    for post in ids:
        comment(bob, post)
    # So they lie in the table, and so an UPDATE takes them.
    for post in (second, third, first):
        with work_as(gone) as work:
            moderation.hide(work, posts.find(work, post, lock=True), "look")
    leaving, hiding_all = Other(partial(leave, gone), db), Other(partial(hide_all, people["mona"], bob), db)
    with open_work(registry) as work:
        work.db.execute(select(Post.id).where(Post.id == third).with_for_update())
        leaving.begin()
        hiding_all.begin(waiting=2)
    assert (leaving.end(), hiding_all.end()) == (None, None)


@pytest.mark.parametrize("act", ["hide all", "show again"])
def test_con_04_a_moderator_who_decides_about_all_of_a_member_and_is_erased_does_not_wait_for_who_erases(
    people: Any, write: Any, comment: Any, work_as: Any, hide_all: Any, leave: Any, stopped_at: Any, db: Session,
    act: str,
) -> None:  # fmt: skip
    bob, gone = people["bob"], people["gone"]
    if act == "hide all":
        hidden = write(people["anna"])
        comment(bob, hidden)
        with work_as(gone) as work:
            moderation.hide(work, posts.find(work, hidden, lock=True), "look")
        task = partial(hide_all, gone, bob)
    else:
        write(bob)
        hide_all(gone, bob)
        decision = db.scalar(select(Decision.id))
        db.rollback()

        def task() -> None:
            with work_as(gone) as work:
                showing.show_again(work, work.db.get(User, bob), decision)

    # The posts are locked then.
    stopped_at("SELECT posts.id, posts.", task, partial(leave, gone))
    assert db.scalar(select(func.count()).select_from(Comment if act == "hide all" else Post)) == 1
    assert set(db.scalars(select(Decision.moderator_id))) == {None}


def test_con_04_two_who_follow_each_other_and_leave_at_once_do_not_wait_for_each_other(
    people: Any, work_as: Any, leave: Any, stopped_at: Any, db: Session
) -> None:
    anna, bob, mona = people["anna"], people["bob"], people["mona"]
    for me, other in ((anna, bob), (bob, anna), (anna, mona), (mona, bob)):
        with work_as(me) as work:
            following.follow(work, work.db.get(User, other))
    stopped_at("SELECT roles.", partial(leave, anna), partial(leave, bob))
    counted = select(BlogMember.user_id, BlogMember.follower_count, BlogMember.following_count)
    assert db.execute(counted).all() == [(mona, 0, 0)]


def test_con_04_who_follows_a_member_who_is_just_erased_finds_nobody(
    people: Any, work_as: Any, leave: Any, registry: Any, db: Session
) -> None:
    anna, bob = people["anna"], people["bob"]

    def follow() -> None:
        with work_as(anna) as work:
            following.follow(work, following.find(work, bob))

    others = Other(follow, db)
    with once_sent(registry, "DELETE FROM users", others.begin):
        leave(bob)
    assert isinstance(others.end(), NotThere)


def test_con_04_who_just_signs_in_is_told_and_nobody_waits_for_them(
    people: Any, write: Any, comment: Any, registry: Any, db: Session
) -> None:
    bob, post = people["bob"], write(people["anna"])
    others = Other(partial(comment, people["mona"], post, "Ask @bob"), db)
    with open_work(registry) as work:
        assert lock_member(work, Known(bob, None, credentials_version=1, disabled=False))
        others.begin()
        assert not others.is_waiting
    assert others.end() is None
    assert db.scalar(select(func.count()).where(Notice.user_id == bob)) == 1


@pytest.mark.parametrize("kind", [posts, comments])
def test_con_04_a_moderator_who_decides_about_a_text_and_is_erased_does_not_wait_for_who_erases(
    people: Any, write: Any, comment: Any, work_as: Any, leave: Any, stopped_at: Any, db: Session, kind: Any
) -> None:
    gone, number = people["gone"], write(people["anna"])
    if kind is comments:
        number = comment(people["bob"], number)
    with work_as(gone) as work:
        moderation.hide(work, kind.find(work, number, lock=True), "look")

    def show() -> None:
        with work_as(gone) as work:
            moderation.show(work, kind.find(work, number, lock=True))

    # The text is locked then.
    stopped_at("UPDATE " + kind.__name__.rpartition(".")[2], show, partial(leave, gone))
    assert list(db.scalars(select(Decision.moderator_id))) == [None, None]


def test_con_04_who_answers_one_who_is_just_erased_does_not_wait_for_who_erases(
    people: Any, write: Any, comment: Any, work_as: Any, leave: Any, stopped_at: Any, db: Session
) -> None:
    """The answer marks what it answers as read, which names them, and tells them."""
    anna, gone = people["anna"], people["gone"]
    post = write(anna)
    made = comment(gone, post)

    def answer() -> None:
        with work_as(anna) as work:
            comments.add(work, posts.find(work, post), "I agree", seen=(made, made))

    stopped_at("UPDATE notices", answer, partial(leave, gone))
    assert [(row.actor_id, row.read_at is None) for row in db.scalars(select(Notice))] == [(None, False)]


def test_con_04_who_reads_all_that_somebody_did_who_is_just_erased_does_not_wait_for_who_erases(
    people: Any, write: Any, comment: Any, work_as: Any, leave: Any, stopped_at: Any, db: Session
) -> None:
    anna, gone = people["anna"], people["gone"]
    comment(gone, write(anna))
    with work_as(gone) as work:
        following.follow(work, work.db.get(User, anna))

    def read_all() -> None:
        with work_as(anna) as work:
            notices.mark_read(work, 100)

    stopped_at("DELETE FROM notices", partial(leave, gone), read_all)
    assert list(db.scalars(select(Notice.kind))) == ["comment"]
