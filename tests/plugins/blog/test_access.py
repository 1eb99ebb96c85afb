"""ACL-02, ACL-04 and the keyset: what one reads and writes by address, query and form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.plugins.accounts.errors import Fault
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, limits, moderation, parse_page_size, posts, reading, sitemaps, tags
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.models import Comment, Notice, Post
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


def test_acl_02_drafts_and_hidden_posts_of_others_are_in_no_list_until_they_are_shown(
    member: Any, write: Any, work_as: Any, client: Any
) -> None:
    """What is looked for is not what was asked for: a page says that anyway, and marks what it found."""
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    draft, hidden = (write(anna, f"secret words-{name}", tags="walk", draft=name == "one") for name in ("one", "two"))
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, hidden), "no")
    lists = ("/", "/tag/walk", f"/people/{anna}/posts", "/user/anna", "/search?q=secret", "/feed",
             "/api/posts", "/api/tags/walk/posts", f"/api/members/{anna}/posts", "/api/search?q=secret")  # fmt: skip

    def found(browser: Any, path: str) -> set[str]:
        page = browser.get(path, expect_errors=True)
        # A page that broke holds nothing either.
        assert page.status_int in {200, 302, 303, 401, 403, 404}, path
        return {sign for sign in ("words-one", "words-two", f"/post/{draft}", f"/post/{hidden}") if sign in page}

    for browser in (client(bob), client()):
        for path in (*lists, "/drafts", "/api/drafts", "/api/timeline"):
            assert found(browser, path) == set(), path
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, draft), Writing("secret words-one", tags="walk"), version=1)
    with work_as(mona) as work:
        moderation.show(work, posts.find(work, hidden))
    for path in lists:
        assert len(found(client(bob), path)) == 4, path


def test_acl_02_the_sitemap_has_each_post_that_everybody_sees_and_no_other(
    member: Any, write: Any, work_as: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In parts of two numbers: each post is in the part of its number, the first and the last of one, too."""
    monkeypatch.setattr(sitemaps, "_PART", 2)
    anna, mona = member("anna"), member("mona", role="Moderator")
    made = [write(anna, draft=number == 3) for number in range(6)]
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, made[1]), "no")
    shown = [number for number in made if number not in (made[1], made[3])]
    assert len(re.findall("/sitemap-[0-9]+[.]xml", client().get("/sitemap.xml").text)) == made[-1] // 2 + 1
    for part in range(made[-1] // 2 + 1):
        listed = [int(number) for number in re.findall("/post/([0-9]+)<", client().get(f"/sitemap-{part}.xml").text)]
        assert listed == [number for number in shown if number // 2 == part], part


def test_acl_02_a_comment_below_a_hidden_post_is_there_for_who_sees_the_post_and_for_its_author(
    member: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    """By its own address, where nothing but its number is asked for; its author reads no part of the post."""
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    mona = member("mona", role="Moderator")
    made = comment(bob, post := write(anna, title="A secret"), "below it")
    for is_hidden in (False, True):
        if is_hidden:
            with work_as(mona) as work:
                moderation.hide(work, posts.find(work, post), "no")
        for who in (None, carl, bob, anna, mona):
            sees = not is_hidden or who in (anna, bob, mona)
            client(who).get(f"/comment/{made}", status=303 if sees else 404)
            answer = client(who).get(f"/api/comments/{made}", status=200 if sees else 404)
            assert ("below it" in answer, "A secret" in answer) == (sees, False), (who, is_hidden)


def test_acl_02_of_reports_each_member_sees_their_own(
    member: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    anna, bob, carl, dora = (member(name) for name in ("anna", "bob", "carl", "dora"))
    post = write(anna)
    for path, module, number in (("post", posts, post), ("comment", comments, comment(anna, post))):
        for who, reason in ((bob, "reason of bob"), (carl, "reason of carl")):
            with work_as(who) as work:
                moderation.report(work, module.find(work, number), reason)
        for who, told in ((bob, "reason of bob"), (carl, "reason of carl"), (dora, "")):
            page = client(who).get(f"/{path}/{number}/report")
            assert [of for of in ("reason of bob", "reason of carl") if of in page] == [told] * bool(told), path


def test_acl_02_who_reads_all_their_notices_or_answers_leaves_those_of_others_unread(
    member: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    # Bob's have smaller numbers than the newest of Anna's.
    write(carl, "@bob")
    post = write(carl, "@anna, @bob")
    theirs = select(Notice.user_id).where(Notice.read_at.is_(None), Notice.user_id.in_([anna, bob]))
    assert sorted(db.scalars(theirs)) == [anna, bob, bob]
    db.rollback()
    form = next(form for form in client(anna).get("/notices").forms.values() if "do" in form.fields)
    form.submit("do", value="read", status=303)
    assert db.scalars(theirs).all() == [bob, bob]
    db.rollback()
    comment(anna, post, "I come")
    assert db.scalars(theirs).all() == [bob, bob]


@pytest.mark.parametrize("name", ["post", "comment"])
def test_acl_02_what_is_deleted_hidden_or_was_never_there_is_not_here_and_there_is_a_way_on(
    name: str, member: Any, write: Any, comment: Any, work_as: Any, client: Any, statements: Any
) -> None:
    """One page for all of these, with no statement more than it takes to find that out."""
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    module: Any = posts if name == "post" else comments
    post = write(anna)
    deleted, hidden = (write(anna), write(anna)) if name == "post" else (comment(anna, post), comment(anna, post))
    with work_as(anna) as work:
        module.remove(work, module.find(work, deleted))
    with work_as(mona) as work:
        moderation.hide(work, module.find(work, hidden), "spam")
    for browser, others, number in ((client(), [""], 1), (client(bob), ["", "/edit", "/delete", "/report"], 2)):
        paths = [f"/{name}/{made}{other}" for other in others for made in (deleted, hidden, 99)]
        pages = [browser.get(path, status=404) for path in paths]
        assert len(statements()) == number
        assert "This post or comment is not here, or not any more." in pages[0]
        assert {page.text for page in pages} == {pages[0].text}, paths
        assert "typing error" not in pages[0]
        assert [link["href"] for link in pages[0].html.select("main a")] == ["/", "/search"]
        assert pages[0].headers["Cache-Control"] == "no-store"
        told = browser.get(paths[0], headers={"Accept": "application/json"}, status=404)
        assert told.content_type == "application/problem+json"
        assert told.json["detail"] == "This post or comment is not here, or not any more."
    assert "typing error" in client().get("/tag/nothing", status=404)


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
