"""Comments: write, preview, edit and delete one's own, page by page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, inspect, select, update
from sqlalchemy.orm import Session

from flasky.plugins.accounts.errors import Fault
from flasky.plugins.accounts.models import RolePermission, User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, limits, moderation, posts
from flasky.plugins.blog.errors import NotAllowed, NotThere, Stale
from flasky.plugins.blog.models import Comment, Post


def form_of(page: Any) -> Any:
    return next(form for form in page.forms.values() if "body" in form.fields)


def send(page: Any, do: str | None = None, *, status: int | None = None, **values: Any) -> Any:
    form = form_of(page)
    for name, value in values.items():
        form[name] = value
    return form.submit("do" if do else None, value=do, status=status)


def test_a_preview_stores_nothing_and_keeps_what_was_typed(member: Any, write: Any, client: Any, db: Session) -> None:
    post, browser = write(member("anna")), client(member("bob"))
    page = send(browser.get(f"/post/{post}"), "preview", body="**bold** <script>")
    assert "<strong>bold</strong> &lt;script&gt;" in page
    assert form_of(page)["body"].value == "**bold** <script>"
    assert db.scalar(select(func.count()).select_from(Comment)) == 0
    db.rollback()
    assert "<strong>bold</strong>" in send(page).follow()


def test_a_preview_of_an_edit_stores_nothing_either(member: Any, write: Any, comment: Any, client: Any) -> None:
    bob = member("bob")
    made = comment(bob, write(member("anna")), "as it was")
    browser = client(bob)
    page = send(browser.get(f"/comment/{made}/edit"), "preview", body="*new*")
    assert "<em>new</em>" in page
    assert form_of(browser.get(f"/comment/{made}/edit"))["body"].value == "as it was"
    assert "<em>new</em>" in send(page).follow()


@pytest.mark.parametrize("body", ["", " \n\t", "\u200b\n\u3164", "&#8203;", "x" * (limits.LONGEST_COMMENT + 1)])
def test_what_cannot_be_a_comment_comes_back(
    body: str, member: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    bob = member("bob")
    post = write(member("anna"))
    made, browser = comment(bob, post, "good"), client(bob)
    for page in (browser.get(f"/post/{post}"), browser.get(f"/comment/{made}/edit")):
        assert send(page, body=body).status_int == 200
    assert db.scalars(select(Comment.body)).all() == ["good"]


def test_the_service_refuses_what_the_form_refuses(member: Any, write: Any, comment: Any, work_as: Any) -> None:
    bob = member("bob")
    post = write(bob)
    made = comment(bob, post)
    for body in (" ", "x" * (limits.LONGEST_COMMENT + 1)):
        with work_as(bob) as work, pytest.raises(Fault):
            comments.add(work, posts.find(work, post), body)
        with work_as(bob) as work, pytest.raises(Fault):
            comments.edit(work, comments.find(work, made), body, version=1)


def test_comments_of_others_are_not_ones_own(
    member: Any, write: Any, comment: Any, work_as: Any, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna)
    made = comment(bob, post)
    with work_as(anna) as work, pytest.raises(NotAllowed):
        comments.edit(work, comments.find(work, made), "hers", version=1)
    with work_as(anna) as work, pytest.raises(NotAllowed):
        comments.remove(work, comments.find(work, made))
    with open_work(registry) as work, pytest.raises(NotAllowed):
        comments.add(work, posts.find(work, post), "nobody's")
    with work_as(anna) as work, pytest.raises(NotThere):
        comments.find(work, made + 1)


def test_nobody_comments_on_a_draft(member: Any, write: Any, work_as: Any, client: Any) -> None:
    anna = member()
    draft = write(anna, draft=True)
    with work_as(anna) as work, pytest.raises(NotThere):
        comments.add(work, posts.find(work, draft), "to myself")
    assert "comment-form" not in client(anna).get(f"/post/{draft}")


def test_a_post_that_was_hidden_or_replaced_since_it_was_read_gets_no_comment(
    member: Any, write: Any, work_as: Any, db: Session
) -> None:
    anna = member()
    post = write(anna)
    with work_as(anna) as work:
        read = posts.outline(work, post)
    stored = select(Post.comment_count, select(func.count()).select_from(Comment).scalar_subquery())
    # As after SQLite has given the number of a deleted post to another.
    for now in ({"created_at": read.created_at + timedelta(seconds=1)}, {"listed_at": None}):
        db.execute(update(Post).values(**now))
        db.commit()
        with work_as(anna) as work, pytest.raises(NotThere):
            comments.add(work, read, "too late")
        assert db.execute(stored).one() == (0, 0)
        db.execute(update(Post).values(created_at=read.created_at))
        db.commit()
    with work_as(member("bob")) as work, pytest.raises(NotThere):
        posts.outline(work, post)


def test_a_new_comment_is_an_object_as_any_other(member: Any, write: Any, work_as: Any, db: Session) -> None:
    anna = member()
    post = write(anna)
    with work_as(anna) as work:
        made = comments.add(work, posts.find(work, post), "first")
        assert not inspect(made).unloaded - {"author", "post"}
        assert (made.post.id, made.author.id, work.db.get(Comment, made.id)) == (post, anna, made)
        # What a subscriber changes is stored with it.
        made.body = "second"
    stored = db.scalars(select(Comment)).one()
    assert (stored.body, stored.version, stored.hidden_reason, stored.edited_at) == ("second", 2, "", None)


def test_who_is_not_signed_in_is_asked_to_and_comes_back(member: Any, write: Any, client: Any) -> None:
    post = write(member())
    page = client().get(f"/post/{post}")
    assert "comment-form" not in page
    assert f"next=%2Fpost%2F{post}" in page.click("Sign in to comment").request.url


@pytest.mark.databases("sqlite")
def test_who_may_not_comment_reads_why(member: Any, write: Any, client: Any, registry: Any) -> None:
    """ACL-06: and who can change that finds a link to where, on the home page too."""
    post, ways = write(member("anna")), {"/auth/unconfirmed", "/auth/delete"}
    new, leaving, bob = member("new", confirmed=False), member("leaving"), member("bob")
    with open_work(registry) as work:
        work.db.get_one(User, leaving).deletion_due_at = work.now() + timedelta(days=14)

    def links(user_id: int | None, path: str) -> set[str]:
        main = client(user_id).get(path).html.find("main")
        return {link["href"] for link in main.find_all("a")} & ways

    for path in ("/", f"/post/{post}"):
        assert links(new, path) == {"/auth/unconfirmed"}, path
        assert links(leaving, path) == {"/auth/delete"}, path
        assert links(bob, path) == links(None, path) == set(), path
    said = "Your role does not allow you to comment"
    assert said not in client(bob).get(f"/post/{post}")
    with open_work(registry) as work:
        role = work.db.get_one(User, bob).role_id
        work.db.add(RolePermission(role_id=role, permission="blog.comment", granted=False))
    assert said in client(bob).get(f"/post/{post}")
    assert said not in client(new).get(f"/post/{post}")


def test_con_02_a_stale_comment_is_shown_with_both_texts(
    member: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    bob = member("bob")
    made = comment(bob, write(member("anna")), "original")
    one, two = client(bob), client(bob)
    first, second = one.get(f"/comment/{made}/edit"), two.get(f"/comment/{made}/edit")
    send(first, body="the first & edit")
    page = send(second, body="the second edit", status=409)
    assert "the first &amp; edit" in page
    assert form_of(page)["body"].value == "the second edit"
    assert db.get(Comment, made).body == "the first & edit"
    db.rollback()
    # Having seen both, the author decides.
    send(page, status=303)
    db.expire_all()
    assert db.get(Comment, made).body == "the second edit"


def test_con_02_a_form_without_its_version_overwrites_nothing(
    member: Any, write: Any, comment: Any, work_as: Any
) -> None:
    bob = member("bob")
    made = comment(bob, write(bob), "original")
    with work_as(bob) as work, pytest.raises(Stale) as raised:
        comments.edit(work, comments.find(work, made), "other", version=0)
    assert "version 1" in str(raised.value)


def test_con_03_a_comment_that_is_sent_twice_is_one(member: Any, write: Any, client: Any, db: Session) -> None:
    post, browser = write(member("anna")), client(member("bob"))
    page = browser.get(f"/post/{post}")
    first, second = send(page, body="once"), send(page, body="once")
    assert first.location == second.location
    assert db.scalar(select(Post.comment_count)) == db.scalar(select(func.count()).select_from(Comment)) == 1


def test_many_comments_go_on_and_a_link_leads_to_its_comment(
    member: Any, write: Any, comment: Any, client: Any, registry: Any, statements: Any
) -> None:
    anna = member()
    post = write(anna, "x")
    made = [comment(anna, post, f"word{number}.") for number in range(5)]
    registry.settings["blog.comments_per_page"] = 2
    try:
        visitor = client()
        page = visitor.get(f"/post/{post}")
        assert len(statements()) == 2
        assert "word1." in page
        assert "word2." not in page
        page = page.click("Later comments")
        assert "word2." in page
        assert "word1." not in page
        page = page.click("Later comments")
        assert "word4." in page
        assert "Later comments" not in page
        saved = send(client(anna).get(f"/comment/{made[3]}/edit"), body="changed")
        assert "changed" in saved.follow()
    finally:
        registry.settings["blog.comments_per_page"] = 50


def test_the_headings_of_a_comment_stand_below_the_page_s_own(
    member: Any, write: Any, comment: Any, client: Any
) -> None:
    anna = member()
    post = write(anna, "# Mine")
    comment(anna, post, "# Also")
    page = client().get(f"/post/{post}")
    assert "<h2>Mine</h2>" in page
    assert "<h3>Also</h3>" in page


def test_deleting_asks_with_the_comment_and_a_vanished_one_is_not_there(
    member: Any, write: Any, comment: Any, client: Any
) -> None:
    anna = member()
    post = write(anna)
    made, browser = comment(anna, post, "to be deleted"), client(anna)
    page = browser.get(f"/comment/{made}/delete")
    assert "to be deleted" in page
    form = next(form for form in page.forms.values() if "/language" not in form.action)
    assert form.submit().location.endswith(f"/post/{post}#comments")
    form.submit(status=404)
    browser.get(f"/comment/{made}/edit", status=404)


@pytest.mark.databases("sqlite")
def test_what_a_moderator_hid_of_ones_comments_stands_among_ones_drafts(
    member: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    post = write(anna, title="A walk")
    made = [comment(bob, post, f"words {number}") for number in range(2)]
    browser, nothing = client(bob), "nothing of yours is hidden"
    assert nothing in browser.get("/drafts")
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, made[1]), "Too rude")
    page = browser.get("/drafts")
    assert ("words 0" in page, "words 1" in page, "Too rude" in page, nothing in page) == (False, True, True, False)
    assert f"/comment/{made[1]}/edit" in page
    there = page.click("A walk").follow()
    assert there.html.find(id=f"comment-{made[1]}")
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, post), "Off topic")
    page = browser.get("/drafts")
    # ACL-02: nothing of the post of somebody else.
    assert ("words 0" in page, "words 1" in page, "Too rude" in page, "A walk" in page) == (True, True, True, False)
    assert page.text.count("The post below which you wrote this") == 2
