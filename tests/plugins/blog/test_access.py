"""ACL-02, ACL-04 and the keyset: what one reads and writes by address, query and form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flasky.plugins.accounts.errors import Fault
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import limits, parse_page_size, posts, reading, tags
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.posts import Writing


def form_of(page: Any) -> Any:
    return next(form for form in page.forms.values() if "body" in form.fields)


def test_acl_02_the_services_ask_who_it_is(member: Any, write: Any, work_as: Any, registry: Any) -> None:
    anna, bob = member("anna"), member("bob")
    post, draft = write(anna), write(anna, draft=True)
    with work_as(bob) as work:
        with pytest.raises(NotAllowed):
            posts.edit(work, posts.find(work, post), Writing("his"), version=1)
        with pytest.raises(NotAllowed):
            posts.remove(work, posts.find(work, post))
        with pytest.raises(NotThere):
            posts.find(work, draft)
    with open_work(registry) as work:
        with pytest.raises(NotAllowed):
            posts.create(work, Writing("nobody's"))
        with pytest.raises(NotThere):
            posts.find(work, draft)


def test_acl_02_drafts_of_others_are_in_no_list(member: Any, write: Any, client: Any) -> None:
    anna, bob = member("anna"), member("bob")
    write(anna, "secret words", tags="walk", draft=True)
    for browser in (client(bob), client()):
        for path in ("/", "/tag/walk", f"/people/{anna}/posts", "/user/anna", "/search?q=secret", "/drafts"):
            assert "secret words" not in browser.get(path, expect_errors=True), path


def test_acl_04_protected_fields_of_an_edit_and_a_comment_are_ignored(
    member: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna, "old")
    made, browser = comment(anna, post), client(anna)
    before = db.get(Post, post).published_at
    db.rollback()
    protected = {"id": "99", "author_id": str(bob), "published_at": "", "listed_at": "", "hidden_at": "x",
                 "hidden_reason": "x", "comment_count": "9", "html": "<b>", "post_id": "99"}  # fmt: skip
    for path in (f"/post/{post}/edit", f"/comment/{made}/edit"):
        form = form_of(browser.get(path))
        browser.post(path, {**dict(form.submit_fields()), "body": "new", **protected}, status=303)
    stored, changed = db.get(Post, post), db.get(Comment, made)
    assert (stored.author_id, stored.published_at, stored.hidden_at, stored.comment_count) == (anna, before, None, 1)
    assert (changed.author_id, changed.post_id, changed.hidden_at) == (anna, post, None)
    assert stored.html == changed.html == "<p>new</p>\n"


@pytest.mark.parametrize(
    "place", ["", "-", "1", "1-", "-1", "1-1-1", "１-1", "9" * 17 + "-1", "1-" + "9" * 10, "a-b", "1 -1"]
)
def test_inj_01_a_place_that_no_link_names_is_refused(place: str, client: Any) -> None:
    client().get("/", {"older": place}, status=400)
    client().get("/", {"newer": place}, status=400)


def test_a_place_reads_what_it_wrote() -> None:
    place = reading.Cursor(datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), 7)
    assert reading.parse_cursor(str(place)) == place


def test_a_place_stays_right_when_its_post_is_gone(
    member: Any, write: Any, client: Any, work_as: Any, registry: Any
) -> None:
    anna = member()
    made = [write(anna, f"post-{number}.", title="A walk", tags="walk") for number in range(6)]
    registry.settings["blog.posts_per_page"] = 2
    try:
        for path in ("/", "/tag/walk", f"/people/{anna}/posts"):
            assert re.findall(r"post-(\d)\.", client().get(path).click("Older", index=0).text) == ["3", "2"], path
        page = client().get("/")
        with work_as(anna) as work:
            posts.remove(work, posts.find(work, made[4]))
        assert re.findall(r"post-(\d)\.", page.click("Older", index=0).text) == ["3", "2"]
    finally:
        registry.settings["blog.posts_per_page"] = 20


@pytest.mark.parametrize(
    "text",
    [
        "a b c d e f", "x" * 31, "a/b", "<b>", "..", "-a", "\u0301a", "-\u0301a",
        # Nobody would see them.
        "\u3164", "\u1160\uffa0", "-\ufe0f",
    ],
)  # fmt: skip
def test_what_cannot_be_tags_comes_back_beside_its_field(text: str, member: Any, client: Any) -> None:
    with pytest.raises(Fault) as raised:
        tags.parse_tags(text)
    assert raised.value.field == "tags"
    form = form_of(client(member()).get("/write"))
    form["body"], form["tags"] = "kept text", text
    page = form.submit(status=200)
    assert form_of(page)["body"].value == "kept text"
    assert "invalid-feedback" in page or "is-invalid" in page


def test_tags_have_one_form() -> None:
    assert tags.parse_tags("#Python, ＰＹＴＨＯＮ；胡同、c++ Straße") == ["c++", "python", "strasse", "胡同"]
    assert tags.parse_tags(" , ") == []
    # A # is part of a tag behind a single letter only, which no # begins.
    assert tags.parse_tags("C# #F# ＃胡同＃ ##a F#") == ["a", "c#", "f", "f#", "胡同"]
    assert tags.parse_tags("#walks#garden#, ＃清晨＃胡同；") == ["garden", "walks", "清晨", "胡同"]
    # What begins with a # ends with one, also behind a single letter.
    assert tags.parse_tags("#a#b#") == tags.parse_tags("#a#，#b#") == ["a", "b"]
    assert tags.parse_tags("a#，b#") == ["a#", "b#"]
    # Letters and marks that nobody sees are left out.
    assert tags.parse_tags("a\u115f a\ufe0f a\u034f\u0301 \u3164b") == ["a", "b", "á"]
    # Vowels and accents that are characters of their own; what looks the same is the same.
    assert tags.parse_tags("हिन्दी İstanbul istanbul cafe\u0301 café") == ["café", "istanbul", "हिन्दी"]


def test_an_edit_takes_tags_away(member: Any, write: Any, work_as: Any, client: Any) -> None:
    anna = member()
    post = write(anna, "a text", tags="one two")
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, post), Writing("a text", tags="two three"), version=1)
    visitor = client()
    visitor.get("/tag/one", status=404)
    for name in ("two", "three"):
        assert "a text" in visitor.get(f"/tag/{name}")


def test_the_service_refuses_a_title_that_is_too_long(member: Any, work_as: Any) -> None:
    with work_as(member()) as work, pytest.raises(Fault) as raised:
        posts.create(work, Writing("x", title="t" * (limits.LONGEST_TITLE + 1)))
    assert raised.value.field == "title"


@pytest.mark.parametrize(("value", "good"), [("1", True), ("100", True), ("0", False), ("101", False), ("x", False)])
def test_a_page_holds_one_to_a_hundred_posts(value: str, good: bool) -> None:
    if good:
        assert parse_page_size(value) == int(value)
    else:
        with pytest.raises(ValueError, match="expected"):
            parse_page_size(value)
