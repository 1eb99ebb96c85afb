"""The number beside "Notices": on each page of a member, their own, and with no statement more."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, digests, moderation, posts, unread
from flasky.plugins.blog.models import Notice
from flasky.testing.mailbox import text_of


def number_on(page: Any) -> tuple[str, str] | None:
    """What stands beside the link, and what is read out instead; None when nothing does."""
    link = re.search(r'<a [^>]*href="/notices"[^>]*>(.*?)</a>', page.text, re.DOTALL)
    assert link is not None
    found = re.search(r'aria-hidden="true">([^<]*)</span> <span class="visually-hidden">([^<]*)<', link[1])
    return (found[1], found[2]) if found else None


@pytest.fixture
def tell(registry: Any) -> Any:
    """A function that gives a member so many notices of new followers."""

    def give(user_id: int, actor_id: int, number: int, **values: Any) -> None:
        rows = [{"user_id": user_id, "kind": "follow", "actor_id": actor_id, "created_at": utc_now(), **values}]
        with open_work(registry) as work:
            work.db.execute(insert(Notice), rows * number)

    return give


def test_each_member_sees_how_many_wait_for_them_on_every_page_without_a_statement_more(
    member: Any, client: Any, tell: Any, write: Any, statements: Any
) -> None:
    """Parts of pages are remembered: the number of one must not come to another, nor to a visitor."""
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    write(anna)
    tell(anna, bob, 1)
    tell(bob, anna, 10)
    expected = {anna: ("1", "1 unread"), bob: ("9+", "more than 9 unread"), carl: None}
    for path in ("/", "/search", "/auth"):
        for _again in range(2):
            for user_id, number in expected.items():
                assert number_on(client(user_id).get(path)) == number, (path, user_id)
        assert "unread" not in client().get(path, status="*")
    client(anna).get("/")
    assert len(statements()) == 2
    assert number_on(client(bob).get("/", headers={"Accept-Language": "zh"})) == ("9+", "超过 9 条未读")


def test_the_number_goes_with_what_is_hidden_and_with_reading(
    member: Any, client: Any, write: Any, comment: Any, work_as: Any
) -> None:
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    first = comment(bob, write(anna, "x"), "one")
    second = write(bob, "@anna two")
    browser = client(anna)
    assert number_on(browser.get("/")) == ("2", "2 unread")
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, first), "rude")
        moderation.hide(work, posts.find(work, second), "rude")
    page = browser.get("/notices")
    assert number_on(page) is None
    comment(bob, write(anna, "y"), "three")
    page = browser.get("/notices")
    assert number_on(page) == ("1", "1 unread")
    form = next(form for form in page.forms.values() if "do" in form.fields)
    assert number_on(form.submit("do", value="read").follow()) is None


def test_who_comments_has_read_what_they_were_told_below_that_post_and_the_digest_knows_it(
    member: Any, client: Any, write: Any, comment: Any, work_as: Any, choose: Any, registry: Any, mailbox: Any
) -> None:
    """Not of other posts, nor what was decided about their own, nor what is hidden while they comment."""
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    choose(anna, "daily")
    walk, gate = write(anna, "x", title="Walk"), write(bob, "@anna, look", title="Gate")
    first = comment(bob, walk, "first")
    hidden = comment(bob, gate, "@anna, spam")
    read = comment(bob, gate, "@anna, come")
    door = write(bob, "y", title="Door")
    mine = comment(anna, door, "rude")
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, hidden), "spam")
        moderation.hide(work, comments.find(work, mine), "rude")
    browser = client(anna)

    def answer(post: int, body: str) -> Any:
        form = next(form for form in browser.get(f"/post/{post}").forms.values() if "body" in form.fields)
        form["body"] = body
        return form.submit(status=303).follow()

    assert number_on(browser.get("/")) == ("4", "4 unread")
    assert number_on(answer(gate, "I come")) == ("2", "2 unread")
    with work_as(mona) as work:
        moderation.show(work, comments.find(work, hidden))
    comment(anna, door, "sorry")
    assert number_on(browser.get("/")) == ("3", "3 unread")
    digests.send_digests(registry, clock=lambda: utc_now() + timedelta(days=2))
    told = text_of(mailbox.to("anna@example.com")[-1])
    assert [f"/comment/{made}\r" in told for made in (first, hidden, read, mine)] == [True, True, False, True]
    answer(walk, "thank you")
    answer(gate, "no, thanks")
    assert number_on(browser.get("/")) == ("1", "1 unread")
    # Bob has still to read of her four that are there, and of what was decided about his.
    assert number_on(client(bob).get("/")) == ("6", "6 unread")


def test_who_comments_has_still_to_read_what_calls_them_on_another_page_of_the_discussion(
    member: Any, client: Any, write: Any, comment: Any, registry: Any, monkeypatch: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    monkeypatch.setitem(registry.settings, "blog.comments_per_page", 2)
    post = write(bob)
    for body in ("@anna, here", "so", "@anna, there", "and so"):
        comment(bob, post, body)
    browser = client(anna)
    page = browser.get(f"/post/{post}")
    form = next(form for form in page.forms.values() if "body" in form.fields)
    form["body"] = "what?"
    assert number_on(form.submit(status=303).follow()) == ("1", "1 unread")
    # A program has shown them nothing.
    comment(anna, post, "what else?")
    assert number_on(browser.get("/")) == ("1", "1 unread")


@pytest.mark.databases("sqlite")
def test_what_waits_behind_many_that_were_read_still_counts(member: Any, tell: Any, client: Any) -> None:
    """Each can be marked alone, the newest first."""
    anna, bob = member("anna"), member("bob")
    tell(anna, bob, 2)
    tell(anna, bob, unread.LOOKED_AT, read_at=utc_now())
    assert number_on(client(anna).get("/")) == ("2", "2 unread")


def test_however_many_notices_there_are_few_are_looked_at(member: Any, tell: Any, db: Session) -> None:
    """By an index of those that are unread, and no more of them than the newest."""
    anna, bob, *others = [member(name) for name in ("anna", "bob", "carl", "dora", "emil")]
    tell(anna, bob, 500, read_at=utc_now())
    for other in others:
        tell(other, bob, 500)
    number = select(unread.unread_of(User.id)).where(User.id == anna)
    assert db.scalar(number) == 0
    db.rollback()
    tell(anna, bob, 4)
    assert db.scalar(number) == 4
    if db.get_bind().dialect.name == "sqlite":
        compiled = number.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        plan = " ".join(row[3] for row in db.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))
        assert "SEARCH notices USING INDEX ix_notices_unread_user_id_id (user_id=?)" in plan
        assert "B-TREE" not in plan
        assert "SCAN posts" not in plan
    else:
        db.execute(text("ANALYZE notices"))
        compiled = number.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        plan = " ".join(row[0] for row in db.execute(text(f"EXPLAIN (ANALYZE, TIMING OFF) {compiled}")))
        scan = r"Index Scan Backward using ix_notices_unread_user_id_id on notices.*?actual rows=([0-9]+)"
        read = re.search(scan, plan)
        assert read is not None, plan
        assert int(read[1]) <= unread.LOOKED_AT
    db.rollback()
