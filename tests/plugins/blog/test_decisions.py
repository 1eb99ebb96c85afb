"""What the author of a post or comment learns of a moderator's decision, and what other plug-ins are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, digests, events, following, members, moderation, notices, posts
from flasky.plugins.blog.models import Comment, Notice, Post
from flasky.plugins.blog.posts import Writing
from flasky.testing.mailbox import Mailbox, html_of, text_of


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "mona": member("mona", role="Moderator")}


@pytest.fixture
def decide(people: Any, work_as: Any) -> Callable[..., None]:
    """A function that has Mona hide (with a reason) or show a post or comment."""

    def do(module: Any, number: int, reason: str = "") -> None:
        with work_as(people["mona"]) as work:
            thing = module.find(work, number)
            moderation.hide(work, thing, reason) if reason else moderation.show(work, thing)

    return do


@pytest.fixture
def heard(registry: Registry) -> Iterator[list[str]]:
    """The names of the events of posts and comments, as they come."""
    found: list[str] = []

    def hear(event: events.BlogEvent) -> None:
        found.append(type(event).__name__)

    for kind in (events.PostEvent, events.CommentEvent):
        registry.registerHandler(hear, (kind,))
    yield found
    for kind in (events.PostEvent, events.CommentEvent):
        registry.unregisterHandler(hear, (kind,))


def kinds(db: Session, user_id: int) -> list[str]:
    found = list(db.scalars(select(Notice.kind).where(Notice.user_id == user_id).order_by(Notice.id)))
    db.rollback()
    return found


def test_the_author_of_a_hidden_post_is_told_with_the_reason(
    people: Any, write: Any, decide: Any, client: Any, db: Session, pressed: Any
) -> None:
    post = write(people["anna"], "words", title="<b>Mine</b>")
    decide(posts, post, "<i>off topic")
    page = client(people["anna"]).get("/notices")
    assert "&lt;i&gt;off topic" in page
    assert "&lt;b&gt;Mine" in page
    assert "mona" not in page.html.find(class_="notices").get_text()
    assert "off topic" in pressed(page, "A moderator has hidden your post")
    decide(posts, post, "twice is once")
    decide(posts, post)
    page = client(people["anna"]).get("/notices")
    assert kinds(db, people["anna"]) == ["hidden", "shown"]
    assert "words" in pressed(page, "A moderator has shown your post again")
    for other in ("bob", "mona"):
        assert kinds(db, people[other]) == []


def test_the_author_of_a_hidden_comment_is_told_and_nobody_else(
    people: Any, write: Any, comment: Any, decide: Any, client: Any, db: Session, pressed: Any
) -> None:
    post = write(people["anna"], "words", title="A walk")
    made = comment(people["bob"], post, "rude")
    decide(comments, made, "be kind")
    page = client(people["bob"]).get("/notices")
    assert "be kind" in page
    there = pressed(page, "A moderator has hidden your comment")
    assert f'id="comment-{made}"' in there
    assert "be kind" in there
    assert "be kind" not in client(people["anna"]).get("/notices")
    # The post goes too: what Bob may not see any more is not named to him.
    decide(posts, post, "off topic")
    assert "A walk" not in client(people["bob"]).get("/notices")


@pytest.mark.databases("sqlite")
def test_moderators_are_not_told_what_they_did_to_their_own(people: Any, write: Any, decide: Any, db: Session) -> None:
    decide(posts, write(people["mona"]), "oops")
    assert kinds(db, people["mona"]) == []


@pytest.mark.databases("sqlite")
def test_a_decision_comes_by_mail_to_who_wants_it_so(
    people: Any, write: Any, comment: Any, decide: Any, choose: Any, mailbox: Mailbox, registry: Registry
) -> None:
    post = write(people["anna"], title="A walk")
    made = comment(people["bob"], post)
    decide(comments, made, "be kind")
    assert mailbox.messages == []
    decide(comments, made)
    for name in ("anna", "bob"):
        choose(people[name], "at_once")
    decide(comments, made, "<b>be kind")
    mail = mailbox.last
    assert mail["To"] == "bob@example.com"
    assert "has hidden your comment" in " ".join(text_of(mail).split())
    assert "<b>be kind" in text_of(mail)
    assert "&lt;b&gt;be kind" in html_of(mail)
    # Which of them: its beginning, and where it is.
    assert "> I agree" in text_of(mail)
    assert "I agree" in html_of(mail)
    assert f"http://localhost/comment/{made}\r\n" in text_of(mail)
    decide(posts, post, "off topic")
    assert mailbox.last["To"] == "anna@example.com"
    assert "has hidden your post" in " ".join(text_of(mailbox.last).split())
    decide(comments, made)
    assert mailbox.last["To"] == "bob@example.com"
    assert "has shown your" in " ".join(text_of(mailbox.last).split())
    assert "A walk" not in text_of(mailbox.last)
    assert f"/post/{post}" not in text_of(mailbox.last)
    assert "mona" not in "".join(map(text_of, mailbox.messages))


@pytest.mark.databases("sqlite")
def test_a_digest_tells_of_decisions(
    people: Any, write: Any, decide: Any, choose: Any, mailbox: Mailbox, registry: Registry
) -> None:
    choose(people["anna"], "daily")
    for number in range(2):
        decide(posts, write(people["anna"], f"post {number}"), f"<b>reason\n{number}")
    assert mailbox.messages == []
    digests.send_digests(registry, clock=lambda: utc_now() + notices.DIGEST_AFTER * 2)
    text = text_of(mailbox.last)
    assert text.count("A moderator has hidden your post") == 2
    assert text.index("The reason: <b>reason 0") < text.index("/post/1") < text.index("The reason: <b>reason 1")
    assert "The reason: &lt;b&gt;reason 1" in html_of(mailbox.last)


@pytest.mark.databases("sqlite")
def test_who_is_shut_out_or_leaving_finds_what_was_decided_when_they_are_back(
    people: Any, write: Any, decide: Any, choose: Any, client: Any, registry: Registry, mailbox: Mailbox, db: Session
) -> None:
    """Of all else they are told nothing meanwhile, and nothing by mail."""

    def away(**values: Any) -> None:
        with open_work(registry) as work:
            for name in ("anna", "bob"):
                user = work.db.get(User, people[name])
                user.disabled_at = values.get(name)
                user.deletion_due_at = values.get(f"{name}_leaves")

    for name, mail in (("anna", "at_once"), ("bob", "daily")):
        choose(people[name], mail)
    written = [write(people[name], f"by {name}") for name in ("anna", "bob")]
    away(anna=utc_now(), bob_leaves=utc_now() + timedelta(days=14))
    for post in written:
        decide(posts, post, "off topic")
    write(people["mona"], "@anna @bob")
    later = utc_now() + notices.DIGEST_AFTER * 2
    assert digests.send_digests(registry, clock=lambda: later) == 0
    assert mailbox.messages == []
    for name in ("anna", "bob"):
        assert kinds(db, people[name]) == ["hidden"]
    away()
    assert "off topic" in client(people["anna"]).get("/notices")
    assert digests.send_digests(registry, clock=lambda: later) == 2
    assert "off topic" in text_of(mailbox.last)


def test_each_notice_keeps_the_reason_that_was_told_then(people: Any, write: Any, decide: Any, client: Any) -> None:
    post = write(people["anna"])
    for reason in ("first reason", "", "second reason"):
        decide(posts, post, reason)
    told = client(people["anna"]).get("/notices").html.find_all(class_="notice-reason")
    assert [item.get_text() for item in told] == ["second reason", "first reason"]


def test_a_decision_and_what_was_said_outlive_who_left(
    people: Any, write: Any, comment: Any, decide: Any, work_as: Any, choose: Any, client: Any, registry: Registry,
    mailbox: Mailbox, db: Session, pressed: Any,
) -> None:  # fmt: skip
    choose(people["anna"], "daily")
    post = write(people["anna"], "words", title="Mine")
    comment(people["bob"], post)
    with work_as(people["bob"]) as work:
        following.follow(work, work.db.get(User, people["anna"]))
    decide(posts, write(people["anna"], "bad"), "off topic")
    for name in ("bob", "mona"):
        with open_work(registry) as work:
            erase(work, work.db.get(User, people[name]))
    # Nobody follows any more.
    assert kinds(db, people["anna"]) == ["comment", "hidden"]
    page = client(people["anna"]).get("/notices")
    assert "off topic" in page
    assert "a former member" in page
    with work_as(people["anna"]) as work:
        told = members.export(work, work.db.get(User, people["anna"]))["notices"]
    assert [(item["kind"], item["username"], item["reason"]) for item in told] == [
        ("comment", None, ""),
        ("hidden", None, "off topic"),
    ]
    digests.send_digests(registry, clock=lambda: utc_now() + notices.DIGEST_AFTER * 2)
    assert "a former member commented on your post: Mine" in text_of(mailbox.last)
    assert 'id="comment-1"' in pressed(page, "commented on your post")


@pytest.mark.databases("sqlite")
def test_con_02_a_decision_while_the_author_writes_is_no_conflict(
    people: Any, write: Any, comment: Any, decide: Any, client: Any, db: Session
) -> None:
    """What the author wrote is stored and stays hidden, which they are told with the reason."""
    browser, post = client(people["anna"]), write(people["anna"], "x")
    made = comment(people["anna"], post)
    for module, number, path in ((comments, made, "comment"), (posts, post, "post")):
        for reason in ("off topic", ""):
            page = browser.get(f"/{path}/{number}/edit")
            decide(module, number, reason)
            form = next(form for form in page.forms.values() if "body" in form.fields)
            form["body"] = f"better, {reason or 'shown'}"
            page = form.submit(status=303).follow()
            assert f"better, {reason or 'shown'}" in page
            said = page.html.get_text()
            assert [words in said for words in ("It stays hidden", "The reason: off topic")] == [bool(reason)] * 2


@pytest.mark.databases("sqlite")
def test_other_plugins_hear_what_happens_to_posts_and_comments(
    people: Any, write: Any, comment: Any, decide: Any, work_as: Any, heard: list[str]
) -> None:
    post = write(people["anna"])
    made = comment(people["bob"], post)
    draft = write(people["anna"], "x", draft=True)
    heard.clear()

    def edit_both() -> list[str]:
        heard.clear()
        with work_as(people["anna"]) as work:
            found = posts.find(work, post)
            posts.edit(work, found, Writing(f"{found.body} more"), version=found.version)
        with work_as(people["bob"]) as work:
            said = comments.find(work, made)
            comments.edit(work, said, f"{said.body} more", version=said.version)
        return heard

    assert edit_both() == ["PostEdited", "CommentEdited"]
    decide(comments, made, "no")
    decide(comments, made, "no")
    assert heard[2:] == ["CommentHidden"]
    assert edit_both() == ["PostEdited"]
    decide(comments, made)
    decide(comments, made)
    assert heard[1:] == ["CommentShown"]
    heard.clear()
    decide(posts, post, "no")
    decide(posts, post, "no")
    with work_as(people["anna"]) as work:
        for number in (post, draft):
            found = posts.find(work, number)
            posts.edit(work, found, Writing("new", draft=number == draft), version=found.version)
    assert heard == ["PostHidden"]
    decide(posts, post)
    decide(posts, post)
    assert heard == ["PostHidden", "PostShown"]
    with work_as(people["bob"]) as work:
        comments.remove(work, comments.find(work, made))
    with work_as(people["anna"]) as work:
        posts.remove(work, posts.find(work, post))
    assert heard[2:] == ["CommentDeleted", "PostDeleted"]


def test_a_hidden_post_stands_among_ones_drafts_with_the_reason(
    people: Any, write: Any, decide: Any, client: Any, statements: Any
) -> None:
    post, browser = write(people["anna"], "words", title="Mine"), client(people["anna"])
    write(people["anna"], "not yet", draft=True)
    write(people["bob"], "of another", draft=True)
    assert "Mine" not in browser.get("/drafts")
    decide(posts, post, "<i>off topic")
    page = browser.get("/user/anna").click("Drafts", index=0)
    assert len(statements()) == 3
    assert "&lt;i&gt;off topic" in page
    assert "not yet" in page
    assert "of another" not in page
    assert "off topic" in page.click("Mine")
    assert "Mine" not in client(people["mona"]).get("/drafts")
    decide(posts, post)
    assert "Mine" not in browser.get("/drafts")


@pytest.mark.databases("sqlite")
def test_drafts_go_on_in_both_directions(
    people: Any, write: Any, decide: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts.unlisted, "__defaults__", (2,))
    for number in range(5):
        made = write(people["anna"], f"post-{number}.", draft=number % 2 == 0)
        if number % 2:
            decide(posts, made, "no")
    first = client(people["anna"]).get("/drafts")
    pages = [first]
    for way in ("Older", "Older", "Newer"):
        pages.append(pages[-1].click(way))
    shown = [page.html.find("ol").find_all("h2") for page in pages]
    assert [[head.get_text(strip=True) for head in heads] for heads in shown] == [
        ["post-4.", "post-3."], ["post-2.", "post-1."], ["post-0."], ["post-2.", "post-1."]
    ]  # fmt: skip


def test_what_the_author_reads_after_saving_is_what_happened(
    people: Any, comment: Any, decide: Any, client: Any
) -> None:
    browser = client(people["anna"])

    def save(path: str, do: str | None = None) -> str:
        form = next(form for form in browser.get(path).forms.values() if "body" in form.fields)
        form["body"] = f"{path} {do}"
        page = form.submit("do" if do else None, value=do).follow()
        return str(page.html.find(class_="alert").get_text(" ", strip=True))

    assert "Your draft is saved." in save("/write", "draft")
    assert "Your draft is saved." in save("/post/1/edit", "draft")
    assert "Your post is published." in save("/post/1/edit")
    assert "Your post is saved." in save("/post/1/edit")
    assert "Your post is published." in save("/write")
    made = comment(people["anna"], 1)
    assert "Your comment is saved." in save(f"/comment/{made}/edit")
    decide(comments, made, "no")
    assert "Your comment is saved. It stays hidden" in save(f"/comment/{made}/edit")
    decide(posts, 1, "no")
    assert "Your post is saved. It stays hidden" in save("/post/1/edit")


@pytest.mark.databases("sqlite")
def test_enter_in_the_title_stores_nothing(people: Any, client: Any, db: Session) -> None:
    """Browsers press the first button of the form then."""
    browser = client(people["anna"])
    form = next(form for form in browser.get("/write").forms.values() if "body" in form.fields)
    form["body"] = "half a tho"
    button = browser.get("/write").html.find(id="title").find_parent("form").find("button")
    assert button["value"] == "preview"
    assert "half a tho" in form.submit(button["name"], value=button["value"], status=200)
    assert db.scalar(select(Post.id)) is None


@pytest.mark.databases("sqlite")
def test_con_02_a_stale_edit_shows_the_stored_tags_too(people: Any, write: Any, work_as: Any, client: Any) -> None:
    post, browser = write(people["anna"], "x", tags="walk"), client(people["anna"])
    form = next(form for form in browser.get(f"/post/{post}/edit").forms.values() if "body" in form.fields)
    with work_as(people["anna"]) as work:
        posts.edit(work, posts.find(work, post), Writing("x", tags="hike 胡同"), version=1)
    form["body"] = "typed"
    page = form.submit(status=409)
    assert "hike 胡同" in page
    # Both stay in view until one is saved.
    for do, values in (("preview", {}), ("draft", {"title": "x" * 300})):
        form = next(form for form in page.forms.values() if "body" in form.fields)
        for name, value in values.items():
            form[name] = value
        page = form.submit("do", value=do, status=200)
        assert "hike 胡同" in page
        assert "What is stored now" in page
    form = next(form for form in page.forms.values() if "body" in form.fields)
    form["title"] = ""
    assert "typed" in form.submit(status=303).follow()


@pytest.mark.databases("sqlite")
def test_con_02_a_stale_comment_stays_in_view_in_the_preview(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    made = comment(people["bob"], write(people["anna"]), "one")
    browser = client(people["bob"])
    form = next(form for form in browser.get(f"/comment/{made}/edit").forms.values() if "body" in form.fields)
    with work_as(people["bob"]) as work:
        comments.edit(work, comments.find(work, made), "stored elsewhere", version=1)
    form["body"] = "typed"
    page = form.submit(status=409)
    form = next(form for form in page.forms.values() if "body" in form.fields)
    assert "stored elsewhere" in form.submit("do", value="preview", status=200)


@pytest.mark.databases("sqlite")
def test_saving_what_is_stored_is_no_edit(
    people: Any, write: Any, comment: Any, client: Any, heard: list[str], db: Session
) -> None:
    post = write(people["anna"], "two\r\nlines", title="A  title", tags="walk hike")
    made = comment(people["anna"], post, "said\nso")
    draft = write(people["anna"], "x", draft=True)
    heard.clear()
    browser = client(people["anna"])
    for path in (f"/post/{post}/edit", f"/comment/{made}/edit", f"/post/{draft}/edit"):
        form = next(form for form in browser.get(path).forms.values() if "body" in form.fields)
        form.submit("do" if str(draft) in path else None, value="draft", status=303)
    assert db.execute(select(Post.edited_at, Post.version).order_by(Post.id)).all() == [(None, 1), (None, 1)]
    assert db.execute(select(Comment.edited_at, Comment.version)).all() == [(None, 1)]
    assert heard == []
    db.rollback()
    form = next(form for form in browser.get(f"/post/{draft}/edit").forms.values() if "body" in form.fields)
    form.submit(status=303)
    assert heard == ["PostPublished"]
    form = next(form for form in browser.get(f"/post/{post}/edit").forms.values() if "body" in form.fields)
    form["tags"] = "walk"
    form.submit(status=303)
    assert heard == ["PostPublished", "PostEdited"]


@pytest.mark.databases("sqlite")
def test_deleting_names_the_post(people: Any, write: Any, client: Any) -> None:
    post = write(people["anna"], "words", title="<b>A walk")
    page = client(people["anna"]).get(f"/post/{post}/delete")
    assert "&lt;b&gt;A walk" in page
