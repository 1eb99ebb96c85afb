"""What stands where on the pages of posts; tests/browser/test_blog.py looks at their colours and sizes."""

from __future__ import annotations

from typing import Any

import pytest

# What templates make of a row is the same on both databases.
pytestmark = pytest.mark.databases("sqlite")


def preview_of(browser: Any, **typed: str) -> Any:
    """The page that shows what was typed as it will look."""
    form = browser.get("/write").forms["text"]
    for name, value in typed.items():
        form[name] = value
    return form.submit("do", value="preview", status=200).html


def test_a_preview_shows_title_and_tags_as_they_will_be(client: Any, member: Any) -> None:
    shown = preview_of(client(member()), title=" My\u202e  <walk> ", body="# Hello", tags="Walk, #胡同").select_one(
        ".preview"
    )
    assert shown.h1.get_text() == "My <walk>"
    assert shown.h1["dir"] == "auto"
    assert [tag.get_text() for tag in shown.select(".post-tag")] == ["#walk", "#胡同"]
    # There may be no page of the tag yet, and what was typed is stored nowhere.
    assert shown.select("a") == []


@pytest.mark.parametrize("title", ["", "\u3164"])
def test_a_preview_has_no_title_where_the_post_has_none(title: str, client: Any, member: Any) -> None:
    shown = preview_of(client(member()), title=title, body="Hello").select_one(".preview")
    assert (shown.h1, shown.select(".post-foot")) == (None, [])


def test_a_preview_says_which_tag_cannot_be_one(client: Any, member: Any) -> None:
    page = preview_of(client(member()), title="My walk", body="**bold**", tags="walk !")
    assert page.select_one(".preview strong").get_text() == "bold"
    assert page.select(".preview .post-tag") == []
    [fault] = page.select(".form-fault")
    assert "“!”" in fault.get_text()


def test_what_can_be_done_with_a_post_does_not_stand_among_its_tags(client: Any, member: Any, write: Any) -> None:
    anna = member()
    post = write(anna, tags="walk")
    for who, what in ((anna, {"Edit", "Delete"}), (member("bob"), {"Report"}), (None, set())):
        groups = client(who).get(f"/post/{post}").html.select(".post-whole .post-foot")
        assert [{link.get_text() for link in group.select("a")} for group in groups] == [
            {"#walk"},
            *([what] if what else []),
        ]
