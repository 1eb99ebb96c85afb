"""CON-03: a form makes one thing, however often it is sent; no text that was typed is lost, none is stored twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import delete, select, table, update
from sqlalchemy.orm import Session
from webtest import AppError

from flasky.database import utc_now
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, posts
from flasky.plugins.blog.errors import SentBefore
from flasky.plugins.blog.models import Comment, Post, Submission
from flasky.plugins.blog.posts import Writing

pytestmark = pytest.mark.databases("sqlite")


def form_of(page: Any) -> Any:
    return next(form for form in page.forms.values() if "body" in form.fields)


def send(form: Any, body: str, do: str | None = None, *, status: int = 303) -> Any:
    form["body"] = body
    return form.submit("do" if do else None, value=do, status=status)


def bodies(db: Session, model: Any = Post) -> list[str]:
    found = list(db.scalars(select(model.body).order_by(model.id)))
    db.rollback()
    return found


@pytest.mark.databases("sqlite", "postgresql")
def test_con_03_the_form_of_a_draft_sent_with_more_text_loses_nothing(member: Any, client: Any, db: Session) -> None:
    browser = client(member())
    form = form_of(browser.get("/write"))
    draft = send(form, "first half", "draft").location
    page = send(form, "first half and the rest", status=409)
    assert "first half and the rest" in page
    assert "is not stored" in page
    assert page.html.find("a", string="To the draft")["href"] == f"{draft.removeprefix('http://localhost')}/edit"
    assert bodies(db) == ["first half"]
    # Sent again it is another post, which the same form makes once.
    first = send(form_of(page), "first half and the rest").location
    assert send(form_of(page), "first half and the rest").location == first != draft
    assert bodies(db) == ["first half", "first half and the rest"]


def test_con_03_the_same_text_as_a_draft_and_then_published_is_asked_about(
    member: Any, client: Any, db: Session
) -> None:
    browser = client(member())
    form = form_of(browser.get("/write"))
    send(form, "a post", "draft")
    assert "To the draft" in send(form, "a post", status=409)
    assert "To the draft" in send(form_of(browser.get("/write")), "a post", status=409)
    assert db.scalars(select(Post.published_at)).all() == [None]


def test_con_03_a_corrected_text_is_another_and_a_comment_belongs_to_its_post(
    member: Any, write: Any, client: Any, work_as: Any, db: Session
) -> None:
    browser = client(member("anna"))
    form = form_of(browser.get("/write"))
    there = send(form, "with a typpo").location
    page = send(form, "without", status=409)
    assert page.html.find("a", string="To what is stored")["href"] == there.removeprefix("http://localhost")
    first, second = write(bob := member("bob"), "one"), write(bob, "two")
    form = form_of(browser.get(f"/post/{first}"))
    send(form, "said")
    assert "said otherwise" in send(form, "said otherwise", status=409)
    with work_as(bob) as work:
        made = comments.add(work, posts.find(work, first), "the same", key="k").id
    with work_as(bob) as work, pytest.raises(SentBefore) as raised:
        comments.add(work, posts.find(work, second), "the same", key="k")
    assert (raised.value.kind, raised.value.made_id, raised.value.same_form) == ("comment", made, True)
    assert bodies(db, Comment) == ["said", "the same"]


@pytest.mark.databases("sqlite", "postgresql")
def test_con_02_saving_twice_has_saved_and_another_text_is_a_conflict(
    member: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    """A double click sends the version that the first click made an earlier one."""
    browser = client(anna := member())
    post, draft = write(anna, "a post"), write(anna, "a draft", draft=True)
    said = comment(anna, post)
    for path in (f"/post/{post}/edit", f"/post/{draft}/edit", f"/comment/{said}/edit"):
        form = form_of(browser.get(path))
        assert send(form, "changed").location == send(form, "changed").location
        assert "changed" in send(form, "changed otherwise", status=409)
    assert bodies(db) == ["changed", "changed"]
    assert db.scalars(select(Post.version).order_by(Post.id)).all() == [2, 2]
    assert db.scalar(select(Comment.version)) == 2


def test_con_03_what_a_form_made_is_deleted_and_the_form_sent_again(member: Any, client: Any, db: Session) -> None:
    browser = client(member())
    form = form_of(browser.get("/write"))
    there = send(form, "one").location
    next(form for form in browser.get(f"{there}/delete").forms.values() if "/language" not in form.action).submit()
    for text in ("one", "a new long text"):
        page = send(form, text, status=409)
        assert text in page
        assert "not there any more" in page
    send(form_of(page), "a new long text")
    assert bodies(db) == ["a new long text"]
    # What is deleted may be written again at once, with a form of its own.
    send(form_of(browser.get("/write")), "one")


@pytest.mark.databases("sqlite", "postgresql")
def test_con_03_going_back_fetches_another_form_and_stores_the_same_text_once(
    member: Any, write: Any, client: Any, db: Session
) -> None:
    post, browser = write(member("anna"), "hello"), client(member("bob"))
    for path, model in (("/write", Post), (f"/post/{post}", Comment)):
        there = send(form_of(browser.get(path)), "typed once").location
        page = send(form_of(browser.get(path)), "typed once", status=409)
        assert "You sent the same text a moment ago" in page
        assert "typed once" in page
        link = page.html.find("a", string="To what is stored")["href"]
        assert browser.get(link, status="*").location in {None, there}
        assert bodies(db, model).count("typed once") == 1
        # Who wants it twice gets it.
        send(form_of(page), "typed once")
        assert bodies(db, model).count("typed once") == 2
    send(form_of(browser.get("/write")), "typed twice")


def test_con_03_equal_texts_are_one_for_ten_minutes_and_for_one_member(
    member: Any, write: Any, work_as: Any, db: Session
) -> None:
    anna, bob = member("anna"), member("bob")
    post, start = write(anna, "hello"), utc_now()
    for who, minutes, key, is_made in ((anna, 0, "a", True), (bob, 1, "b", True), (anna, 9, "c", False),
                                       (anna, 11, "d", True)):  # fmt: skip
        with work_as(who) as work:
            work.now = lambda minutes=minutes: start + timedelta(minutes=minutes)
            if is_made:
                comments.add(work, posts.find(work, post), "thanks", key=key)
            else:
                with pytest.raises(SentBefore):
                    comments.add(work, posts.find(work, post), "thanks", key=key)
    assert sorted(db.scalars(select(Submission.key))) == ["a", "b", "d"]
    db.rollback()
    with work_as(anna) as work:
        assert posts.create(work, Writing("no key")).id != posts.create(work, Writing("no key")).id


@pytest.mark.databases("sqlite", "postgresql")
def test_con_03_the_keys_of_a_member_go_with_their_next_form_after_a_week(
    member: Any, work_as: Any, db: Session
) -> None:
    anna, bob, start = member("anna"), member("bob"), utc_now()
    kept: list[list[str]] = []
    for who, key, days in ((anna, "a", 0), (bob, "b", 0), (anna, "c", 6.9), (anna, "d", 7.1)):
        with work_as(who) as work:
            work.now = lambda days=days: start + timedelta(days=days)
            posts.create(work, Writing(f"post {key}"), key=key)
        kept.append(sorted(db.scalars(select(Submission.key))))
        db.rollback()
    # Bob's stay until he sends another.
    assert kept == [["a"], ["a", "b"], ["a", "b", "c"], ["b", "c", "d"]]


@pytest.mark.databases("sqlite", "postgresql")
def test_con_03_who_insists_is_not_asked_about_what_was_stored_while_they_waited(
    member: Any, write: Any, work_as: Any, db: Session
) -> None:
    """On SQLite one writes after the other: what the first noted is later than when the next began."""
    anna = member()
    post, start = write(anna, "a post"), utc_now()
    made = []
    for key, seconds in (("a", 1), ("b", 0)):
        with work_as(anna) as work:
            work.now = lambda seconds=seconds: start + timedelta(seconds=seconds)
            made.append(posts.create(work, Writing("twice"), key=key, again=True).id)
            comments.add(work, posts.find(work, post), "twice", key=f"{key} too", again=True)
            # The same request once more is the same post.
            assert posts.create(work, Writing("twice"), key=key, again=True).id == made[-1]
    assert len(set(made)) == 2
    assert bodies(db, Comment) == ["twice", "twice"]


def test_con_03_a_form_from_before_the_digests_stores_what_is_sent_now(
    member: Any, write: Any, client: Any, registry: Registry, db: Session
) -> None:
    """What it made is not known to be the same text: who sends it is asked."""
    anna = member()
    write(anna, "old")
    browser = client(anna)
    form = form_of(browser.get("/write"))
    with open_work(registry) as work:
        work.db.add(Submission(user_id=anna, key=form["key"].value, made_id=1))
    page = send(form, "new", status=409)
    # Nor what it is: the number may be that of somebody's comment.
    assert "not there any more" in page
    assert "To what is stored" not in page
    send(form_of(page), "new")
    assert bodies(db) == ["old", "new"]


def test_con_03_a_comment_below_a_new_post_with_an_old_number_is_another(
    member: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    """As when an older copy of the database was put back, which gives numbers again."""
    anna, mona, browser = member("anna"), member("mona"), client(member("bob"))
    post = write(anna, "first")
    form = form_of(browser.get(f"/post/{post}"))
    send(form, "thanks")
    with work_as(anna) as work:
        posts.remove(work, posts.find(work, post))
    db.execute(delete(table("sqlite_sequence")))
    db.commit()
    assert write(anna, "second") == post
    hers = comment(mona, post, "of mona")
    page = send(form, "thanks", status=409)
    assert "not there any more" in page
    assert f"/comment/{hers}" not in page
    send(form_of(browser.get(f"/post/{post}")), "thanks")
    assert bodies(db, Comment) == ["of mona", "thanks"]


@pytest.mark.parametrize("path", ["/write", "/post/{}"])
def test_con_03_what_became_somebody_elses_is_not_led_to(
    path: str, member: Any, write: Any, client: Any, registry: Registry, db: Session
) -> None:
    """However it came that the number is another's now."""
    bob = member("bob")
    browser = client(bob)
    path = path.format(write(member("anna"), "a post"))
    model = Post if path == "/write" else Comment
    form = form_of(browser.get(path))
    send(form, "mine")
    with open_work(registry) as work:
        work.db.execute(update(model).where(model.body == "mine").values(author_id=1 if bob != 1 else 2, body="other"))
    for text in ("mine", "another"):
        page = send(form, text, status=409)
        assert "not there any more" in page
        assert "To what is stored" not in page


def test_inp_01_no_other_word_insists(member: Any, client: Any) -> None:
    form = form_of(client(member()).get("/write"))
    form["again"].force_value("yes")
    with pytest.raises(AppError):
        send(form, "x")
