"""Mentions: links to the profiles of the members whom a text calls, made when it is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, table, update
from sqlalchemy.orm import Session

from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, posts, rebuilding
from flasky.plugins.blog.models import Comment, Post


@pytest.fixture
def path(db: Session) -> Callable[[int], str]:
    """A function that returns where a mention of a member leads, as it is stored."""

    def made(user_id: int) -> str:
        since = int(db.get_one(User, user_id).created_at.timestamp())
        # On SQLite nobody else writes until this ends.
        db.rollback()
        return f"/member/{user_id}?since={since}"

    return made


@pytest.fixture
def link(path: Any) -> Callable[[int, str], str]:
    """A function that returns the link of a mention by name, as it is stored."""

    def made(user_id: int, name: str) -> str:
        return f'<a class="mention" href="{path(user_id)}" rel="nofollow ugc noopener">@{name}</a>'

    return made


@pytest.fixture
def leave(registry: Any) -> Callable[[int], None]:
    """A function that lets a member leave for good."""

    def erased(user_id: int) -> None:
        with open_work(registry) as work:
            erase(work, work.db.get_one(User, user_id))

    return erased


def test_posts_and_comments_link_whom_they_call(
    client: Any, member: Any, write: Any, comment: Any, link: Any, path: Any
) -> None:
    anna, bob = member(), member("bob")
    post = write(anna, "Ask @BOB or @nobody")
    comment(bob, post, "@anna: here")
    page = client().get(f"/post/{post}").text
    assert f"Ask {link(bob, 'BOB')} or @nobody" in page
    assert f"{link(anna, 'anna')}: here" in page
    assert link(bob, "BOB") in client().get("/")
    for address in (path(bob), f"/member/{bob}"):
        assert client().get(address).location.endswith("/user/bob")
    for other in ("", "x", "1", "９"):
        client().get(f"/member/{bob}", {"since": other}, status=404)


def test_no_page_asks_for_who_is_mentioned(client: Any, member: Any, write: Any, statements: Any) -> None:
    anna = member()
    member("bob")
    for _ in range(5):
        post = write(anna, "Ask @bob, @anna")
    client(anna).get("/")
    assert len(statements()) == 2
    client().get(f"/post/{post}")
    assert len(statements()) == 2


def test_the_preview_and_the_edit_link_too(client: Any, member: Any, write: Any, db: Session, link: Any) -> None:
    anna, bob = member(), member("bob")
    post = write(anna, "Nobody")
    browser = client(anna)
    form = browser.get(f"/post/{post}/edit").forms
    editing = next(item for item in form.values() if "body" in item.fields)
    editing["body"] = "Now @bob"
    assert link(bob, "bob") in editing.submit("do", value="preview")
    editing.submit()
    assert link(bob, "bob") in db.scalar(select(Post.html).where(Post.id == post))


@pytest.mark.parametrize("prefix", ["/site"])
def test_a_site_below_a_path_links_there(client: Any, member: Any, write: Any, path: Any, prefix: str) -> None:
    bob = member("bob")
    write(bob, "I am @bob")
    answer = client().get("/", extra_environ={"SCRIPT_NAME": prefix})
    assert f'href="{prefix}{path(bob)}"' in answer
    assert f"http://localhost{prefix}{path(bob)}" in client().get("/feed", extra_environ={"SCRIPT_NAME": prefix}).text


def test_who_left_is_linked_to_nobody_even_when_their_name_is_taken_again(
    client: Any, member: Any, write: Any, leave: Any, path: Any
) -> None:
    bob = member("bob")
    anna = member()
    post, stored = write(anna, "Ask @bob"), path(bob)
    leave(bob)
    other = member("bob", email="other@example.com")
    assert other != bob
    assert f'href="{stored}"' in client().get(f"/post/{post}")
    assert "has left the site, or has no profile now" in client().get(stored, status=404)


@pytest.mark.databases("sqlite")
def test_who_left_is_linked_to_nobody_even_when_their_number_is_given_again(
    client: Any, member: Any, write: Any, leave: Any, path: Any, registry: Any, db: Session
) -> None:
    """As when an older copy of the database was put back, which gives numbers again."""
    anna, bob = member(), member("bob")
    with open_work(registry) as work:
        work.db.get_one(User, bob).created_at -= timedelta(days=1)
    write(anna, "Ask @bob")
    stored = path(bob)
    leave(bob)
    db.execute(delete(table("sqlite_sequence")))
    db.commit()
    assert member("carl") == bob
    assert "has left the site, or has no profile now" in client().get(stored, status=404)
    assert client().get(f"/member/{bob}").location.endswith("/user/carl")


def forget_links(db: Session) -> None:
    """As if what is stored were from before mentions were links."""
    for model in (Post, Comment):
        db.execute(update(model).values(html="old", pipeline=1))
    db.commit()


def test_rebuilding_links_whom_older_texts_call(
    member: Any, write: Any, comment: Any, registry: Any, db: Session, link: Any
) -> None:
    anna, bob = member(), member("bob")
    comment(anna, write(anna, "@bob is here"), "so is @bob")
    forget_links(db)
    rebuilding.rebuild_all(registry)
    assert link(bob, "bob") in db.scalar(select(Post.summary))
    assert link(bob, "bob") in db.scalar(select(Comment.html))


def test_rebuilding_links_nobody_who_took_a_name_after_the_text(
    member: Any, write: Any, comment: Any, registry: Any, db: Session, leave: Any
) -> None:
    anna, bob = member(), member("bob")
    comment(anna, write(anna, "Ask @bob"), "or @carl, who comes later")
    leave(bob)
    member("bob", email="other@example.com")
    member("carl")
    rebuilding.rebuild_all(registry, everything=True)
    for html in (db.scalar(select(Post.html)), db.scalar(select(Comment.html))):
        assert "@" in html
        assert "<a " not in html


def test_rebuilding_keeps_whom_an_edit_or_a_draft_that_became_a_post_called_later(
    member: Any, write: Any, comment: Any, registry: Any, db: Session, work_as: Any, link: Any
) -> None:
    anna = member()
    post = write(anna, "@carl")
    draft, said = write(anna, "@carl", draft=True), comment(anna, post, "@carl")
    carl = member("carl")
    with work_as(anna) as work:
        # To publish a draft as it is calls too; to save a post as it is would be no edit.
        for made, text in ((post, "Ask @carl"), (draft, "@carl")):
            posts.edit(work, posts.find(work, made), posts.Writing(text), version=1)
        comments.edit(work, comments.find(work, said), "Ask @carl", version=1)
    rebuilding.rebuild_all(registry, everything=True)
    for html in [*db.scalars(select(Post.html)), *db.scalars(select(Comment.html))]:
        assert link(carl, "carl") in html
