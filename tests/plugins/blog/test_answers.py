"""Answers: who commented on a post before is told of later comments on it, until they say otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import answers, comments, digests, members, moderation, notices
from flasky.plugins.blog.models import Comment, Notice
from flasky.testing.mailbox import Mailbox, html_of, text_of


@pytest.fixture
def told(db: Session) -> Any:
    """A function that returns the kinds of notices that a member has, oldest first, and the comments they are about."""

    def find(user_id: int) -> list[tuple[str, int | None]]:
        rows = db.execute(select(Notice.kind, Notice.comment_id).where(Notice.user_id == user_id).order_by(Notice.id))
        found = [(kind, comment_id) for kind, comment_id in rows]
        db.rollback()
        return found

    return find


def test_who_commented_before_is_told_of_an_answer_once_until_they_read_of_it(
    member: Any, write: Any, comment: Any, told: Any, client: Any, pressed: Any
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    post = write(anna, "x", title="A title")
    comment(bob, post)
    first, _second = comment(carl, post), comment(carl, post)
    assert told(bob) == [("answer", first)]
    assert [kind for kind, _about in told(anna)] == ["comment"] * 3
    assert told(carl) == [], "nobody is told what they did themselves"
    page = client(bob).get("/notices")
    assert "carl commented after you A title" in " ".join(page.html.find(class_="notices").get_text().split())
    assert f'id="comment-{first}"' in pressed(page, "commented after you")
    third = comment(carl, post)
    assert told(bob) == [("answer", first), ("answer", third)]


@pytest.mark.databases("sqlite")
def test_an_answer_that_names_somebody_is_told_them_once(member: Any, write: Any, comment: Any, told: Any) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    post = write(anna)
    comment(bob, post)
    comment(anna, post, "thank you")
    named = comment(carl, post, "@bob I agree")
    assert told(bob) == [("answer", 2), ("mention", named)]
    assert told(anna) == [("comment", 1), ("comment", named)]


def test_the_notice_of_an_answer_that_is_hidden_keeps_no_later_one_back(
    member: Any, write: Any, comment: Any, told: Any, work_as: Any
) -> None:
    anna, bob, carl, mona = member("anna"), member("bob"), member("carl"), member("mona", role="Moderator")
    post = write(anna)
    comment(bob, post)
    spam = comment(carl, post, "buy this")
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, spam), "spam")
    later = comment(anna, post)
    assert told(bob) == [("answer", 2), ("answer", later)]
    # Who has nothing there that is shown took no part.
    assert told(carl) == [("hidden", 2)]


@pytest.mark.databases("sqlite")
def test_who_wants_no_notices_of_answers_says_so_beside_their_mails(
    member: Any, write: Any, comment: Any, told: Any, client: Any, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna)
    comment(bob, post)
    browser = client(bob)

    def form() -> Any:
        return next(form for form in browser.get("/notices").forms.values() if "answers" in form.fields)

    chosen = form()
    assert chosen["answers"].checked
    chosen["answers"].checked = False
    chosen["mail"] = "never"
    chosen.submit(status=303)
    assert not form()["answers"].checked
    comment(anna, post, "an answer")
    assert told(bob) == []
    comment(anna, post, "@bob is called all the same")
    assert [kind for kind, _about in told(bob)] == ["mention"]
    with open_work(registry) as work:
        assert members.export(work, work.db.get(User, bob))["notices_of_answers"] is False


@pytest.mark.databases("sqlite")
def test_answers_come_by_mail_as_other_notices_do_and_say_how_to_have_no_more(
    member: Any, write: Any, comment: Any, choose: Any, registry: Any, mailbox: Mailbox
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    choose(bob, "at_once")
    choose(carl, "daily")
    post = write(anna, "x", title="A title")
    comment(bob, post)
    comment(carl, post, "I know better")
    said = text_of(mailbox.last)
    assert "carl commented on a post after you:" in said
    assert ("> I know better" in said, "/comment/2" in said) == (True, True)
    assert "the choice to be told of no more answers:\r\nhttp://localhost/notices" in said
    assert "no more answers" in html_of(mailbox.last)
    comment(anna, post)
    digests.send_digests(registry, clock=lambda: utc_now() + timedelta(days=2))
    assert "anna commented after you: A title" in text_of(mailbox.to("carl@example.com")[-1])
    assert "anna commented after you" in html_of(mailbox.to("carl@example.com")[-1])


@pytest.mark.databases("sqlite")
def test_those_who_commented_last_get_a_mail_at_once_and_others_wait_for_the_digest(
    member: Any, write: Any, comment: Any, choose: Any, mailbox: Mailbox, db: Session, monkeypatch: Any
) -> None:
    """A comment keeps others from writing no longer, however many took part before."""
    monkeypatch.setattr(notices, "_OF_COMMENT", 2)
    people = [member(name) for name in ("dora", "carl", "bob")]
    post = write(member("anna"))
    for user_id in people:
        comment(user_id, post)
    for user_id in people:
        choose(user_id, "at_once")
    db.execute(Notice.__table__.delete())
    db.commit()
    comment(member("emil"), post)
    assert [mail["To"] for mail in mailbox.messages] == ["bob@example.com", "carl@example.com"]
    assert list(db.scalars(select(Notice.user_id).where(Notice.mail_due.is_not(None)))) == [people[0]]


def test_a_comment_on_a_post_with_thousands_tells_the_last_fifty_and_reads_no_more_for_it(
    member: Any, write: Any, comment: Any, db: Session, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    some = [member(f"friend{number}") for number in range(answers.MOST_TOLD + 3)]
    post = write(anna)
    rows = [
        {"post_id": post, "author_id": user_id, "body": "x", "html": "x", "pipeline": 1, "version": 1}
        for user_id in [*some, *[some[-1]] * 100]
    ]
    with open_work(registry) as work:
        work.db.execute(insert(Comment), [{**rows[0], "author_id": anna}] * 3000 + rows)
    made = comment(bob, post)
    found = list(db.scalars(select(Notice.user_id).where(Notice.kind == "answer").order_by(Notice.user_id)))
    assert found == some[3:]
    assert db.scalar(select(func.count()).select_from(Notice).where(Notice.comment_id == made)) == len(found) + 1
    if db.get_bind().dialect.name == "sqlite":
        asked = answers._WAITING.params(post=post, comment=made)
        compiled = asked.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        plan = " ".join(row[3] for row in db.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))
        assert "SEARCH comments USING INDEX ix_comments_post_id_id (post_id=? AND id<?)" in plan
        assert "USING INDEX ix_notices_unread_answer_post_id_user_id (post_id=? AND user_id=?)" in plan
        assert "SCAN comments" not in plan
    db.rollback()


@pytest.mark.databases("sqlite")
def test_hidden_comments_are_among_those_that_are_looked_at(
    member: Any, write: Any, comment: Any, told: Any, registry: Any
) -> None:
    """Otherwise the next comment would read all that a moderator hid of a hundred thousand, while others wait."""
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    post = write(anna)
    comment(bob, post)
    row = {"post_id": post, "author_id": carl, "body": "x", "html": "x", "pipeline": 1, "version": 1}
    row["hidden_at"] = utc_now()

    def tell_after(number: int) -> list[tuple[str, int | None]]:
        with open_work(registry) as work:
            work.db.execute(insert(Comment), [row] * number)
        comment(anna, post)
        found: list[tuple[str, int | None]] = told(bob)
        assert told(carl) == []
        return found

    first = answers.LOOKED_AT + 1
    assert tell_after(answers.LOOKED_AT - 1) == [("answer", first)]
    with open_work(registry) as work:
        work.db.execute(Notice.__table__.delete())
    assert tell_after(answers.LOOKED_AT) == []


@pytest.mark.databases("sqlite")
def test_a_reply_begins_with_whom_it_answers_below_the_same_part_of_the_discussion(
    member: Any, write: Any, comment: Any, client: Any, told: Any, registry: Any, monkeypatch: Any, statements: Any
) -> None:
    """Without JavaScript: a link back to the page, where the field holds their name."""
    monkeypatch.setitem(registry.settings, "blog.comments_per_page", 2)
    anna, bob, carl = member("anna"), member("O'Brien b", email="bob@example.com"), member("carl")
    post = write(anna)
    for number in range(3):
        comment(bob, post, f"number {number}")
    own = comment(carl, post)
    browser = client(carl)
    page = browser.get(f"/post/{post}?after=2")
    assert [link["href"] for link in page.html.select(".comment-reply")] == [f"/post/{post}?after=2&reply=3#body"]
    page = page.click("Reply")
    assert len(statements()) == 3
    assert [item["id"] for item in page.html.select(".comment")] == ["comment-3", f"comment-{own}"]
    form = next(form for form in page.forms.values() if "body" in form.fields)
    assert form["body"].value == "@O'Brien b "
    form["body"] = f"{form['body'].value}indeed"
    form.submit(status=303)
    assert told(bob)[-1] == ("mention", own + 1)
    for asked in ("4711", "1"):
        page = browser.get(f"/post/{post}?after=2&reply={asked}")
        assert next(form for form in page.forms.values() if "body" in form.fields)["body"].value == ""
    browser.get(f"/post/{post}?reply=x", status=400)
    assert "reply=" not in client().get(f"/post/{post}")
