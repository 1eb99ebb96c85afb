"""What stands where on the pages of posts; tests/browser/test_blog.py looks at their colours and sizes."""

from __future__ import annotations

from typing import Any

import pytest

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import open_work
from flasky.plugins.blog import comments, moderation, posts

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


def test_what_is_cut_among_drafts_says_so_and_a_reason_turns_nothing(
    client: Any, member: Any, write: Any, comment: Any, work_as: Any
) -> None:
    anna, mona = member(), member("mona", role="Moderator")
    long, short, seen = write(anna, "word\n\n" * 50, draft=True), write(anna, "Hello"), write(anna, "Seen")
    said = comment(anna, seen)
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, short), "שלום")
        moderation.hide(work, comments.find(work, said), "شتم")
    page = client(anna).get("/drafts").html
    [read_on] = page.find_all("a", string="Read on")
    assert read_on["href"] == f"/post/{long}"
    assert [reason.get_text() for reason in page.select(".alert bdi")] == ["שלום", "شتم"]
    for post, reason in ((short, "שלום"), (seen, "شتم")):
        page = client(anna).get(f"/post/{post}").html
        assert [hidden.get_text() for hidden in page.select(".alert bdi")] == [reason]


def test_a_profile_says_who_follows_before_the_posts_and_offers_both_lists(
    client: Any, member: Any, write: Any
) -> None:
    anna = member()
    write(anna)
    page = client(member("bob")).get("/user/anna").html
    heading = page.find("h2", string="Posts")
    assert heading.find_previous(class_="standing").button.get_text() == "Follow"
    assert heading.find_next(class_="standing") is None
    lists = heading.find_next("nav", class_="list-choice")
    assert [(link.get_text(), link["href"]) for link in lists.select("a")] == [
        ("Posts", f"/people/{anna}/posts"), ("Comments", f"/people/{anna}/comments"),
    ]  # fmt: skip
    assert len(page.find_all("a", string="Comments")) == 1


@pytest.mark.parametrize(("name", "second"), [("", []), ("anna", []), ("Anna Bell", ["anna"])])
def test_a_profile_says_a_name_twice_where_there_are_two(
    name: str, second: list[str], client: Any, member: Any, registry: Any
) -> None:
    anna = member()
    with open_work(registry) as work:
        work.db.get_one(User, anna).name = name
    page = client().get("/user/anna").html
    assert page.h1.get_text() == (name or "anna")
    assert [line.get_text() for line in page.select(".profile p") if "anna" in line.get_text()] == second


def test_visitors_are_led_to_follow_by_way_of_signing_in(client: Any, member: Any, write: Any) -> None:
    anna = member()
    write(anna)
    for path in ("/user/anna", f"/people/{anna}/posts"):
        there = client().get(path).click("Sign in to follow").request
        assert (there.path, there.params["next"]) == ("/auth/login", path)
        assert "Sign in to follow" not in client(anna).get(path)


def test_more_of_ones_own_is_called_so(client: Any, member: Any, write: Any) -> None:
    anna = member()
    post = write(anna)
    words = {"More of mine", "More of theirs"}
    for who, said in ((anna, "More of mine"), (member("bob"), "More of theirs"), (None, "More of theirs")):
        page = client(who).get(f"/post/{post}").html
        assert words & {link.get_text() for link in page.select("a")} == {said}


@pytest.mark.parametrize("path", ["/user/anna", "/auth", "/auth/login", "/no-such-page", "/search"])
def test_every_title_ends_alike(path: str, client: Any, member: Any) -> None:
    title = client(member() if path != "/auth/login" else None).get(path, status="*").html.title.get_text()
    assert title.endswith(" – Flasky")


def test_ones_account_leads_to_the_choice_of_mails(client: Any, member: Any) -> None:
    browser = client(member())
    assert browser.get("/auth").click("Notices by mail").html.find(id="mails")
