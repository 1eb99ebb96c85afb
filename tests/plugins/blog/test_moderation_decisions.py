"""What moderators decided stays to be read: by whom, when and why."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, hiding, members, moderated, moderation, posts
from flasky.plugins.blog.errors import NotAllowed
from flasky.plugins.blog.models import Decision
from flasky.plugins.blog.reading import Bounds


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {
        "anna": member("anna"),
        "bob": member("bob"),
        "mona": member("mona", role="Moderator"),
        "nora": member("nora", role="Moderator"),
    }


def rows_of(page: Any) -> list[str]:
    return [" ".join(row.get_text(" ").split()) for row in page.html.select("li.post")]


def test_each_decision_is_listed_with_who_decided_when_and_why(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, statements: Any
) -> None:
    nora = client(people["nora"])
    assert "Nothing has been decided yet" in nora.get("/moderate").click("Decisions")
    post = write(people["anna"], "x", title="<b>A walk")
    made = comment(people["bob"], post)
    for who in ("bob", "nora"):
        with work_as(people[who]) as work:
            moderation.report(work, posts.find(work, post), "bad")
    for act, module, number, reason in (
        (moderation.resolve, posts, post, []),
        # Nothing is left to be answered.
        (moderation.resolve, posts, post, []),
        (moderation.hide, comments, made, ["<i>rude"]),
        (moderation.hide, comments, made, ["twice is once"]),
        (moderation.show, comments, made, []),
        (moderation.show, comments, made, []),
    ):
        with work_as(people["mona"]) as work:
            act(work, module.find(work, number), *reason)
    with work_as(people["nora"]) as work:
        hiding.hide_all(work, work.db.get(User, people["bob"]), "spam")
    page = nora.get("/moderate", {"show": "decisions"})
    assert len(statements()) <= 3
    everything, shown, hidden, left = rows_of(page)
    assert "All posts and comments were hidden Written by bob spam Decided by nora" in everything
    assert "A comment was shown again <b>A walk Written by bob Decided by mona" in shown
    assert "A comment was hidden <b>A walk Written by bob <i>rude Decided by mona" in hidden
    assert "A post was left as it is <b>A walk Written by anna Decided by mona" in left
    assert "2 reports answered" in left
    assert "answered" not in hidden
    assert len(page.html.select("li.post time")) == 4
    assert f'id="comment-{made}"' in page.click("&lt;b&gt;A walk", index=0).follow()
    client(people["anna"]).get("/moderate", {"show": "decisions"}, status=403)
    with work_as(people["anna"]) as work, pytest.raises(NotAllowed):
        moderated.decisions(work)


def test_a_decision_outlives_what_it_is_about_and_who_took_it(
    people: Any, write: Any, work_as: Any, client: Any, registry: Any
) -> None:
    post = write(people["anna"], "x", title="A walk")
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, post), "off topic")
    with work_as(people["mona"]) as work:
        taken = members.export(work, work.db.get(User, people["mona"]))["decisions"]
    assert [(item["kind"], item["about"], item["post_id"], item["reason"]) for item in taken] == [
        ("hidden", "post", post, "off topic")
    ]
    with work_as(people["anna"]) as work:
        posts.remove(work, posts.find(work, post))
    for name in ("anna", "mona"):
        with open_work(registry) as work:
            erase(work, work.db.get(User, people[name]))
    (row,) = rows_of(client(people["nora"]).get("/moderate", {"show": "decisions"}))
    assert "A post was hidden It was deleted since. Written by a former member off topic Decided by a former" in row


@pytest.mark.databases("sqlite")
def test_acl_02_what_was_decided_about_ones_own_is_for_others_to_read(
    people: Any, write: Any, work_as: Any, client: Any, registry: Any, db: Session
) -> None:
    post = write(people["mona"], "mine")
    with work_as(people["nora"]) as work:
        moderation.hide(work, posts.find(work, post), "not so")
    path = "/moderate?show=decisions"
    assert "not so" not in client(people["mona"]).get(path)
    assert "not so" in client(people["nora"]).get(path)
    with open_work(registry) as work:
        work.db.get(User, people["nora"]).disabled_at = utc_now()
    assert "not so" in client(people["mona"]).get(path)


@pytest.mark.databases("sqlite")
def test_decisions_go_on_in_both_directions(
    people: Any, registry: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderated.decisions, "__defaults__", (Bounds(), 2))
    with open_work(registry) as work:
        work.db.add_all(Decision(kind="hidden", about="all", reason=f"reason {number}.") for number in range(5))
    pages = [client(people["mona"]).get("/moderate", {"show": "decisions"})]
    for way in ("Older", "Older", "Newer"):
        pages.append(pages[-1].click(way))
    found = [re.findall(r"reason (\d)\.", page.text) for page in pages]
    assert found == [["4", "3"], ["2", "1"], ["0"], ["2", "1"]]
