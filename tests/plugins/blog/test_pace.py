"""How often one may post, comment, follow, report, preview and search (RTE-02)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flasky.plugins.accounts.limits import get_limiter
from flasky.plugins.accounts.models import SecurityEvent, User
from flasky.plugins.accounts.services import Limit, TooManyTries
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, following, moderation, pace, parse_rate, posts
from flasky.plugins.blog.errors import Stale
from flasky.plugins.blog.models import Post
from flasky.plugins.blog.posts import Writing

pytestmark = pytest.mark.databases("sqlite")  # nothing of it is counted in the database


_NAMES = ("POSTS", "COMMENTS", "EDITS", "FOLLOWS", "REPORTS", "PREVIEWS", "SEARCHES")
_AS_THEY_ARE = {name: getattr(pace, name) for name in _NAMES}


@pytest.fixture(autouse=True)
def _twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything may be done twice an hour: a slow machine takes longer than a second for six searches."""
    for name in _NAMES:
        monkeypatch.setattr(pace, name, (Limit(f"blog.{name}", 2, 3600),))


def test_rte_02_a_site_sets_how_often(
    member: Any, work_as: Any, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RTE-02: each limit is a setting, which holds from the next request on; the shortest counts."""
    named = {limit.name: limit for limits in _AS_THEY_ARE.values() for limit in limits}
    assert {name: registry.settings[name] for name in named} == {name: limit.amount for name, limit in named.items()}
    assert {limit.seconds for limit in named.values()} == {1, 60, 3600, 86400}
    monkeypatch.setattr(pace, "POSTS", _AS_THEY_ARE["POSTS"])
    anna = member("anna")
    for setting, most in (("blog.posts_per_hour", 1), ("blog.posts_per_day", 3)):
        monkeypatch.setitem(registry.settings, "blog.posts_per_hour", 50)
        monkeypatch.setitem(registry.settings, setting, most)
        get_limiter(registry).clear()
        for _again in range(most):
            with work_as(anna) as work:
                posts.create(work, Writing("x"))
        with work_as(anna) as work, pytest.raises(TooManyTries):
            posts.create(work, Writing("x"))


@pytest.mark.parametrize(("value", "good"), [("1", True), ("100000", True), ("0", False), ("100001", False)])
def test_a_limit_is_a_number_that_lets_something_pass(value: str, good: bool) -> None:
    if good:
        assert parse_rate(value) == int(value)
    else:
        with pytest.raises(ValueError, match="from 1 to 100000"):
            parse_rate(value)


def form_of(page: Any, field: str) -> Any:
    return next(form for form in page.forms.values() if field in form.fields)


def test_rte_02_the_services_refuse_the_third_of_one_member_and_not_the_first_of_another(
    member: Any, work_as: Any, db: Session
) -> None:
    """RTE-02: whoever calls them, a page, a command or another plug-in's API."""
    anna, bob, *others = [member(name) for name in ("anna", "bob", "carl", "dora", "emil")]
    things: list[int] = []
    for author in (anna, bob):
        for _again in range(2):
            with work_as(author) as work:
                things.append(posts.create(work, Writing("x")).id)

    def follow(work: Any) -> None:
        following.follow(work, work.db.get(User, others.pop()))

    def edit(work: Any) -> None:
        post = posts.find(work, things[0])
        posts.edit(work, post, Writing(f"y {post.version}"), version=post.version)

    acts: dict[str, Callable[[Any], Any]] = {
        "comment": lambda work: comments.add(work, posts.find(work, things[0]), "x"),
        "edit": edit,
        "follow": follow,
        "report": lambda work: moderation.report(work, posts.find(work, things[2]), "x"),
    }
    with work_as(anna) as work, pytest.raises(TooManyTries):
        posts.create(work, Writing("x"))
    for name, act in acts.items():
        for _again in range(2):
            with work_as(anna) as work:
                act(work)
        with work_as(anna) as work, pytest.raises(TooManyTries) as caught:
            act(work)
        assert 3000 < caught.value.retry_after_seconds <= 3600, name
    with work_as(bob) as work:
        comments.add(work, posts.find(work, things[0]), "x")
    assert db.scalar(select(func.count()).select_from(Post)) == 4
    assert db.scalar(select(func.count()).select_from(SecurityEvent).where(SecurityEvent.event == "limited")) == 5
    db.rollback()


def test_rte_02_what_was_typed_is_shown_again_with_how_long_to_wait(member: Any, client: Any, write: Any) -> None:
    """RTE-02: 429 with Retry-After; the post and the comment that could not be taken can be sent later."""
    anna = member("anna")
    browser = client(anna)
    post = write(anna)
    write(anna)
    form = form_of(browser.get("/write"), "body")
    form["body"], form["title"] = "My long text", "My title"
    page = form.submit(status=429)
    assert 3000 < int(page.headers["Retry-After"]) <= 3600
    assert "That was too often. Try again in 60 min." in page
    assert "My long text" in page
    assert "My title" in page
    for number in range(3):
        form = form_of(browser.get(f"/post/{post}"), "body")
        form["body"] = f"comment {number}"
        page = form.submit(status="*")
    assert page.status_code == 429
    assert "comment 2" in page
    form = form_of(browser.get("/write"), "body")
    form["body"] = "Before it is sent"
    for status in (200, 200, 429):
        page = form.submit("do", value="preview", status=status)
        assert "Before it is sent" in page
    # What the form calls its fields; neither its button nor what it says of itself.
    assert shown_of(page) == {"Your text": "Before it is sent"}


def shown_of(page: Any) -> dict[str, str]:
    """What a page shows of a form that was kept: the names of the fields, and what was typed."""
    names, typed = ([item.get_text() for item in page.html.select(f".draft {part}")] for part in ("dt", "dd"))
    return dict(zip(names, typed, strict=True))


def test_what_was_kept_stands_below_the_names_of_its_fields(member: Any, client: Any, write: Any, work_as: Any) -> None:
    """In one's own language, also of a form that nobody read as its page was too old; nothing of a form of buttons."""
    anna, bob = member("anna"), member("bob")
    post = write(bob)
    browser = client(anna)
    own = {"Sec-Fetch-Site": "same-origin"}
    sent = {"csrf_token": "old", "version": "1", "again": "", "body": "My text", "do": "preview"}
    page = browser.post("/write", {**sent, "title": "My title", "tags": "one two"}, own, status=400)
    assert shown_of(page) == {"Title": "My title", "Your text": "My text", "Tags": "one two"}
    assert page.forms[0]["do"].value == "preview"
    chinese = {**own, "Accept-Language": "zh"}
    page = browser.post(f"/post/{post}/comment", {**sent, "next": f"/post/{post}"}, chinese, status=400)
    assert shown_of(page) == {"评论": "My text"}
    page = browser.post(f"/post/{post}/hide", {"reason": "Spam", "version": "1", "seen": "1.2"}, own, status=400)
    assert shown_of(page) == {"Reason": "Spam"}
    page = browser.post(f"/follow/{bob}", {"next": "/"}, own, status=400)
    assert shown_of(page) == {}
    assert "It was kept. You can send it again." in page


def test_rte_02_a_form_that_is_sent_twice_counts_once(member: Any, work_as: Any) -> None:
    """CON-03 stays: what was made with the form's key is found again, also beyond the limit."""
    anna = member("anna")
    made = set()
    for key in ("k1", "k2", "k1", "k2", "k1"):
        with work_as(anna) as work:
            made.add(posts.create(work, Writing(f"x {key}"), key=key).id)
    assert len(made) == 2


def test_rte_02_an_edit_that_is_not_stored_is_not_counted(
    member: Any, work_as: Any, write: Any, comment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RTE-02, CON-02: what began from an older version (409) has to be sent again."""
    monkeypatch.setattr(pace, "EDITS", (Limit("blog.stale", 2, 3600),))
    anna = member("anna")
    post = write(anna)
    said = comment(anna, post)
    for _again in range(2):
        with work_as(anna) as work, pytest.raises(Stale):
            posts.edit(work, posts.find(work, post), Writing("y"), version=99)
        with work_as(anna) as work, pytest.raises(Stale):
            comments.edit(work, comments.find(work, said), "y", version=99)
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, post), Writing("y"), version=1)
        comments.edit(work, comments.find(work, said), "y", version=1)
    with work_as(anna) as work, pytest.raises(TooManyTries):
        comments.edit(work, comments.find(work, said), "z", version=2)


def test_rte_02_searches_are_counted_by_address_for_visitors_and_by_member(
    member: Any, client: Any, db: Session
) -> None:
    """RTE-02: the empty page costs nothing and is not counted; nothing is written for who only reads."""
    visitor, anna = client(), client(member("anna"))
    for status in (200, 200, 429):
        page = visitor.get("/search", {"q": "x"}, status=status)
    assert 0 < int(page.headers["Retry-After"]) <= 3600
    assert "That was too often" in page
    visitor.get("/search")
    for address in ("127.0.0.9", "2001:db8:1:2::1"):
        visitor.get("/search", {"q": "x"}, extra_environ={"REMOTE_ADDR": address})
    for status in (200, 429):
        visitor.get("/search", {"q": "x"}, extra_environ={"REMOTE_ADDR": "2001:db8:1:2::9"}, status=status)
    for status in (200, 200, 429):
        anna.get("/search", {"q": "x"}, status=status)
    assert db.scalar(select(func.count()).select_from(SecurityEvent).where(SecurityEvent.event == "limited")) == 0


def test_rte_02_a_wait_of_seconds_is_told_in_seconds(member: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """RTE-02: somebody who may go on in ten seconds is not sent away for a minute."""
    monkeypatch.setattr(pace, "PREVIEWS", (Limit("blog.seconds", 1, 50),))
    form = form_of(client(member("anna")).get("/write"), "body")
    form["body"] = "x"
    form.submit("do", value="preview")
    page = form.submit("do", value="preview", status=429)
    assert f"Try again in {page.headers['Retry-After']} s." in page


def test_work_for_nobody_is_not_counted(registry: Any, member: Any, write: Any) -> None:
    """An import by a command is work outside of requests, done for nobody in particular."""
    post = write(member("anna"))
    for _again in range(3):
        with open_work(registry) as work:
            pace.of_member(work, pace.POSTS)
            pace.of_reader(work, pace.SEARCHES)
    assert post
