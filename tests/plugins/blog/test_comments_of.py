"""The comments of a member, which everybody finds, and the newest of all, which moderators look through."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import commented, comments, moderation, posts
from flasky.plugins.blog.errors import NotAllowed
from flasky.plugins.blog.reading import Bounds, Reader


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "mona": member("mona", role="Moderator")}


def said(page: Any) -> list[str]:
    """What the comments of a list begin with, from the top."""
    return re.findall(r"said-\d", page.html.find("main").get_text())


def test_acl_02_the_comments_of_a_member_are_listed_to_each_as_their_posts_show_them(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, registry: Any, statements: Any
) -> None:
    path = f"/people/{people['bob']}/comments"
    shown, gone = write(people["anna"], "x", title="<b>A walk"), write(people["anna"], "y", title="Another")
    made = [comment(people["bob"], post, f"said-{number} **so**") for number, post in enumerate((shown, gone, shown))]
    comment(people["anna"], shown, "said-9")
    for module, number, reason in ((comments, made[2], "<i>rude"), (posts, gone, "off topic")):
        with work_as(people["mona"]) as work:
            moderation.hide(work, module.find(work, number), reason)
    page = client().get("/user/bob").click("Comments").click("Posts").click("Comments")
    assert page.request.path == path
    assert len(statements()) <= 3
    assert said(page) == ["said-0"]
    assert page.html.find("main").find("strong").get_text() == "so"
    assert f'id="comment-{made[0]}"' in page.click("&lt;b&gt;A walk").follow()
    # Whose the post is that is hidden sees it, and what stands below it.
    assert said(client(people["anna"]).get(path)) == ["said-1", "said-0"]
    assert said(client(people["bob"]).get(path)) == ["said-2", "said-0"]
    for who, seen in ((None, 0), ("anna", 0), ("bob", 1), ("mona", 1)):
        assert client(people.get(who)).get(path).text.count("&lt;i&gt;rude") == seen
    mona = client(people["mona"])
    assert said(mona.get(path)) == ["said-2", "said-1", "said-0"]
    with open_work(registry) as work:
        work.db.get(User, people["bob"]).disabled_at = utc_now()
    for who in (None, "anna"):
        client(people.get(who)).get(path, status=404)
    assert "disabled, or about to leave" in mona.get(path)
    assert "Hide all that bob wrote" in mona.get(path).click("Hide all of it")
    client().get("/people/4711/comments", status=404)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("where", ["/people/{bob}/comments", "/moderate?show=newest"])
def test_both_lists_go_on_in_both_directions(
    where: str, people: Any, write: Any, comment: Any, client: Any, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commented.newest, "__defaults__", (Bounds(), 2))
    monkeypatch.setitem(registry.settings, "blog.comments_per_page", 2)
    post = write(people["anna"])
    for number in range(5):
        comment(people["bob"], post, f"said-{number}")
    pages = [client(people["mona"]).get(where.format(**people))]
    for way in ("Older", "Older", "Newer", "Newer"):
        page = pages[-1].click(way)
        pages.append(page.follow() if page.status_int == 303 else page)
    assert [said(page) for page in pages] == [
        [f"said-{number}" for number in numbers] for numbers in ((4, 3), (2, 1), (0,), (2, 1), (4, 3))
    ]


def test_moderators_look_through_the_newest_comments_and_are_led_back_to_them(
    people: Any, member: Any, write: Any, comment: Any, work_as: Any, client: Any, statements: Any
) -> None:
    member("nora", role="Moderator")
    post = write(people["anna"], "x", title="<b>A walk")
    mona = client(people["mona"])
    assert "No comments yet" in mona.get("/moderate").click("Newest comments")
    for number, who in enumerate(("bob", "mona", "anna")):
        comment(people[who], post, f"said-{number}")
    page = mona.get("/moderate", {"show": "newest"})
    # One of them asks who decides about one's own, as one of these is.
    assert len(statements()) <= 3
    assert said(page) == ["said-2", "said-1", "said-0"]
    assert "&lt;b&gt;A walk" in page
    # One's own decides about another.
    assert [bool(row.find("a", string="Decide")) for row in page.html.select("li.post")] == [True, False, True]
    form = next(form for form in page.click("Decide", index=1).forms.values() if "reason" in form.fields)
    form["reason"] = "<i>rude"
    page = form.submit().follow()
    assert page.request.path_qs == "/moderate?show=newest"
    assert "It is hidden already. The reason: <i>rude" in " ".join(page.html.select("li.post")[2].get_text().split())
    with work_as(people["anna"]) as work, pytest.raises(NotAllowed):
        commented.newest(work)


@pytest.mark.databases("sqlite")
def test_they_are_read_from_an_index(people: Any, db: Session) -> None:
    """Of others nothing is looked at, and no more is sorted than the page that was found."""
    connection, asked = db.connection(), []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    assert commented.of_member(connection, 1, Reader(), Bounds(), 20).rows == []
    event.remove(connection, "before_cursor_execute", note)
    ((statement, values),) = asked
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any("INDEX ix_comments_shown_author_id_id (author_id=? AND id<?)" in step for step in plan), plan
    assert [step for step in plan if "B-TREE" in step] == plan[-1:], plan
