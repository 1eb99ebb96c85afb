"""Moderation: reports, the queue, hiding with a reason, and what others see of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.blog import comments, limits, moderation, posts
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.models import Post, Report


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {
        "anna": member("anna"),
        "bob": member("bob"),
        "mona": member("mona", role="Moderator"),
    }


def send(page: Any, do: str | None = None, **values: Any) -> Any:
    form = next(form for form in page.forms.values() if "reason" in form.fields or "do" in form.fields)
    for name, value in values.items():
        form[name] = value
    return form.submit("do" if do else None, value=do)


def open_reports(db: Session) -> int:
    number = db.scalar(select(func.count()).select_from(Report).where(Report.resolved_at.is_(None)))
    db.rollback()
    return number or 0


def test_nobody_reports_their_own(people: Any, write: Any, work_as: Any, client: Any, db: Session) -> None:
    post = write(people["anna"])
    with work_as(people["anna"]) as work, pytest.raises(Refused):
        moderation.report(work, posts.find(work, post), "mine")
    browser = client(people["anna"])
    assert f"/post/{post}/report" not in browser.get(f"/post/{post}")
    assert "This is your own" in send(browser.get(f"/post/{post}/report"), reason="mine").follow()
    assert open_reports(db) == 0


def test_members_who_do_not_moderate_decide_nothing(people: Any, write: Any, work_as: Any) -> None:
    post = write(people["anna"])
    for who in ("anna", "bob"):
        for act in (
            lambda work: moderation.hide(work, posts.find(work, post), "no"),
            lambda work: moderation.show(work, posts.find(work, post)),
            lambda work: moderation.resolve(work, posts.find(work, post)),
            moderation.queue,
        ):
            with work_as(people[who]) as work, pytest.raises(NotAllowed):
                act(work)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (limits.LONGEST_REASON + 1)])
def test_a_reason_is_needed_and_short(
    reason: str, people: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    post = write(people["anna"])
    with work_as(people["mona"]) as work, pytest.raises(Fault):
        moderation.hide(work, posts.find(work, post), reason)
    for who, path in (("mona", "hide"), ("bob", "report")):
        answer = send(client(people[who]).get(f"/post/{post}/{path}"), reason=reason)
        assert answer.status_int == 200
        assert "reason" in answer.forms[max(answer.forms, key=str)].fields or 'name="reason"' in answer
    assert open_reports(db) == 0
    assert db.get(Post, post).hidden_at is None


def test_a_report_of_a_comment_is_answered_when_it_is_left_as_it_is(
    people: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    made = comment(people["anna"], write(people["anna"]), "a **word**")
    page = send(client(people["bob"]).get(f"/comment/{made}/report"), reason="<b>bad</b>")
    assert f"#comment-{made}" in page.location
    moderator = client(people["mona"])
    queue = moderator.get("/moderate")
    assert "&lt;b&gt;bad" in queue
    assert "<strong>word</strong>" in queue
    send(queue.click("Decide"), "keep")
    assert open_reports(db) == 0
    assert "No reports are open" in moderator.get("/moderate")
    assert "word" in client().get("/post/1")


def test_a_report_after_an_answer_opens_it_again(
    people: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    post = write(people["anna"])
    for kind, number in ((posts, post), (comments, comment(people["anna"], post))):
        told = []
        for reason, answered in (("first", False), ("again", True), ("", False), ("third", False)):
            with work_as(people["mona"]) as work:
                if answered:
                    moderation.resolve(work, kind.find(work, number))
            with work_as(people["bob"]) as work:
                if reason:
                    told.append(moderation.report(work, kind.find(work, number), reason))
        assert told == [True, True, False]
        with work_as(people["mona"]) as work:
            (item,) = moderation.queue(work)
            assert (item.reason, item.reporter_id, item.resolved_by_id) == ("again", people["bob"], None)
            moderation.resolve(work, kind.find(work, number))


def test_hiding_twice_and_showing_twice_counts_once(
    people: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    post = write(people["anna"])
    made = comment(people["bob"], post)
    for act, expected in ((moderation.hide, 0), (moderation.hide, 0), (moderation.show, 1), (moderation.show, 1)):
        with work_as(people["mona"]) as work:
            act(work, comments.find(work, made), *(["no"] if act is moderation.hide else []))
        assert db.scalar(select(Post.comment_count)) == expected
        db.rollback()


def test_a_hidden_comment_that_is_deleted_is_not_counted_again(
    people: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    post = write(people["anna"])
    kept, made = comment(people["anna"], post), comment(people["bob"], post)
    with work_as(people["mona"]) as work:
        moderation.hide(work, comments.find(work, made), "no")
    with work_as(people["bob"]) as work:
        comments.remove(work, comments.find(work, made))
    assert db.scalar(select(Post.comment_count)) == 1
    db.rollback()
    with work_as(people["anna"]) as work:
        comments.remove(work, comments.find(work, kept))
    db.rollback()
    assert db.scalar(select(Post.comment_count)) == 0


def test_acl_02_what_is_hidden_is_there_for_its_author_and_moderators_only(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"], "a post")
    made = comment(people["bob"], post, "rude words")
    with work_as(people["mona"]) as work:
        moderation.hide(work, comments.find(work, made), "be kind")
    for who in (None, "anna"):
        page = client(people.get(who)).get(f"/post/{post}")
        assert "rude words" not in page
        assert "be kind" not in page
    for who in ("bob", "mona"):
        page = client(people[who]).get(f"/post/{post}")
        assert "rude words" in page
        assert "be kind" in page
    client(people["anna"]).get(f"/comment/{made}/report", status=404)
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, post), "off topic")
    for who in (None, "bob"):
        client(people.get(who)).get(f"/post/{post}", status=404)
    # Bob's own comment stands below a post that is not there for him any more.
    client(people["bob"]).get(f"/comment/{made}/edit", status=404)
    for who in ("anna", "mona"):
        page = client(people[who]).get(f"/post/{post}")
        assert "off topic" in page
        assert 'content="noindex"' in page


def test_a_hidden_post_takes_no_comments_and_an_edit_does_not_show_it(
    people: Any, write: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"], "bad", tags="walk")
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, post), "no")
    with work_as(people["anna"]) as work, pytest.raises(NotThere):
        comments.add(work, posts.find(work, post), "hello")
    author = client(people["anna"])
    page = author.get(f"/post/{post}/edit")
    form = next(form for form in page.forms.values() if "body" in form.fields)
    form["body"], form["tags"] = "better", "walk talk"
    form.submit(status=303)
    visitor = client()
    for path in ("/", "/tag/walk", "/tag/talk", f"/people/{people['anna']}/posts"):
        assert "better" not in visitor.get(path), path
    with work_as(people["mona"]) as work:
        moderation.show(work, posts.find(work, post))
    for path in ("/", "/tag/walk", "/tag/talk", f"/people/{people['anna']}/posts"):
        assert "better" in visitor.get(path), path


def test_the_moderators_page_shows_the_reason_and_shows_again(people: Any, write: Any, client: Any) -> None:
    post = write(people["anna"], "words")
    moderator = client(people["mona"])
    assert "its author sees the reason" in send(moderator.get(f"/post/{post}/hide"), reason="too long").follow()
    page = moderator.get(f"/post/{post}/hide")
    assert "too long" in page
    assert "shown again" in send(page, "show").follow()
    assert "words" in client().get(f"/post/{post}")


def test_the_queue_goes_on_and_needs_four_statements(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, statements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation, "PAGE", 2)
    monkeypatch.setattr(moderation.queue, "__kwdefaults__", {"after": 0, "limit": 2})
    for number in range(3):
        post = write(people["anna"], f"post {number}")
        with work_as(people["bob"]) as work:
            moderation.report(work, posts.find(work, post), f"reason {number}")
    moderator = client(people["mona"])
    page = moderator.get("/moderate")
    assert len(statements()) <= 4
    assert "reason 0" in page
    assert "reason 2" not in page
    rest = page.click(href=r"\?after=")
    assert "reason 2" in rest
    assert "reason 1" not in rest


def test_a_report_leaves_with_what_it_is_about(people: Any, write: Any, work_as: Any, client: Any, db: Session) -> None:
    post = write(people["anna"])
    with work_as(people["bob"]) as work:
        moderation.report(work, posts.find(work, post), "bad")
    with work_as(people["anna"]) as work:
        posts.remove(work, posts.find(work, post))
    assert open_reports(db) == 0
    assert "No reports are open" in client(people["mona"]).get("/moderate")
