"""CON-02 and CON-04: who changes the same thing at once overwrites nothing and leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, following, hiding, markdown, members, moderation, posts
from flasky.plugins.blog.errors import NotThere, Stale
from flasky.plugins.blog.models import BlogMember, Comment, Follow, Notice, Post, PostTag, PostWords, Tag
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.storage import changed


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks in threads that begin together: what each returned or raised."""
    barrier, results = threading.Barrier(len(tasks)), [None] * len(tasks)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = tasks[number]()
        except Exception as error:  # noqa: BLE001 - it is the result
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def count(db: Session, model: Any) -> int:
    number = db.scalar(select(func.count()).select_from(model)) or 0
    db.rollback()
    return number


class Edited(NamedTuple):
    """Something that its author edits: who that is, its kind, its service, its id, and what changes its text."""

    author: int
    model: type[Post] | type[Comment]
    module: Any
    number: int
    edit: Callable[..., Any]


@pytest.fixture(params=["post", "comment"])
def edited(request: pytest.FixtureRequest, member: Any, write: Any, comment: Any) -> Edited:
    """A post, or a comment on one, whose text is "original"."""
    post = write(anna := member(), "original")
    if request.param == "comment":
        return Edited(anna, Comment, comments, comment(anna, post, "original"), comments.edit)

    def edit(work: Any, found: Post, body: str, *, version: int) -> Post:
        return posts.edit(work, found, Writing(body), version=version)

    return Edited(anna, Post, posts, post, edit)


def test_con_02_of_edits_at_once_one_is_stored_and_the_others_are_told(
    edited: Edited, work_as: Any, db: Session
) -> None:
    """Each has looked at the first text before any of them stores another."""
    with work_as(edited.author) as work:
        looked_up = [edited.module.look_up(work, edited.number) for _ in range(6)]

    def edit(number: int) -> Callable[[], str]:
        def act() -> str:
            with work_as(edited.author) as work:
                edited.edit(work, looked_up[number], f"edit {number}", version=1)
            return f"edit {number}"

        return act

    results = at_once(*(edit(number) for number in range(6)))
    stored = [result for result in results if isinstance(result, str)]
    assert len(stored) == 1, results
    assert sum(isinstance(result, Stale) for result in results) == 5, results
    assert db.get(edited.model, edited.number).body == stored[0]
    assert db.get(edited.model, edited.number).version == 2


def test_con_02_a_comment_on_it_does_not_make_an_edit_stale(
    member: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    anna = member()
    post = write(anna, "original")
    comment(anna, post)
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, post), Writing("edited"), version=1)
    assert (db.get(Post, post).body, db.get(Post, post).comment_count) == ("edited", 1)


def test_con_04_comments_while_the_post_is_deleted_leave_nothing(
    member: Any, write: Any, work_as: Any, db: Session
) -> None:
    anna = member("anna")
    others = [member(f"friend{number}") for number in range(6)]
    post = write(anna, "x", tags="walk")

    def say(user_id: int) -> Callable[[], None]:
        def act() -> None:
            with work_as(user_id) as work:
                comments.add(work, posts.find(work, post), "hello")

        return act

    def delete() -> None:
        with work_as(anna) as work:
            posts.remove(work, posts.find(work, post, lock=True))

    results = at_once(*(say(user_id) for user_id in others), delete)
    assert all(result is None or isinstance(result, NotThere) for result in results), results
    for model in (Post, Comment, PostTag, PostWords):
        assert count(db, model) == 0, model


def test_con_04_a_comment_that_is_hidden_while_it_is_deleted_is_counted_once(
    member: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    anna, mona = member("anna"), member("mona", role="Moderator")
    post = write(anna)
    for _round in range(5):
        made = comment(anna, post)

        def hide(made: int = made) -> None:
            with work_as(mona) as work:
                moderation.hide(work, comments.find(work, made, lock=True), "no")

        def delete(made: int = made) -> None:
            with work_as(anna) as work:
                comments.remove(work, comments.find(work, made, lock=True))

        results = at_once(hide, delete, delete)
        assert all(result is None or isinstance(result, NotThere) for result in results), results
        assert db.scalar(select(Post.comment_count)) == 0
        db.rollback()


def test_con_04_comments_that_go_while_their_post_is_deleted_or_their_author_leaves_wait_in_one_order(
    member: Any, write: Any, comment: Any, work_as: Any, registry: Any, db: Session
) -> None:
    """Nobody waits for somebody who waits for them: PostgreSQL would stop one of them after a second."""
    anna, mona = member("anna"), member("mona", role="Moderator")
    for number in range(4):
        bob = member(f"bob{number}")
        post, own = write(anna), write(bob)
        first, second, third, fourth = (comment(bob, thing) for thing in (post, post, own, own))

        def remove(made: int, who: int = bob) -> Callable[[], None]:
            def act() -> None:
                with work_as(who) as work:
                    comments.remove(work, comments.find(work, made, lock=True))

            return act

        def hide(made: int) -> Callable[[], None]:
            def act() -> None:
                with work_as(mona) as work:
                    moderation.hide(work, comments.find(work, made, lock=True), "no")

            return act

        def delete(post: int = post) -> None:
            with work_as(anna) as work:
                posts.remove(work, posts.find(work, post, lock=True))

        def leave(who: int = bob) -> None:
            with open_work(registry) as work:
                erase(work, work.db.scalars(select(User).where(User.id == who).with_for_update(of=User)).one())

        def say(own: int = own) -> None:
            with work_as(mona) as work:
                comments.add(work, posts.find(work, own), "hello")

        allowed = NotThere | type(None)
        results = at_once(remove(first), hide(second), delete)
        assert all(isinstance(result, allowed) for result in results), results
        results = at_once(hide(third), hide(fourth), say, leave)
        assert all(isinstance(result, allowed) for result in results), results


def test_con_04_two_who_follow_each_other_at_once_do_not_wait_for_each_other(
    member: Any, work_as: Any, db: Session
) -> None:
    anna, bob = member("anna"), member("bob")

    def change(me: int, other: int) -> Callable[[], None]:
        def act() -> None:
            for act_on in (following.follow, following.unfollow, following.follow):
                with work_as(me) as work:
                    act_on(work, work.db.get(User, other))

        return act

    assert at_once(change(anna, bob), change(bob, anna)) == [None, None]
    assert count(db, Follow) == 2
    for user_id in (anna, bob):
        standing = db.get(BlogMember, user_id)
        assert (standing.follower_count, standing.following_count) == (1, 1)


def test_con_04_the_same_new_tags_at_once_are_made_once(member: Any, write: Any, db: Session) -> None:
    anna = member()
    results = at_once(*(lambda: write(anna, "x", tags="b a c") for _ in range(6)))
    assert sorted(results) == sorted(set(results)), results
    assert sorted(db.scalars(select(Tag.name))) == ["a", "b", "c"]
    assert db.scalar(select(func.count()).select_from(PostTag)) == 18


@pytest.mark.databases("postgresql")  # SQLite lets one transaction write at a time: nothing can come between there
@pytest.mark.parametrize("change", [following.follow, following.unfollow])
def test_con_04_who_leaves_while_somebody_follows_them_or_stops_is_counted_nowhere(
    change: Callable[..., bool], member: Any, work_as: Any, registry: Any, db: Session
) -> None:
    """What is not committed yet when the account is being erased is waited for, and goes with it."""
    anna, bob = member("anna"), member("bob")
    if change is following.unfollow:
        with work_as(bob) as work:
            following.follow(work, work.db.get(User, anna))
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    results: list[Any] = []

    def leave() -> None:
        try:
            with open_work(registry) as work:
                erase(work, work.db.get(User, anna))
        except Exception as error:  # noqa: BLE001 - it is the result
            results.append(error)

    leaving = threading.Thread(target=leave)
    with work_as(bob) as work:
        assert change(work, work.db.get(User, anna))
        leaving.start()
        while leaving.is_alive() and not db.scalar(waiting):
            db.rollback()
    leaving.join()
    db.rollback()
    assert results == []
    assert count(db, Follow) == 0
    standing = db.get(BlogMember, bob)
    assert (standing.follower_count, standing.following_count) == (0, 0)


@pytest.mark.databases("postgresql")  # SQLite lets one transaction write at a time: nothing can come between there
def test_con_04_who_leaves_while_somebody_comments_after_them_is_told_nothing(
    member: Any, write: Any, comment: Any, registry: Any, db: Session
) -> None:
    """The notice of the answer would refer to nobody, and the comment could not be stored."""
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    post = write(anna)
    comment(bob, post)
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    with open_work(registry) as work:
        erase(work, work.db.get(User, bob))
        work.db.flush()
        answers: list[int] = []
        answering = threading.Thread(target=lambda: answers.append(comment(carl, post, "and @bob?")))
        answering.start()
        while answering.is_alive() and not db.scalar(waiting):
            db.rollback()
    answering.join()
    db.rollback()
    assert answers == [2]
    assert set(db.scalars(select(Notice.user_id))) == {anna}


@pytest.mark.databases("postgresql")  # SQLite lets one transaction write at a time: nothing can come between there
@pytest.mark.parametrize("what", ["show", "show a comment", "answer a report"])
def test_con_04_who_leaves_and_who_decides_about_what_they_hid_or_reported_do_not_wait_for_each_other(
    member: Any, write: Any, comment: Any, work_as: Any, registry: Any, db: Session, monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:  # fmt: skip
    """Both change some rows and the version of the lists: who has the rows must not find the version taken."""
    anna, mona = member("anna"), member("mona", role="Moderator")
    gone = member("gone", role="Moderator")
    post = write(anna)
    made = comment(anna, post)
    kind, number = (comments, made) if what == "show a comment" else (posts, post)
    with work_as(gone) as work:
        decide = moderation.report if what == "answer a report" else moderation.hide
        decide(work, kind.find(work, number), "look")

    def act() -> None:
        with work_as(mona) as work:
            if what == "answer a report":
                hiding.hide_all(work, work.db.get(User, anna), "spam")
            else:
                moderation.show(work, kind.find(work, number, lock=True))

    changes_lists, holds = members.lists_changed, threading.Event()
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))

    def wait(session: Session) -> None:
        """Hold what is locked until who leaves waits for it."""
        holds.set()
        while leaving.is_alive() and not db.scalar(waiting):
            db.rollback()
        db.rollback()
        changes_lists(session)

    for module in (moderation, hiding):
        monkeypatch.setattr(module, "lists_changed", wait)
    results: list[Any] = []

    def leave() -> None:
        holds.wait()
        try:
            with open_work(registry) as work:
                erase(work, work.db.get(User, gone))
        except Exception as error:  # noqa: BLE001 - it is the result
            results.append(error)

    leaving = threading.Thread(target=leave)
    leaving.start()
    try:
        act()
    finally:
        holds.set()
        leaving.join()
    assert results == []


@pytest.mark.databases("postgresql")  # SQLite lets one transaction write at a time: nothing can come between there
def test_con_02_an_edit_between_reading_and_writing_is_told(edited: Edited, work_as: Any, db: Session) -> None:
    with work_as(edited.author) as slow:
        seen = edited.module.find(slow, edited.number)
        with work_as(edited.author) as fast:
            edited.edit(fast, edited.module.find(fast, edited.number), "the fast one", version=1)
        with pytest.raises(Stale) as raised:
            edited.edit(slow, seen, "the slow one", version=1)
        assert raised.value.current.body == "the fast one"
    db.rollback()
    assert db.get(edited.model, edited.number).body == "the fast one"


@pytest.mark.databases("sqlite")  # which has one lock: whoever holds it keeps all others from writing
def test_nobody_waits_while_a_text_is_rendered_and_it_is_once(
    member: Any, write: Any, comment: Any, client: Any, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No preview locks anything, and what is stored is rendered before the transaction locks or claims something."""
    bob, browser = member("bob"), client(anna := member("anna"))
    post = write(anna, "a post")
    said = comment(anna, post)
    rendered = []

    def held(work: Any) -> None:
        changed(work.db, update(User).where(User.id == bob).values(name="held"))

    def slow(source: str, **options: Any) -> Any:
        rendered.append(source)
        made = render(source, **options)
        # Also once members were looked for.
        with open_work(registry) as work:
            held(work)
        return made

    render = markdown.render
    for path in ("/write", f"/post/{post}/edit", f"/post/{post}", f"/comment/{said}/edit"):
        form = next(form for form in browser.get(path).forms.values() if "body" in form.fields)
        # Only rendering tells that a text shows something that begins so.
        form["body"] = f"[b]: /c\n\n@bob {path}"
        with open_work(registry) as work:
            held(work)
            assert "/member/" in form.submit("do", value="preview")
        monkeypatch.setattr(markdown, "render", slow)
        rendered.clear()
        form.submit(status=303)
        # What is stored already, or was sent before, is not rendered again.
        form.submit(status=303)
        assert rendered == [form["body"].value], path
        monkeypatch.setattr(markdown, "render", render)
