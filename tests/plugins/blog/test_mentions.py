"""Mentions: links to the profiles of the members whom a text calls, made when it is stored."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import rebuilding
from flasky.plugins.blog.models import Comment, Post


def link(user_id: int, name: str) -> str:
    return f'<a class="mention" href="/member/{user_id}" rel="nofollow ugc noopener">@{name}</a>'


def test_posts_and_comments_link_whom_they_call(client: Any, member: Any, write: Any, comment: Any) -> None:
    anna, bob = member(), member("bob")
    post = write(anna, "Ask @BOB or @nobody")
    comment(bob, post, "@anna: here")
    page = client().get(f"/post/{post}").text
    assert f"Ask {link(bob, 'BOB')} or @nobody" in page
    assert f"{link(anna, 'anna')}: here" in page
    assert link(bob, "BOB") in client().get("/")
    assert client().get(f"/member/{bob}").location.endswith("/user/bob")


def test_no_page_asks_for_who_is_mentioned(client: Any, member: Any, write: Any, statements: Any) -> None:
    anna = member()
    member("bob")
    for _ in range(5):
        post = write(anna, "Ask @bob, @anna")
    client(anna).get("/")
    assert len(statements()) == 2
    client().get(f"/post/{post}")
    assert len(statements()) == 2


def test_the_preview_and_the_edit_link_too(client: Any, member: Any, write: Any, db: Session) -> None:
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
def test_a_site_below_a_path_links_there(client: Any, member: Any, write: Any, prefix: str) -> None:
    bob = member("bob")
    write(bob, "I am @bob")
    answer = client().get("/", extra_environ={"SCRIPT_NAME": prefix})
    assert f'href="{prefix}/member/{bob}"' in answer
    assert f"http://localhost{prefix}/member/{bob}" in client().get("/feed", extra_environ={"SCRIPT_NAME": prefix}).text


def test_who_left_is_linked_to_nobody_even_when_their_name_is_taken_again(
    client: Any, member: Any, write: Any, registry: Any
) -> None:
    bob = member("bob")
    anna = member()
    post = write(anna, "Ask @bob")
    with open_work(registry) as work:
        erase(work, work.db.get(User, bob))
    other = member("bob", email="other@example.com")
    assert other != bob
    assert f'href="/member/{bob}"' in client().get(f"/post/{post}")
    assert client().get(f"/member/{bob}", status=404)


def test_rebuilding_links_whom_older_texts_call(
    member: Any, write: Any, comment: Any, registry: Any, db: Session
) -> None:
    anna = member()
    post = write(anna, "@bob comes later")
    comment(anna, post, "so does @bob")
    bob = member("bob")
    rebuilding.rebuild_all(registry)
    assert link(bob, "bob") in db.scalar(select(Post.summary))
    assert link(bob, "bob") in db.scalar(select(Comment.html))
