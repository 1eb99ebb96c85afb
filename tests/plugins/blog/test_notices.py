"""Notices: who is told of what, in the page and by mail, and how mails stop."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.mail.message import ONE_CLICK
from flasky.mail.models import OutgoingMail
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, digests, following, mails, moderation, notices, pace, posts
from flasky.plugins.blog.events import CommentEdited
from flasky.plugins.blog.models import BlogMember, Comment, Notice, Post
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.reading import Bounds
from flasky.security.keys import Signer
from flasky.testing.mailbox import Mailbox, html_of, text_of


def path_to_stop(registry: Any, user_id: int) -> str:
    """Where the link in a member's mails leads."""
    with open_work(registry) as work:
        return f"/notices/stop/{mails.unsubscribe_token(registry, work.db.get(User, user_id))}"


@pytest.fixture
def told(db: Session) -> Any:
    """A function that returns the kinds of notices that a member has, oldest first."""

    def kinds(user_id: int) -> list[str]:
        found = list(db.scalars(select(Notice.kind).where(Notice.user_id == user_id).order_by(Notice.id)))
        db.rollback()
        return found

    return kinds


def test_nobody_is_told_what_they_did_themselves(member: Any, write: Any, comment: Any, told: Any) -> None:
    anna = member("anna")
    comment(anna, write(anna, "I am @anna"), "and so is @anna")
    assert told(anna) == []


def test_a_comment_that_names_the_author_is_told_once(member: Any, write: Any, comment: Any, told: Any) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    comment(bob, write(anna), "@anna @ANNA @carl @nobody @bob `@carl`")
    assert told(anna) == ["comment"]
    assert told(carl) == ["mention"]
    assert told(bob) == []


def test_a_text_calls_at_most_ten_members(member: Any, write: Any, db: Session) -> None:
    for number in range(12):
        member(f"friend{number}")
    write(member("anna"), " ".join(f"@friend{number}" for number in range(12)))
    assert db.scalar(select(func.count()).select_from(Notice)) == 10


def test_a_draft_tells_nobody_until_it_is_published(member: Any, write: Any, told: Any, client: Any) -> None:
    anna, bob = member("anna"), member("bob")
    draft = write(anna, "hello @bob", draft=True)
    assert told(bob) == []
    page = client(anna).get(f"/post/{draft}/edit")
    next(form for form in page.forms.values() if "body" in form.fields).submit()
    assert told(bob) == ["mention"]


def test_a_new_follower_is_told_once_however_often_they_come(member: Any, told: Any, work_as: Any) -> None:
    anna, bob = member("anna"), member("bob")
    for _again in range(2):
        with work_as(bob) as work:
            following.follow(work, work.db.get(User, anna))
        with work_as(bob) as work:
            following.unfollow(work, work.db.get(User, anna))
    assert told(anna) == ["follow"]


def test_who_is_shut_out_or_about_to_leave_is_not_told(
    member: Any, write: Any, told: Any, registry: Any, choose: Any, mailbox: Mailbox
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    for user_id in (bob, carl):
        choose(user_id, "at_once")
    with open_work(registry) as work:
        work.db.get(User, bob).disabled_at = utc_now()
        work.db.get(User, carl).deletion_due_at = utc_now()
    write(anna, "@bob @carl")
    assert told(bob) == told(carl) == []
    assert mailbox.messages == []


@pytest.mark.databases("sqlite")
def test_opening_what_a_notice_tells_marks_this_one_as_read_and_the_digest_leaves_it_out(
    member: Any,
    write: Any,
    comment: Any,
    client: Any,
    choose: Any,
    registry: Any,
    work_as: Any,
    mailbox: Mailbox,
    pressed: Any,
) -> None:
    anna, bob = member("anna"), member("bob")
    choose(anna, "daily")
    post = write(anna, "x", title="A title")
    first = comment(bob, post, "one")
    browser = client(anna)
    assert f'id="comment-{first}"' in pressed(browser.get("/notices"), "commented on your post")
    page = browser.get("/notices")
    assert "notice-new" not in page
    # A link, once it is read.
    assert f'id="comment-{first}"' in page.click("commented on your post").follow()
    second = comment(bob, post, "two")
    write(bob, "@anna look")
    with work_as(bob) as work:
        following.follow(work, work.db.get(User, anna))
    assert "bob" in pressed(browser.get("/notices"), "follows you").request.path
    assert pressed(browser.get("/notices"), "mentioned you").request.path == "/post/2"
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    said = text_of(mailbox.last)
    assert re.findall("/comment/([0-9]+)", said) == [str(second)]
    assert ("mentioned" in said, "follows" in said) == (False, False)


@pytest.mark.databases("sqlite")
def test_one_notice_is_marked_as_read_alone_and_its_place_in_the_list_is_kept(
    member: Any, write: Any, client: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(notices.listed, "__defaults__", (Bounds(), 2))
    anna, bob = member("anna"), member("bob")
    for number in range(4):
        write(bob, f"@anna {number}")
    browser = client(anna)
    older = browser.get("/notices").click("Older")
    form = next(form for form in older.forms.values() if "read" in form.fields)
    answer = form.submit("read", value="2")
    assert answer.location.endswith("/notices?before=3#notice-2")
    assert [item["id"] for item in answer.follow().html.select(".notice-new")] == ["notice-1"]
    assert browser.get("/notices").text.count("notice-new") == 2


@pytest.mark.databases("sqlite")
def test_a_notice_of_somebody_else_or_of_what_is_gone_opens_nothing(
    member: Any, write: Any, comment: Any, client: Any, work_as: Any, db: Session, pressed: Any
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    first = comment(bob, write(anna), "one")
    browser, other = client(anna), client(carl)
    token = other.get("/notices").forms[0]["csrf_token"].value
    for name in ("open", "read"):
        assert "/comment" not in other.post("/notices", {"csrf_token": token, name: "1"}, status=303).location
        other.post("/notices", {"csrf_token": token, name: "x"}, status=404)
    assert db.scalar(select(Notice.read_at)) is None
    db.rollback()
    page = browser.get("/notices")
    with work_as(bob) as work:
        comments.remove(work, comments.find(work, first))
    assert "is not there any more" in pressed(page, "commented on your post")


def test_the_page_leads_to_what_happened_and_marks_it_read(
    member: Any, write: Any, comment: Any, client: Any, work_as: Any, pressed: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna, "x", title="<b>Title</b>")
    made = comment(bob, post, "hello")
    write(bob, "@anna look")
    with work_as(bob) as work:
        following.follow(work, work.db.get(User, anna))
    browser = client(anna)
    page = browser.get("/notices")
    assert [item in page for item in ("commented on your post", "mentioned you", "follows you")] == [True] * 3
    assert "&lt;b&gt;Title" in page
    assert page.text.count("notice-new") == 3
    assert browser.get("/notices").text.count("notice-new") == 3
    assert f'id="comment-{made}"' in pressed(page, "commented on your post")
    form = next(form for form in page.forms.values() if "do" in form.fields)
    assert "notice-new" not in form.submit("do", value="read").follow()


def test_notices_of_others_and_of_what_is_hidden_are_not_shown(
    member: Any, write: Any, comment: Any, client: Any, work_as: Any
) -> None:
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    post = write(anna, "x", title="A title")
    made = comment(bob, post, "rude")
    assert "commented on your post" not in client(bob).get("/notices")
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, made), "no")
    assert "commented on your post" not in client(anna).get("/notices")


def test_an_author_keeps_the_notices_about_their_post_while_it_is_hidden(
    member: Any,
    write: Any,
    comment: Any,
    client: Any,
    choose: Any,
    pressed: Any,
    registry: Any,
    work_as: Any,
    mailbox: Mailbox,
) -> None:
    """They see the post and its comments; who commented there, and was told of an answer, sees neither."""
    anna, bob, carl = (member(name) for name in ("anna", "bob", "carl"))
    mona = member("mona", role="Moderator")
    for who in (anna, bob):
        choose(who, "daily")
    post = write(anna, "x", title="A title")
    made = [comment(who, post, f"words {number}") for number, who in enumerate((bob, carl, carl))]
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, made[2]), "rude")
        moderation.hide(work, posts.find(work, post), "off topic")
    page = client(anna).get("/notices")
    assert page.text.count("commented on your post") == 2
    # With the one that says that the post is hidden.
    assert '<span class="visually-hidden">3 unread' in page
    assert "A title" not in client(bob).get("/notices")
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    (mail,) = mailbox.to("anna@example.com")
    assert [f"/comment/{comment_id}\r\n" in text_of(mail) for comment_id in made] == [True, True, False]
    assert not mailbox.to("bob@example.com")
    assert f'id="comment-{made[1]}"' in pressed(page, "commented on your post")


def test_notices_go_on_by_keyset(member: Any, write: Any, work_as: Any) -> None:
    anna, bob = member("anna"), member("bob")
    for number in range(3):
        write(bob, f"@anna {number}")
    with work_as(anna) as work:
        first = notices.listed(work, limit=2)
        rest = notices.listed(work, Bounds(below=first.on), limit=2)
        again = notices.listed(work, Bounds(above=rest.back), limit=2)
    ids = [row.id for row in [*first.rows, *rest.rows]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    assert (first.back, rest.on) == (None, None)
    assert again.rows == first.rows


def test_the_choice_of_mails_is_checked_and_kept(member: Any, client: Any, db: Session) -> None:
    anna = member()
    browser = client(anna)
    page = browser.get("/notices")
    token = next(form for form in page.forms.values() if "mail" in form.fields)["csrf_token"].value
    assert "Choose one of the three" in browser.post("/notices", {"csrf_token": token, "mail": "hourly"}).follow()
    browser.post("/notices", {"csrf_token": token, "mail": "daily"})
    assert db.scalar(select(BlogMember.mail).where(BlogMember.user_id == anna)) == "daily"
    form = next(form for form in browser.get("/notices").forms.values() if "mail" in form.fields)
    assert form["mail"].value == "daily"


def test_mails_at_once_say_who_and_where_in_the_members_language(
    member: Any, write: Any, comment: Any, work_as: Any, choose: Any, registry: Any, mailbox: Mailbox
) -> None:
    anna, bob = member("anna"), member("bob")
    choose(anna, "at_once")
    post = write(anna, "x", title="<b>Title</b>")
    made = comment(bob, post, "hello **there**, <b>you</b>\n\n" + "and so on " * 50)
    mail = mailbox.last
    assert f"http://localhost/comment/{made}\r\n" in text_of(mail)
    assert f"http://localhost/comment/{made}" in html_of(mail)
    lines = [line for line in text_of(mail).splitlines() if line.startswith("> ")]
    assert lines[0].startswith("> hello there, <b>you</b> and so on")
    assert len(lines) == 4
    assert lines[-1].endswith(" …")
    assert "&lt;b&gt;you" in html_of(mail)
    assert "bob" in text_of(mail)
    assert "&lt;b&gt;Title" in html_of(mail)
    assert "<b>Title" not in html_of(mail)
    with open_work(registry) as work:
        work.db.get(User, anna).language = "zh"
    with work_as(bob) as work:
        following.follow(work, work.db.get(User, anna))
    assert "follows you now" not in text_of(mailbox.last)
    assert "http://localhost/user/bob\r\n" in text_of(mailbox.last)
    assert 'href="http://localhost/user/bob"' in html_of(mailbox.last)
    assert re.search("[\u4e00-\u9fff]", text_of(mailbox.last))


@pytest.mark.parametrize("body", ["The gate\nwas open", "The gate\r\nBcc: eve@example.com\r\n\r\nwas open"])
def test_inj_02_the_subject_of_a_mail_says_what_happened_and_to_which_post_in_one_short_line(
    body: str, member: Any, write: Any, comment: Any, work_as: Any, choose: Any, mailbox: Mailbox
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    for user_id in (anna, carl):
        choose(user_id, "at_once")
    walk = write(anna, "x", title="A walk")
    comment(carl, walk)
    assert mailbox.last["Subject"] == "[Flasky] carl commented on: A walk"
    comment(bob, walk)
    assert mailbox.to("anna@example.com")[-1]["Subject"] == "[Flasky] bob commented on: A walk"
    assert mailbox.to("carl@example.com")[-1]["Subject"] == "[Flasky] bob commented after you on: A walk"
    comment(bob, write(bob, "x", title="A gate"), "look, @anna")
    assert mailbox.last["Subject"] == "[Flasky] bob mentioned you in: A gate"
    with work_as(bob) as work:
        following.follow(work, work.db.get(User, anna))
    assert mailbox.last["Subject"] == "[Flasky] bob follows you"
    comment(bob, write(anna, body))
    named = " ".join(body.split())
    assert mailbox.last["Subject"] == f"[Flasky] bob commented on: {named}"
    assert "Bcc" not in mailbox.last
    comment(bob, write(anna, "x", title="long " * 40))
    said = mailbox.last["Subject"].removeprefix("[Flasky] bob commented on: long long")
    assert said.endswith("…")
    assert len(mailbox.last["Subject"]) < 100


def test_a_mail_about_a_mention_quotes_where_the_text_calls(
    member: Any, write: Any, choose: Any, mailbox: Mailbox
) -> None:
    anna, bob = member("anna"), member("bob")
    member("annabel")
    choose(anna, "at_once")
    write(bob, "@annabel, " + "so many words " * 60 + "and you, **@anna**, what do you think? " + "more words " * 60)
    lines = [line for line in text_of(mailbox.last).splitlines() if line.startswith("> ")]
    assert (lines[0][:4], lines[-1][-2:], len(lines)) == ("> … ", " …", 4)
    assert "and you, @anna, what do you think?" in " ".join(line[2:] for line in lines)
    assert max(map(len, lines)) <= 74
    write(bob, "Dear @anna, " + "so many words " * 60)
    assert "> Dear @anna, so many" in text_of(mailbox.last)


@pytest.mark.databases("sqlite")
def test_all_are_marked_as_read_from_an_older_page_too_and_only_where_some_are_unread(
    member: Any, write: Any, client: Any, monkeypatch: Any, told: Any
) -> None:
    monkeypatch.setattr(notices.listed, "__defaults__", (Bounds(), 2))
    anna, bob = member("anna"), member("bob")
    for number in range(4):
        write(bob, f"@anna {number}")
    browser = client(anna)
    older = browser.get("/notices").click("Older")
    write(bob, "@anna meanwhile")
    form = next(form for form in older.forms.values() if "do" in form.fields)
    page = form.submit("do", value="read").follow()
    assert page.text.count("notice-new") == 1
    form = next(form for form in page.forms.values() if "do" in form.fields)
    page = form.submit("do", value="read").follow()
    assert "notice-new" not in page
    assert "Mark all as read" not in page


def test_a_digest_comes_once_after_a_day(
    member: Any, write: Any, comment: Any, choose: Any, registry: Any, mailbox: Mailbox
) -> None:
    anna, bob = member("anna"), member("bob")
    choose(anna, "daily")
    post = write(anna)
    comment(bob, post, "one")
    comment(bob, post, "two")
    write(bob, "@anna")
    assert digests.send_digests(registry) == 0
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    for expected in (1, 0):
        assert digests.send_digests(registry, clock=lambda: tomorrow) == expected
    (mail,) = mailbox.to("anna@example.com")
    assert text_of(mail).count("bob commented on your post") == 2
    assert "bob mentioned you" in text_of(mail)
    assert "follows" not in text_of(mail)


def test_a_digest_says_who_did_what_and_leaves_out_what_was_read_or_is_hidden(
    member: Any, write: Any, comment: Any, choose: Any, registry: Any, work_as: Any, mailbox: Mailbox, monkeypatch: Any
) -> None:
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    choose(anna, "daily")
    post = write(anna, "x", title="<b>Title</b>")
    comment(bob, post, "read")
    with work_as(anna) as work:
        notices.mark_read(work, notices.listed(work).rows[0].id)
    rude = comment(bob, post, "rude")
    kept = [comment(bob, post, f"kept {number}") for number in range(3)]
    with work_as(bob) as work:
        following.follow(work, work.db.get(User, anna))
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, rude), "no")
    monkeypatch.setattr(digests, "_IN_DIGEST", 2)
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    (mail,) = mailbox.to("anna@example.com")
    text = text_of(mail)
    assert [f"/comment/{made}\r\n" in text for made in (rude, *kept)] == [False, True, True, False]
    assert "bob commented on your post: <b>Title</b>" in text
    assert "and 2 more" in text
    assert f"/comment/{kept[0]}" in html_of(mail)
    assert "&lt;b&gt;Title" in html_of(mail)


@pytest.mark.databases("sqlite")
def test_a_digest_has_no_link_to_a_profile_that_is_not_there(
    member: Any, choose: Any, registry: Any, work_as: Any, mailbox: Mailbox
) -> None:
    """As in lists and notices: their name stands there without a link."""
    anna, bob, carl, dora = member("anna"), member("bob"), member("carl"), member("dora")
    choose(anna, "daily")
    for follower in (bob, carl, dora):
        with work_as(follower) as work:
            following.follow(work, work.db.get(User, anna))
    with open_work(registry) as work:
        work.db.get(User, bob).disabled_at = utc_now()
        work.db.get(User, dora).deletion_due_at = utc_now()
    assert digests.send_digests(registry, clock=lambda: utc_now() + timedelta(days=2)) == 1
    text, html = text_of(mailbox.last), html_of(mailbox.last)
    assert [f"- {name} follows you" in text for name in ("bob", "carl", "dora")] == [True] * 3
    assert [f"{name} follows you" in html for name in ("bob", "carl", "dora")] == [True] * 3
    assert re.findall(r"/user/(\w+)", text) == re.findall(r"/user/(\w+)", html) == ["carl"]


def test_who_has_read_all_of_it_gets_no_digest_and_others_after_them_do(
    member: Any, write: Any, choose: Any, registry: Any, work_as: Any, mailbox: Mailbox, monkeypatch: Any
) -> None:
    """A portion in which nobody had a mail to get is not the end: more members may be due."""
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    for user_id in (anna, bob):
        choose(user_id, "daily")
    write(carl, "@anna @bob")
    with work_as(anna) as work:
        notices.mark_read(work, notices.listed(work).rows[0].id)
        work.db.execute(update(Notice).where(Notice.user_id == anna).values(mail_due=utc_now()))
    monkeypatch.setattr(digests, "_LISTED", 1)
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    assert [mail["To"] for mail in mailbox.messages] == ["bob@example.com"]


def test_rte_02_beyond_so_many_an_hour_notices_wait_for_the_digest(
    member: Any, write: Any, comment: Any, choose: Any, registry: Any, db: Session, mailbox: Mailbox, monkeypatch: Any
) -> None:
    """RTE-02: nothing is lost; after a quiet hour mails come at once again."""
    anna, bob = member("anna"), member("bob")
    monkeypatch.setitem(registry.settings, "blog.notice_mails_per_hour", 2)
    choose(anna, "at_once")
    post = write(anna)
    made = [comment(bob, post, f"{number}") for number in range(4)]
    assert len(mailbox.to("anna@example.com")) == 2
    choose(anna, "at_once")  # said again, it takes nothing away that waits
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1
    text = text_of(mailbox.last)
    assert [f"/comment/{number}\r\n" in text for number in made] == [False, False, True, True]
    an_hour_later = time.time() + 3660
    monkeypatch.setattr(time, "time", lambda: an_hour_later)
    comment(bob, post, "later")
    assert len(mailbox.to("anna@example.com")) == 4


def test_rte_02_one_member_causes_so_many_mails_an_hour_and_decisions_go_all_the_same(
    member: Any, write: Any, choose: Any, work_as: Any, registry: Any, mailbox: Mailbox, monkeypatch: Any
) -> None:
    """RTE-02: whoever calls ten members in each of a hundred edits fills no mailboxes; the digest has the rest."""
    monkeypatch.setattr(pace, "MAILS_BY", pace.MAILS_BY._replace(amount=2))
    bob, mona = member("bob"), member("mona", role="Moderator")
    others = [member(name) for name in ("anna", "carl", "dora")]
    for other in others:
        choose(other, "at_once")
    write(bob, "@anna @carl @dora")
    assert len(mailbox.messages) == 2
    for post in [write(other) for other in others]:
        with work_as(mona) as work:
            moderation.hide(work, posts.find(work, post), "look")
    assert len(mailbox.messages) == 5
    tomorrow = utc_now() + timedelta(days=1, minutes=1)
    assert digests.send_digests(registry, clock=lambda: tomorrow) == 1


@pytest.mark.databases("sqlite")
def test_rte_02_what_is_deleted_after_it_was_mailed_still_counts(
    member: Any, write: Any, comment: Any, choose: Any, registry: Any, work_as: Any, mailbox: Mailbox, monkeypatch: Any
) -> None:
    """RTE-02: a notice goes with its comment or post, its mail does not come back."""
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    monkeypatch.setitem(registry.settings, "blog.notice_mails_per_hour", 2)
    for user_id in (anna, carl):
        choose(user_id, "at_once")
    post = write(anna)
    for _again in range(3):
        said = comment(bob, post)
        with work_as(bob) as work:
            comments.remove(work, comments.find(work, said))
        called = write(bob, "@anna")
        with work_as(bob) as work:
            posts.remove(work, posts.find(work, called))
    assert len(mailbox.to("anna@example.com")) == 2
    write(bob, "@anna @carl")
    assert len(mailbox.to("anna@example.com")) == 2
    assert len(mailbox.to("carl@example.com")) == 1


def test_an_edit_tells_only_those_whom_it_calls_newly(
    member: Any, write: Any, comment: Any, told: Any, work_as: Any, db: Session
) -> None:
    anna, bob, carl, dora = member("anna"), member("bob"), member("carl"), member("dora")
    post = write(anna, "hello @bob")
    said = comment(dora, post, "and @carl")

    def edit(text: str) -> None:
        with work_as(anna) as work:
            stored = posts.find(work, post)
            posts.edit(work, stored, Writing(text), version=stored.version)

    def edit_comment(text: str) -> None:
        with work_as(dora) as work:
            stored = comments.find(work, said)
            comments.edit(work, stored, text, version=stored.version)

    for text in ("hello @bob and @carl", "hello", "hello @bob @carl @anna", "@bob @carl"):
        edit(text)
    assert told(bob) == ["mention"]
    assert told(carl) == ["mention", "mention"]
    for text in ("and @carl and @bob @anna", "none", "@bob @carl @dora"):
        edit_comment(text)
    assert told(bob) == ["mention", "mention"]
    assert told(carl) == ["mention", "mention"]
    assert told(anna) == ["comment"]
    assert told(dora) == []
    # A text from before there were notices calls nobody newly either.
    db.execute(delete(Notice))
    db.commit()
    edit("@bob @carl, corrected")
    edit_comment("@bob @carl @dora, corrected")
    assert told(bob) == told(carl) == []


def test_an_edit_of_what_is_hidden_or_a_draft_tells_nobody(member: Any, write: Any, told: Any, work_as: Any) -> None:
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    draft, hidden = write(anna, "x", draft=True), write(anna, "y")
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, hidden), "no")
    for post, is_draft in ((draft, True), (hidden, False)):
        with work_as(anna) as work:
            stored = posts.find(work, post)
            posts.edit(work, stored, Writing("@bob", draft=is_draft), version=stored.version)
    assert told(bob) == []


@pytest.mark.databases("sqlite")
def test_who_is_called_while_a_text_is_hidden_is_told_when_it_is_shown(
    member: Any, write: Any, comment: Any, told: Any, choose: Any, work_as: Any, mailbox: Mailbox, db: Session
) -> None:
    """Once, by its author and not by the moderator; who was told before it was hidden is not told again."""
    anna, bob, carl, mona = member("anna"), member("bob"), member("carl"), member("mona", role="Moderator")
    choose(carl, "at_once")
    post = write(anna, "@bob")
    said = comment(anna, post, "@bob")

    def decide(module: Any, number: int, reason: str = "") -> None:
        with work_as(mona) as work:
            thing = module.find(work, number, lock=True)
            moderation.hide(work, thing, reason) if reason else moderation.show(work, thing)

    decide(comments, said, "no")
    decide(posts, post, "no")
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, post), Writing("@anna @bob @carl @mona"), version=1)
        comments.edit(work, comments.find(work, said), "@anna @bob @carl", version=1)
    assert told(carl) == []
    decide(comments, said)
    # The comment can be read by nobody yet.
    assert told(carl) == []
    for _again in range(2):
        decide(posts, post)
        decide(posts, post, "no")
    decide(posts, post)
    assert told(carl) == ["mention", "mention"]
    assert told(mona) == ["mention"]
    assert told(bob) == ["mention", "mention"]
    assert "mention" not in told(anna)
    assert set(db.scalars(select(Notice.actor_id).where(Notice.user_id == carl))) == {anna}
    db.rollback()
    assert len(mailbox.to("carl@example.com")) == 2
    assert "anna mentioned you" in text_of(mailbox.to("carl@example.com")[0])


@pytest.mark.databases("sqlite")
def test_who_a_hidden_comment_calls_is_told_when_it_is_shown(
    member: Any, write: Any, comment: Any, told: Any, work_as: Any, db: Session
) -> None:
    anna, bob, carl, mona = member("anna"), member("bob"), member("carl"), member("mona", role="Moderator")
    said = comment(bob, write(anna))
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, said, lock=True), "no")
    with work_as(bob) as work:
        comments.edit(work, comments.find(work, said), "@anna @carl", version=1)
    for _again in range(2):
        with work_as(mona) as work:
            moderation.show(work, comments.find(work, said, lock=True))
    assert told(carl) == ["mention"]
    assert told(anna) == ["comment"]
    # A text from before there were notices, which nobody edited while it was hidden, calls nobody newly.
    db.execute(delete(Notice))
    db.commit()
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, said, lock=True), "no")
    with work_as(mona) as work:
        moderation.show(work, comments.find(work, said, lock=True))
    assert told(carl) == []


@contextmanager
def listening(registry: Any, kind: type) -> Iterator[None]:
    """A plug-in that hears of this asks the database something."""

    def hear(event: Any) -> None:
        event.session.scalar(select(func.count()).select_from(Notice))

    registry.registerHandler(hear, (kind,))
    yield
    registry.unregisterHandler(hear, (kind,))


@pytest.mark.databases("sqlite")  # where each mail is a statement of its own
def test_pages_have_the_statements_for_as_many_mails_at_once_as_they_can_send(
    member: Any, client: Any, choose: Any, db: Session, registry: Any
) -> None:
    """A page that sends more than it says is an error in development and tests; beyond twenty mails, digests do.

    A plug-in that asks the database when it hears of an edit has the mails stored before the page is made.
    """
    names = [f"friend{number}" for number in range(20)]
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    for user_id in [anna, bob, *map(member, names)]:
        choose(user_id, "at_once")
    first, second = (" ".join(f"@{name}" for name in some) for some in (names[:10], names[10:]))

    def mails() -> int:
        number = db.scalar(select(func.count()).select_from(OutgoingMail))
        db.rollback()
        return number or 0

    def send(user_id: int, path: str, do: str | None = None, **values: str) -> int:
        before = mails()
        page = client(user_id).get(path)
        form = next(form for form in page.forms.values() if {"body", "reason", "do"} & set(form.fields))
        for name, value in values.items():
            form[name] = value
        form.submit("do" if do else None, value=do, status=303)
        return mails() - before

    assert send(anna, "/write", body=first, tags="a b c d e") == 10
    assert send(anna, "/post/1/edit", body=second, tags="f g h i j") == 10
    assert send(bob, "/post/1", body=first) == 11
    with listening(registry, CommentEdited):
        assert send(bob, "/comment/1/edit", body=second) == 10
    assert send(mona, "/comment/1/hide", reason="no") == 1
    assert send(mona, "/comment/1/hide", "show") == 1
    send(anna, "/post/1", body=first)
    assert send(mona, "/post/1/hide", reason="no") == 1
    # As if they had never called anybody before.
    db.execute(delete(Notice))
    db.commit()
    send(anna, "/post/1/edit", body=f"{first}!")
    send(bob, "/comment/1/edit", body=f"{second}!")
    send(anna, "/comment/2/edit", body=f"{second}!")
    # The author is told of the decision, and twenty of those who are called.
    assert send(mona, "/post/1/hide", "show") == 21
    later = select(func.count()).select_from(Notice).where(Notice.kind == "mention", Notice.mail_due.is_not(None))
    assert db.scalar(later) == 10


def test_showing_a_post_costs_the_same_statements_however_many_comments_were_edited_meanwhile(
    member: Any, write: Any, comment: Any, client: Any, told: Any, statements: Any, db: Session
) -> None:
    anna, bob, carl, mona = member("anna"), member("bob"), member("carl"), member("mona", role="Moderator")
    calling = write(bob, "@carl @anna")

    def shown(number: int) -> int:
        """The statements of showing a post with so many comments that called Carl while it was hidden."""
        post = write(anna, "a post")
        for _each in range(number):
            comment(bob, post)
        browser = client(mona)
        for do in ("hide", "show"):
            page = browser.get(f"/post/{post}/hide")
            form = next(form for form in page.forms.values() if "do" in form.fields or "reason" in form.fields)
            if do == "hide":
                form["reason"] = "no"
                form.submit(status=303)
                html = select(Post.html).where(Post.id == calling).scalar_subquery()
                db.execute(update(Comment).where(Comment.post_id == post).values(html=html, edited_at=utc_now()))
                db.commit()
            else:
                form.submit("do", value="show", status=303)
        return len(statements())

    assert shown(2) == shown(9)
    assert told(carl) == ["mention"] * 12
    # What calls her below her own posts was told as a comment.
    assert told(anna).count("mention") == 1


@pytest.mark.databases("sqlite")
def test_of_many_texts_that_are_shown_again_as_many_mails_go_at_once_as_of_a_few(
    member: Any, write: Any, work_as: Any, choose: Any, told: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are gone through portion by portion; what is left of the mails at once is handed on."""
    monkeypatch.setattr(notices, "_AT_ONCE", 3)
    monkeypatch.setattr(notices, "_PORTION", 2)
    anna, bob = member("anna"), member("bob")
    friends = [member(f"friend{number}") for number in range(5)]
    for user_id in friends:
        choose(user_id, "at_once")
    calling = [write(bob, f"@friend{number}", draft=True) for number in range(5)]
    post = write(anna, "a post")
    with work_as(bob) as work:
        made = [comments.add(work, posts.find(work, post), f"words {number}").id for number in range(5)]
        for comment_id, source in zip(made, calling, strict=True):
            html = select(Post.html).where(Post.id == source).scalar_subquery()
            work.db.execute(update(Comment).where(Comment.id == comment_id).values(html=html, edited_at=utc_now()))
    with work_as(anna) as work:
        texts = list(work.db.scalars(select(Comment).order_by(Comment.id)))
        notices.tell_called_meanwhile(work, utc_now() - timedelta(hours=1), posts.find(work, post), texts)
    assert [told(user_id) for user_id in friends] == [["mention"]] * 5
    assert db.scalar(select(func.count()).select_from(OutgoingMail)) == 3
    assert db.scalar(select(func.count()).select_from(Notice).where(Notice.mail_due.is_not(None))) == 2


def test_what_comes_while_the_page_is_read_stays_new(member: Any, write: Any, client: Any) -> None:
    anna, bob = member("anna"), member("bob")
    write(bob, "@anna one")
    browser = client(anna)
    page = browser.get("/notices")
    write(bob, "@anna two")
    form = next(form for form in page.forms.values() if "do" in form.fields)
    assert form.submit("do", value="read").follow().text.count("notice-new") == 1
    form["up_to"] = "x"
    form.submit("do", value="read", status=404)


def test_who_chooses_no_mails_gets_no_digest_of_what_waited(
    member: Any, write: Any, choose: Any, registry: Any, mailbox: Mailbox
) -> None:
    anna, bob = member("anna"), member("bob")
    choose(anna, "daily")
    write(bob, "@anna")
    choose(anna, "never")
    assert digests.send_digests(registry, clock=lambda: utc_now() + timedelta(days=2)) == 0
    assert mailbox.messages == []


def test_who_was_shut_out_meanwhile_gets_no_digest(
    member: Any, write: Any, choose: Any, registry: Any, mailbox: Mailbox
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    for user_id in (anna, carl):
        choose(user_id, "daily")
    write(bob, "@anna @carl")
    with open_work(registry) as work:
        work.db.get(User, anna).disabled_at = utc_now()
        work.db.get(User, carl).deletion_due_at = utc_now()
    digests.send_digests(registry, clock=lambda: utc_now() + timedelta(days=2))
    assert mailbox.messages == []


def test_the_link_stops_mails_for_who_presses_the_button_only(
    member: Any, write: Any, choose: Any, client: Any, registry: Any, db: Session, mailbox: Mailbox
) -> None:
    anna, bob = member("anna"), member("bob")
    choose(anna, "at_once")
    path = path_to_stop(registry, anna)
    visitor = client()
    for _again in range(3):
        visitor.get(path)
        visitor.head(path)
    visitor.post(path, status=400)  # without the token of a form
    write(bob, "@anna 1")
    assert len(mailbox.messages) == 1
    assert path in text_of(mailbox.last).replace("\n", "")
    for _again in range(2):
        page = visitor.get(path)
        stop = next(form for form in page.forms.values() if "/language" not in form.action)
        assert "You get no more notices" in stop.submit()
    write(bob, "@anna 2")
    assert len(mailbox.messages) == 1
    assert db.scalar(select(BlogMember.mail).where(BlogMember.user_id == anna)) == "never"


def test_a_changed_or_old_link_has_a_page_of_its_own_and_one_of_who_left_is_no_error(
    member: Any, client: Any, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    path, visitor = path_to_stop(registry, anna), client()
    old = f"/notices/stop/{Signer(registry, 'blog.unsubscribe').sign(str(anna))}"
    for changed in (path[:-1], path + "x", f"/notices/stop/{path[14:][::-1]}", path_to_stop(registry, bob)[:-4], old):
        assert "too old" in visitor.get(changed, status=404)
        visitor.post(changed, ONE_CLICK, status=404)
    page = visitor.get(path)
    with open_work(registry) as work:
        erase(work, work.db.get(User, anna))
    stop = next(form for form in page.forms.values() if "/language" not in form.action)
    assert "You get no more notices" in stop.submit()


def test_a_mail_program_stops_mails_with_one_click_and_nothing_else_does(
    member: Any, write: Any, choose: Any, client: Any, db: Session, mailbox: Mailbox
) -> None:
    """RFC 8058: the headers of the mail itself, and a POST of just what they say, without cookie and token (CSR-01)."""
    anna, bob = member("anna"), member("bob")
    choose(anna, "at_once")
    write(bob, "@anna 1")
    assert mailbox.last["List-Unsubscribe-Post"] == ONE_CLICK
    assert mailbox.last["List-Unsubscribe"][0] == "<", "not folded"
    path = mailbox.last["List-Unsubscribe"].strip("<>").removeprefix("http://localhost")
    assert path.startswith("/notices/stop/")

    def choice() -> str:
        found = db.scalar(select(BlogMember.mail).where(BlogMember.user_id == anna))
        db.rollback()
        return found

    visitor = client()
    for body in ("", "List-Unsubscribe=one-click", f"{ONE_CLICK}&x=1", f"{ONE_CLICK}&{ONE_CLICK}", "x=1"):
        visitor.post(path, body, status=400)
    visitor.post(f"{path}?{ONE_CLICK}", "", status=400)
    visitor.post(path, ONE_CLICK, headers={"Origin": "https://evil.example"}, status=403)
    visitor.get(f"{path}?{ONE_CLICK}")
    assert choice() == "at_once"
    page = visitor.post(path, ONE_CLICK)
    assert "You get no more notices" in page
    assert "Set-Cookie" not in page.headers
    assert choice() == "never"
    choose(anna, "daily")
    visitor.post(path, {"List-Unsubscribe": "One-Click"}, content_type="multipart/form-data")
    assert choice() == "never"


def test_the_link_of_who_left_stops_nobody_who_gets_their_number(
    member: Any, registry: Any, choose: Any, client: Any, db: Session
) -> None:
    """As when an older copy of the database was put back, which gives numbers again."""
    anna = member("anna")
    path = path_to_stop(registry, anna)
    db.execute(update(User).where(User.id == anna).values(created_at=utc_now() + timedelta(seconds=2)))
    db.commit()
    choose(anna, "daily")
    client().post(path, ONE_CLICK)
    assert db.scalar(select(BlogMember.mail).where(BlogMember.user_id == anna)) == "daily"


def test_nobody_in_particular_has_no_notices(registry: Any) -> None:
    with open_work(registry) as work:
        assert notices.listed(work).rows == []
        notices.mark_read(work, 1)
