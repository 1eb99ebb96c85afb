"""ACL-01, ACL-02, ACL-04, ACL-05, CON-03, CON-04, INJ-01 to INJ-06 and INP-06/07 for the blog, on both databases."""

from __future__ import annotations

import re
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from blog_rows import dump
from blog_vectors import vectors
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import func, inspect, select, text, update
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts import profile
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import RecoveryCode, SecondFactor, SecurityEvent, Token, User, UserSession
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, digests, following, limits, markdown, moderation, notices, posts, reading
from flasky.plugins.blog.api import ROUTES as API_ROUTES
from flasky.plugins.blog.models import BlogMember, Comment, Follow, Notice, Post, Submission
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.routes import ROUTES
from flasky.testing.mailbox import Mailbox, html_of, text_of

NOBODY, ANNA, BOB, MONA = "nobody", "anna", "bob", "mona"

#: Who gets which status for which method on each route: 200 for a page, 303 for a change, 403, 404.
#: The post and the comment are Anna's; Bob is another member, Mona a moderator.
MATRIX: dict[tuple[str, str], dict[str, int]] = {
    ("blog.post", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.write", "GET"): {NOBODY: 403, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.write", "POST"): {NOBODY: 403, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.edit", "GET"): {NOBODY: 403, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.edit", "POST"): {NOBODY: 403, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.delete", "GET"): {NOBODY: 403, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.delete", "POST"): {NOBODY: 403, BOB: 403, MONA: 403, ANNA: 303},
    ("blog.comment", "GET"): {NOBODY: 303, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.comment", "POST"): {NOBODY: 403, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.report_post", "GET"): {NOBODY: 403, ANNA: 303, BOB: 200, MONA: 200},
    ("blog.report_post", "POST"): {NOBODY: 403, ANNA: 303, BOB: 200, MONA: 200},
    ("blog.hide_post", "GET"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.hide_post", "POST"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.edit_comment", "GET"): {NOBODY: 403, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.edit_comment", "POST"): {NOBODY: 403, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.delete_comment", "GET"): {NOBODY: 403, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.delete_comment", "POST"): {NOBODY: 403, BOB: 403, MONA: 403, ANNA: 303},
    ("blog.report_comment", "GET"): {NOBODY: 403, ANNA: 303, BOB: 200, MONA: 200},
    ("blog.report_comment", "POST"): {NOBODY: 403, ANNA: 303, BOB: 200, MONA: 200},
    ("blog.hide_comment", "GET"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.hide_comment", "POST"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.drafts", "GET"): {NOBODY: 403, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.show", "POST"): {NOBODY: 403, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.tag", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.search", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.notices", "GET"): {NOBODY: 403, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.notices", "POST"): {NOBODY: 403, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.unsubscribe", "GET"): {NOBODY: 404, ANNA: 404, BOB: 404, MONA: 404},
    ("blog.unsubscribe", "POST"): {NOBODY: 404, ANNA: 404, BOB: 404, MONA: 404},
    ("blog.moderate", "GET"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.follow", "POST"): {NOBODY: 403, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.unfollow", "POST"): {NOBODY: 403, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.to_comment", "GET"): {NOBODY: 303, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.person", "GET"): {NOBODY: 303, ANNA: 303, BOB: 303, MONA: 303},
    ("blog.followers", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.following", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.posts_of", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.comments_of", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.hide_all", "GET"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.hide_all", "POST"): {NOBODY: 403, ANNA: 403, BOB: 403, MONA: 200},
    ("blog.feed", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.feed_of_tag", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.feed_of_author", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.sitemap", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.sitemap_lists", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.sitemap_part", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.robots", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.posts", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.posts", "POST"): {NOBODY: 401, ANNA: 422, BOB: 422, MONA: 422},
    ("blog.api.post", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.post", "PATCH"): {NOBODY: 401, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.api.post", "DELETE"): {NOBODY: 401, BOB: 403, MONA: 403, ANNA: 204},
    ("blog.api.comments", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.comments", "POST"): {NOBODY: 401, ANNA: 422, BOB: 422, MONA: 422},
    ("blog.api.comment", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.comment", "PATCH"): {NOBODY: 401, ANNA: 200, BOB: 403, MONA: 403},
    ("blog.api.comment", "DELETE"): {NOBODY: 401, BOB: 403, MONA: 403, ANNA: 204},
    ("blog.api.tag", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.member", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.member_posts", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.followers", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.following", "GET"): {NOBODY: 200, ANNA: 200, BOB: 200, MONA: 200},
    # It asks for words, which this table has none of.
    ("blog.api.search", "GET"): {NOBODY: 400, ANNA: 400, BOB: 400, MONA: 400},
    ("blog.api.timeline", "GET"): {NOBODY: 401, ANNA: 200, BOB: 200, MONA: 200},
    ("blog.api.drafts", "GET"): {NOBODY: 401, ANNA: 200, BOB: 200, MONA: 200},
    # It is Anna who is followed.
    ("blog.api.follow", "PUT"): {NOBODY: 401, ANNA: 403, BOB: 204, MONA: 204},
    ("blog.api.follow", "DELETE"): {NOBODY: 401, ANNA: 204, BOB: 204, MONA: 204},
    ("blog.api.hidden_post", "PUT"): {NOBODY: 401, ANNA: 403, BOB: 403, MONA: 422},
    ("blog.api.hidden_post", "DELETE"): {NOBODY: 401, ANNA: 403, BOB: 403, MONA: 204},
    ("blog.api.hidden_comment", "PUT"): {NOBODY: 401, ANNA: 403, BOB: 403, MONA: 422},
    ("blog.api.hidden_comment", "DELETE"): {NOBODY: 401, ANNA: 403, BOB: 403, MONA: 204},
}


def path_of(route: str, ids: dict[str, int]) -> str:
    """The path of a route with Anna, her post and her comment in it."""
    pattern = dict((*ROUTES, *API_ROUTES))[route]
    of_api = "api_" if route.startswith("blog.api.") and "api_post" in ids else ""
    number = ids[f"{of_api}comment"] if re.search("/comments?/{", pattern) else ids[ANNA]
    number = ids[f"{of_api}post"] if re.search("/posts?/{", pattern) else number
    return (
        pattern.replace("{id:[0-9]{1,9}}", str(number))
        .replace("{part:[0-9]{1,9}}", "0")
        .replace("{name}", "walk")
        .replace("{token}", "x")
        .replace("{whose:everyone|followed}", "everyone")
    )


def token_of(browser: Any) -> str:
    """A CSRF token of this browser, from any page with a form."""
    page = browser.get("/notices/stop/x", expect_errors=True)
    found = browser.get("/auth/login", expect_errors=True)
    for answer in (page, found, browser.get("/")):
        if answer.content_type != "text/html":
            continue
        for form in answer.forms.values():
            if "csrf_token" in form.fields:
                return str(form["csrf_token"].value)
    raise AssertionError("no page has a form")


def ask(browser: Any, route: str, method: str, path: str, token: str) -> Any:
    """Ask a route with a token: pages with an empty form, programs with what says the least."""
    if method == "GET":
        return browser.get(path, expect_errors=True)
    if not route.startswith("blog.api."):
        return getattr(browser, method.lower())(path, {"csrf_token": token}, expect_errors=True)
    headers = {"X-CSRF-Token": token, "If-Match": '"1"'}
    if method == "DELETE":
        return browser.delete(path, headers=headers, expect_errors=True)
    # What is stored already.
    sent = {"body": "I agree"} if (route, method) == ("blog.api.comment", "PATCH") else {}
    return getattr(browser, f"{method.lower()}_json")(path, sent, headers=headers, expect_errors=True)


def status_of(answer: Any) -> int:
    """The status; 403 also where somebody is sent to sign in first, or to confirm their address."""
    location = answer.headers.get("Location", "")
    return 403 if "/auth/login" in location or "/auth/unconfirmed" in location else int(answer.status_int)


@pytest.fixture
def ids(member: Any, write: Any, comment: Any) -> dict[str, int]:
    made = {ANNA: member(ANNA), BOB: member(BOB), MONA: member(MONA, role="Moderator")}
    made["post"] = write(made[ANNA], "Hello", title="A title", tags="walk")
    made["comment"] = comment(made[ANNA], made["post"])
    return made


def test_acl_01_the_matrix_names_every_route_and_method(registry: Any) -> None:
    views = registry.introspector.get_category("views") or []
    found = {
        (view["introspectable"]["route_name"], method)
        for view in views
        if str(view["introspectable"]["route_name"]).startswith("blog.")
        for method in _methods(view["introspectable"]["request_methods"])
    }
    assert found == set(MATRIX)


#: The permission of each view that has one. Every member has all but the last: the matrix cannot tell them apart.
NEEDED = {
    "accounts.take_part": "drafts GET, notices GET, notices POST",
    "blog.write": "write GET, write POST, edit GET, edit POST, delete GET, delete POST, api.posts POST, "
    "api.post PATCH, api.post DELETE, api.drafts GET",
    "blog.comment": "comment POST, edit_comment GET, edit_comment POST, delete_comment GET, delete_comment POST, "
    "report_post GET, report_post POST, report_comment GET, report_comment POST, api.comments POST, "
    "api.comment PATCH, api.comment DELETE",
    "blog.follow": "follow POST, unfollow POST, show POST, api.timeline GET, api.follow PUT, api.follow DELETE",
    "blog.moderate": "moderate GET, hide_post GET, hide_post POST, hide_comment GET, hide_comment POST, hide_all GET, "
    "hide_all POST, api.hidden_post PUT, api.hidden_post DELETE, api.hidden_comment PUT, api.hidden_comment DELETE",
}


def test_acl_01_each_view_asks_for_the_permission_that_it_needs(registry: Any) -> None:
    """Of each role single permissions can be taken (`flasky.plugins.accounts.grants`)."""
    found: dict[tuple[str, str], set[str]] = {}
    for view in registry.introspector.get_category("views") or []:
        route = str(view["introspectable"]["route_name"])
        permissions = {of["value"] for of in view["related"] if of.category_name == "permissions"}
        for method in _methods(view["introspectable"]["request_methods"]) if route.startswith("blog.") else ():
            found.setdefault((route, method), set()).update(permissions)
    needed = {}
    for permission, views in NEEDED.items():
        for view in views.split(", "):
            route, method = view.split()
            needed[f"blog.{route}", method] = {permission}
    assert needed.keys() <= MATRIX.keys()
    assert found == {each: needed.get(each, {NO_PERMISSION_REQUIRED}) for each in MATRIX}


def _methods(given: Any) -> set[str]:
    return {given} if isinstance(given, str) else set(given or ()) - {"HEAD"}


#: Who may the same as somebody else.
_ALIKE = {"unconfirmed": NOBODY, "administrator": MONA}


def test_acl_01_acl_02_who_may_what(ids: Any, member: Any, client: Any, db: Session, write: Any, comment: Any) -> None:
    """Six kinds of visitors at each route with each method: first what is refused, which changes nothing."""
    ids["api_post"] = write(ids[ANNA], "Hello, programs", tags="walk")
    ids["api_comment"] = comment(ids[ANNA], ids["api_post"])
    ids["unconfirmed"] = member("unconfirmed", confirmed=False)
    ids["administrator"] = member("boss", role="Administrator")
    browsers = {who: client(ids.get(who)) for who in (NOBODY, ANNA, BOB, MONA, *_ALIKE)}
    tokens = {who: token_of(browser) for who, browser in browsers.items()}
    asked = [
        (route, method, who, expected[_ALIKE.get(who, who)])
        for (route, method), expected in MATRIX.items()
        for who in browsers
    ]
    # What takes away what the others ask for comes last.
    asked.sort(key=lambda ask: (ask[3] == 303 and "delete" in ask[0], ask[0] == "blog.delete"))
    last = (("blog.api.comment", "DELETE"), ("blog.api.post", "DELETE"))
    asked.sort(key=lambda ask: last.index(ask[:2]) if ask[:2] in last else -1)
    wrong, before = {}, dump(db)
    for refused in (True, False):
        for route, method, who, status in asked:
            if (status in {401, 403, 404}) is refused:
                answer = ask(browsers[who], route, method, path_of(route, ids), tokens[who])
                # Who is known and may not is not asked to say who they are.
                if status_of(answer) != (403 if (status, who) == (401, "unconfirmed") else status):
                    wrong[route, method, who] = (status, answer.status, answer.headers.get("Location"))
        assert wrong == {}
        assert (dump(db) == before) is refused


def test_acl_02_a_draft_and_a_hidden_post_are_not_there_for_others(
    ids: Any, client: Any, write: Any, db: Session
) -> None:
    draft = write(ids[ANNA], "secret draft", draft=True)
    for who in (BOB, MONA):
        browser = client(ids[who])
        token = token_of(browser)
        for path in (f"/post/{draft}", f"/post/{draft}/edit", f"/post/{draft}/delete", f"/post/{draft}/report"):
            assert browser.get(path, expect_errors=True).status_int in {403, 404}
        before = dump(db)
        for path in (f"/post/{draft}/comment", f"/post/{draft}/edit", f"/post/{draft}/delete"):
            values = {"csrf_token": token, "body": "x", "version": "1"}
            assert browser.post(path, values, expect_errors=True).status_int in {403, 404}
        assert dump(db) == before


def test_acl_04_protected_fields_are_ignored(ids: Any, client: Any, db: Session) -> None:
    browser = client(ids[BOB])
    protected = {
        "id": "999", "author_id": str(ids[ANNA]), "created_at": "2000-01-01", "published_at": "2000-01-01",
        "listed_at": "2000-01-01", "hidden_at": "2000-01-01", "comment_count": "99", "html": "<b>x</b>", "role_id": "3",
    }  # fmt: skip
    browser.post("/write", {"csrf_token": token_of(browser), "body": "by bob", **protected}, status=303)
    post = db.scalars(select(Post).where(Post.body == "by bob")).one()
    assert (post.author_id, post.comment_count, post.version, post.hidden_at) == (ids[BOB], 0, 1, None)
    assert post.html == "<p>by bob</p>\n"
    assert post.created_at.year > 2000


def test_acl_05_pages_and_feeds_hold_nothing_private(
    ids: Any, client: Any, comment: Any, work_as: Any, registry: Any
) -> None:
    """Of Anna, to a visitor and to another member, in pages, feeds, the sitemap and problems as JSON.

    She is wherever members are: follows, is followed, calls somebody, is told of, and is found.
    """
    secret = "CANARYSECRET"
    for follower, followed in ((ANNA, BOB), (BOB, ANNA)):
        with work_as(ids[follower]) as work:
            following.follow(work, work.db.get(User, ids[followed]))
    comment(ids[ANNA], ids["post"], "Hello, @bob")
    with open_work(registry) as work:
        anna = work.db.get(User, ids[ANNA])
        # Found by her name, it would be told in place of another name.
        anna.email, anna.password_hash, anna.last_seen_at = "anna.canary@example.com", "$argon2id$canary", utc_now()
        whose = {"user_id": anna.id}
        work.db.add_all([
            SecondFactor(**whose, secret=f"{secret}2", confirmed_at=utc_now()),
            RecoveryCode(**whose, digest="canary-recovery"),
            SecurityEvent(**whose, event="signed_in", address_hash="canary-peer", details={"a": secret}),
            Token(**whose, digest="canary-t", purpose="reset", email="c", credentials_version=1, expires_at=utc_now()),
        ])  # fmt: skip
    hers = client(ids[ANNA])
    with open_work(registry) as work:
        session = work.db.query(UserSession).filter_by(user_id=ids[ANNA]).one()
        session.address, session.agent = "203.0.113.x", "canary agent"
        canaries = ["canary", secret, "argon2", "203.0.113", session.digest, hers.cookies["session"]]
    paths = {path_of(route, ids) for (route, method), who in MATRIX.items() if method == "GET" and who[BOB] == 200}
    paths |= {
        "/",
        "/people",
        "/user/anna",
        f"/avatar/{ids[ANNA]}/0",
        f"/people/{ids[ANNA]}",
        "/auth/events",
        "/nothing",
    }
    # Where she is: each of these names her.
    bobs = f"{ids[BOB]}/followers", f"{ids[BOB]}/following"
    named = {"/", "/search?q=anna", "/search?q=Hello", "/api/search?q=anna", "/feed", f"/post/{ids['post']}"}
    named |= {f"{beginning}{of}" for beginning in ("/people/", "/api/members/") for of in bobs}
    hers_too = {"/notices", "/api/timeline"}
    for who in (NOBODY, BOB):
        browser = client(ids.get(who))
        if who == BOB:
            browser.post("/show/followed", {"csrf_token": token_of(browser)}, status=303)
        for path in named | (hers_too if who == BOB else set()):
            assert ANNA in browser.get(path, status=200), (who, path)
        for path in sorted(paths | named | hers_too):
            for accept in ("text/html", "application/json"):
                answer = browser.get(path, headers={"Accept": accept}, expect_errors=True)
                shown = answer.text + str(answer.headerlist)
                assert [canary for canary in canaries if canary in shown] == [], (who, path)


def at_once(count: int, task: Callable[[int], Any]) -> list[Any]:
    """Run `task(number)` in threads that begin together: what each returned or raised."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = task(number)
        except Exception as error:  # noqa: BLE001 - it is the result
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_con_03_ten_parallel_submits_make_one_post(ids: Any, work_as: Any, db: Session) -> None:
    def submit(_number: int) -> int:
        with work_as(ids[ANNA]) as work:
            return posts.create(work, Writing("the same"), key="k" * 22).id

    results = at_once(10, submit)
    assert len(set(results)) == 1, results
    assert db.scalar(select(func.count()).select_from(Post).where(Post.body == "the same")) == 1
    assert db.scalar(select(func.count()).select_from(Submission)) == 1


def test_con_04_counters_are_exact_after_parallel_changes(ids: Any, work_as: Any, member: Any, db: Session) -> None:
    people = [member(f"follower{number}") for number in range(50)]

    def act(number: int) -> None:
        with work_as(people[number]) as work:
            comments.add(work, posts.find(work, ids["post"]), f"comment {number}")
        for _twice in range(2):
            with work_as(people[number]) as work:
                following.follow(work, work.db.get(User, ids[ANNA]))
        if number % 2:
            with work_as(people[number]) as work:
                following.unfollow(work, work.db.get(User, ids[ANNA]))

    assert at_once(50, act) == [None] * 50
    post = db.get(Post, ids["post"])
    assert post.comment_count == db.scalar(select(func.count()).select_from(Comment)) == 51
    assert db.get(BlogMember, ids[ANNA]).follower_count == db.scalar(select(func.count()).select_from(Follow)) == 25


def test_con_04_deleting_members_and_posts_leaves_no_orphans(
    ids: Any, work_as: Any, comment: Any, registry: Any, db: Session
) -> None:
    comment(ids[BOB], ids["post"], "by bob @anna")
    for follower, followed in ((BOB, ANNA), (ANNA, BOB)):
        with work_as(ids[follower]) as work:
            following.follow(work, work.db.get(User, ids[followed]))
    with open_work(registry) as work:
        erase(work, work.db.get(User, ids[BOB]))
    assert db.scalars(select(Comment.author_id).order_by(Comment.id)).all() == [ids[ANNA], None]
    assert (db.get(BlogMember, ids[ANNA]).follower_count, db.get(BlogMember, ids[ANNA]).following_count) == (0, 0)
    db.rollback()
    with work_as(ids[ANNA]) as work:
        posts.remove(work, posts.find(work, ids["post"]))
    assert db.scalar(select(func.count()).select_from(Comment)) == 0
    if db.get_bind().dialect.name == "sqlite":
        assert db.execute(text("PRAGMA foreign_key_check")).all() == []


_HOSTILE = [
    "'",
    "''",
    "\\",
    "%",
    "_",
    "%%",
    "*",
    '"',
    '""',
    "AND",
    "OR",
    "NOT x",
    "NEAR(a b)",
    "a* OR b",
    "words:x",
    "^x",
    "-x",
    "(",
    ")",
    "a AND",
    "'; DROP TABLE posts; --",
    "1' OR '1'='1",
    "x' UNION SELECT 1--",
    "pg_sleep(3)",
    "';SELECT pg_sleep(3)--",
    "a & b",
    "a | b",
    "!a",
    "a <-> b",
    "a:*",
    ":*",
    "{a}",
    "[a]",
    "${7*7}",
    "{{7*7}}",
    "%(x)s",
    "{0.__class__}",
    "<script>",
    "\u202e",
    "\ud7ff",
    "🙂",
    "a\tb",
    "a\u000bb",
    "NULL",
    "rank",
    "rowid",
    "post_words_fts",
    "a" * 100,
    "胡" * 100,
]


#: With the beginnings and endings by which a text would leave its place in a statement.
_HOSTILE += [
    f"{leave}{act}{end}"
    for leave in ("'", '"', "1", "1)", "')", "';")
    for act in (
        "SELECT pg_sleep(3)",
        " OR pg_sleep(3) IS NULL",
        " UNION SELECT password_hash FROM users",
        " AND 1=randomblob(900000000)",
        " OR 1=1 ORDER BY 99",
        "||(SELECT email FROM users LIMIT 1)||",
        " RETURNING id",
        "; DELETE FROM users",
        "/**/OR/**/1=1",
    )
    for end in ("--", "/*", "")
]
#: Parameters that hold a place, a number or a choice: the visitor's path, in which the text is put.
_REFUSING = (
    "/?older=",
    "/?newer=",
    "/search?q=a&before=",
    "/people/1/posts?older=",
    "/tag/walk?newer=",
    "/drafts?before=",
    "/notices?after=",
    "/moderate?show=",
    "/moderate?before=",
    "/member/1?since=",
    "/api/posts?older=",
    "/api/posts?limit=",
    "/api/members/1/followers?after=",
    "/api/search?q=a&before=",
)


def test_inj_01_no_text_is_a_query_language(ids: Any, client: Any, db: Session, statements: Any, app: Any) -> None:
    """Each of 200 texts is a value: the statements are those of a harmless text, so none of it runs or sleeps."""
    assert len(_HOSTILE) > 200
    before, browser = dump(db), client()

    def sent(path: str, asked: str) -> set[str]:
        answer = browser.get(path + quote(asked, safe=""), expect_errors=True)
        assert answer.status_int in {200, 303, 404}, (path, asked)
        return set(statements())

    fifth = _HOSTILE[::5]
    for path, texts in (("/search?q=", _HOSTILE), ("/tag/", fifth), ("/feed/tag/", fifth), ("/api/search?q=", fifth)):
        harmless = set().union(
            *(sent(path, text) for text in ("a", "a b", "walk", "absent", "胡", "胡同", "-", "a" * 99))
        )
        for asked in texts:
            assert sent(path, asked) <= harmless, (path, asked)
    with app.registry["flasky.database"].read_engine.connect() as connection:
        assert {reading.tag_id(connection, asked) for asked in _HOSTILE} == {None}
    assert dump(db) == before


def test_inj_01_no_text_reaches_the_database_where_a_place_a_number_or_a_choice_is_asked_for(
    ids: Any, client: Any, db: Session, statements: Any
) -> None:
    """Whatever the dialect: no statement is sent but those that ask who is there. Each text is sent to one of them."""
    assert {reading.parse_cursor(asked) for asked in _HOSTILE} == {None}
    before, browser = dump(db), client(ids[MONA])
    token = token_of(browser)
    browser.get("/drafts?before=1")
    for number, path in enumerate(_REFUSING):
        browser.get(path + "1", expect_errors=True)
        known = set(statements())
        for asked in _HOSTILE[number :: len(_REFUSING)]:
            answer = browser.get(path + quote(asked, safe=""), expect_errors=True)
            assert answer.status_int in {400, 404}, (path, asked)
            assert set(statements()) <= known, (path, asked)
    known = set()
    for asked in ("1", *_HOSTILE[::10]):
        browser.post("/notices", {"csrf_token": token, "do": "read", "up_to": asked}, expect_errors=True)
        known = known or set(statements())
        assert set(statements()) <= known, asked
    assert dump(db) == before


def test_inj_01_wildcards_find_nothing_by_themselves(ids: Any, client: Any) -> None:
    for asked in ("%", "_", "*", "H%o", "H_llo"):
        assert "A title" not in client().get("/search", {"q": asked}), asked


def test_inj_02_what_a_redirect_names_is_quoted(ids: Any, client: Any, member: Any) -> None:
    """Where the blog itself makes an address of what was asked for, typed or stored."""
    site, named = "http://localhost", member("É胡 &", email="named@example.com")
    browser = client(ids[BOB])
    for path, location in {
        "/tag/ＸÉ胡": "/tag/x%C3%A9%E8%83%A1",
        "/tag/Ｘ É&?#\u2028\x85:": "/tag/x%20%C3%A9&%3F%23%E2%80%A8%C2%85:",
        f"/member/{named}": "/user/%C3%89%E8%83%A1%20&",
    }.items():
        answer = browser.get(quote(path), status=303)
        assert answer.headers["Location"] == site + location
    answer = browser.get(f"{quote('/tag/ＸÉ胡')}?older={quote('É胡')}", status=303)
    assert answer.headers["Location"] == f"{site}/tag/x%C3%A9%E8%83%A1?older=%C3%89%E8%83%A1"
    token = token_of(browser)
    answer = browser.post(f"/follow/{named}", {"csrf_token": token, "back": "profile"}, status=303)
    assert answer.headers["Location"] == f"{site}/user/%C3%89%E8%83%A1%20&"
    sent = {"title": "É胡\r\nX: y", "body": "É胡\r\nX: y", "tags": ["É胡"]}
    headers = {"X-CSRF-Token": token}
    answer = browser.post_json("/api/posts", sent, headers=headers, status=201)
    assert answer.headers["Location"] == f"{site}/api/posts/{answer.json['id']}"
    answer = browser.post_json(f"/api/posts/{ids['post']}/comments", {"body": sent["body"]}, headers=headers)
    assert answer.headers["Location"] == f"{site}/api/comments/{answer.json['id']}"


def test_inj_02_line_breaks_enter_no_header(ids: Any, client: Any) -> None:
    for path in ("/tag/X%0d%0aSet-Cookie:a", "/tag/%0aX", "/?older=1-1%0d%0aX:1", "/search?q=a%0d%0ab"):
        answer = client().get(path, expect_errors=True)
        assert answer.status_int < 500
        assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
        assert "X" not in answer.headers


#: Twelve for languages of templates and of formats (INJ-03), and forty for the places in a page (XSS-02).
_TEMPLATES = ("{{1337*7}}", "${1337*7}", "#{1337*7}", "<%= 1337*7 %>", "{%print 1337*7%}", "@(1337*7)", "[[1337*7]]",
              "%(username)s", "%s%n", "{0.__class__}", "{username}", "$username")  # fmt: skip
_BREAKS = [
    f"{leave}{enter}"
    for leave in ("", '">', "'>", "-->", "]]>", "</textarea>", "</title>", "</script>")
    for enter in ("<xss id=x>", "<img/onerror=x src=x>", "<svg onload=x>", '" onfocus="x', "' onfocus='x")
]


def chunks(longest: int) -> list[str]:
    """All markers, in as few texts of at most so many characters as can be."""
    found = [""]
    for marker in (*_TEMPLATES, *_BREAKS):
        if len(found[-1]) + len(marker) + 1 > longest:
            found.append("")
        found[-1] += f"{marker} "
    return [text.strip() for text in found]


class Broken(HTMLParser):
    """What of the markers became part of the page, or was worked out, and the text that stayed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.feed(page)
        self.found += [sign for sign in ("9359", "<class '") if sign in self.text]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs if name.startswith("on")]
        if tag == "xss" or names or (tag == "img" and dict(attrs).get("src") == "x"):
            self.found.append(f"<{tag} {names}>")
        # What a field is filled with.
        self.text += f" {dict(attrs).get('value') or ''} {dict(attrs).get('content') or ''} "

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def marked(ids: Any, write: Any, comment: Any, work_as: Any, member: Any, registry: Any) -> dict[str, list[str]]:
    """Every stored text holds every marker; the paths that show some as they are, each with these texts."""
    titles, names, reasons = chunks(limits.LONGEST_TITLE), chunks(64), chunks(limits.LONGEST_REASON)
    everything = " ".join(chunks(10**6))
    with open_work(registry) as work:
        for who in (ANNA, MONA):
            notices.choose_mail(work, ids[who], "at_once")
    shown: dict[str, list[str]] = {"/drafts": titles}
    for title in titles:
        write(ids[ANNA], title, title=title, draft=True)
        titled = write(ids[ANNA], title, title=title)
        shown |= {f"/post/{titled}": [title], f"/post/{titled}/delete": [title], f"/post/{titled}/edit": [title]}
        shown[f"/post/{titled}/report"] = [title]
    post = write(ids[ANNA], f"{everything}\n\n`{everything}`", title="all")
    comment(ids[BOB], post, f"{everything} @mona\n\n`{everything}`")
    shown[f"/post/{post}"] = [everything]
    # Some signs are in no name of a user.
    users = [f"'\"><xss id=x>{number}</title>" for number in range(1, len(names))]
    people = [ids[ANNA], *(member(user, email=f"member{n}@example.com") for n, user in enumerate(users))]
    for user_id, name in zip(people, names, strict=True):
        with open_work(registry) as work:
            whole = {"name": name, "location": name, "about": everything, "language": "", "timezone": ""}
            profile.update(work, work.db.get(User, user_id), **whole)
    for follower in people[1:]:
        with work_as(follower) as work:
            following.follow(work, work.db.get(User, ids[ANNA]))
    shown["/people"], shown["/user/anna"], shown[f"/people/{ids[ANNA]}/followers"] = names, names[:1], names[1:] + users
    for reporter, reason in zip(people[1:], reasons, strict=False):
        with work_as(reporter) as work:
            moderation.report(work, posts.find(work, post), reason)
        with work_as(ids[MONA]) as work:
            if posts.find(work, titled).hidden_at is not None:
                moderation.show(work, posts.find(work, titled))
            moderation.hide(work, posts.find(work, titled), reason)
    for number, reason in enumerate(reasons):
        said = comment(ids[ANNA], post, f"said {number}")
        with work_as(ids[MONA]) as work:
            moderation.hide(work, comments.find(work, said), reason)
        shown[f"/comment/{said}/hide"] = [reason]
    last = [titles[-1], reasons[-1]]
    shown[f"/post/{post}"] = [everything, *reasons]
    shown[f"/people/{ids[ANNA]}/comments"] = shown["/moderate?show=comments"] = reasons
    shown["/moderate"] = shown[f"/post/{post}/hide"] = reasons
    shown["/moderate?show=posts"] = shown[f"/post/{titled}"] = shown[f"/post/{titled}/hide"] = last
    shown["/drafts"] = [*titles, *last, *reasons]
    shown["/notices"] = [*users, *last, *reasons]
    own = f"/people/{ids[ANNA]}/posts"
    return shown | {key: [] for key in ("/", own, f"/post/{post}/edit", "/feed", "/user/anna/edit")}


def test_inj_03_xss_02_markers_stay_text_in_every_field(
    ids: Any, marked: dict[str, list[str]], client: Any, mailbox: Mailbox, registry: Any, write: Any
) -> None:
    """Titles, texts, comments, reasons, names, places, what is asked for and what is refused, in pages and mails."""
    assert (len(_TEMPLATES), len(_BREAKS)) == (12, 40)
    anna, mona = client(ids[ANNA]), client(ids[MONA])
    for asked in chunks(limits.LONGEST_QUERY):
        marked[f"/search?q={quote(asked)}"] = [asked]
    for path, texts in marked.items():
        # Nobody reports their own.
        is_monas = path.startswith("/moderate") or path.endswith(("/hide", "/report"))
        page = Broken((mona if is_monas else anna).get(path).text)
        assert page.found == [], path
        for words in texts:
            assert "".join(words.split()) in "".join(page.text.split()), (path, words)
    everything = " ".join(chunks(10**6))
    whole = {"csrf_token": token_of(anna), "body": everything, "title": "<xss>"}
    edited, other = (write(ids[who], everything, title="<xss id=x>") for who in (ANNA, BOB))
    refused = {
        "/write": {"body": "x", "title": everything, "tags": everything},
        f"/post/{edited}/edit": {"version": "0"},
        "/post/999999/comment": {},
        f"/post/{edited}/comment": {"do": "preview"},
        f"/post/{other}/report": {"reason": everything * 2},
        "/post/999999/report": {"reason": everything},
        "/post/999999/edit": {},
    }
    for path, fields in refused.items():
        answer = anna.post(path, {**whole, **fields}, expect_errors=True)
        assert answer.status_int in {200, 404, 409}, path
        assert "onfocus" in answer, path
        assert Broken(answer.text).found == [], path
    with open_work(registry) as work:
        notices.choose_mail(work, ids[ANNA], "daily")
        work.db.execute(update(Notice).where(Notice.user_id == ids[ANNA]).values(mail_due=utc_now()))
    assert digests.send_digests(registry) == 1
    assert "{{1337*7}}" in html_of(mailbox.last)
    assert "onfocus" in html_of(mailbox.last)
    for mail in mailbox.messages:
        assert Broken(html_of(mail)).found == [], mail["Subject"]
        assert "9359" not in f"{mail['Subject']}{text_of(mail)}"
    assert any("{{1337*7}}" in text_of(mail) for mail in mailbox.to("anna@example.com"))


def test_xss_01_the_preview_is_the_cleaned_html_that_would_be_stored(ids: Any, client: Any) -> None:
    """Of every vector that `test_markdown` finds to be harmless when it is stored, by fifties."""
    browser, every = client(ids[BOB]), list(vectors())
    token = token_of(browser)
    for start in range(0, len(every), 50):
        body = "\r\n\r\n".join(every[start : start + 50]).strip()
        page = browser.post("/write", {"csrf_token": token, "body": body, "do": "preview"})
        assert markdown.render(body).html in page.text


@pytest.mark.databases("sqlite")
def test_inp_06_a_text_is_kept_whatever_number_it_names_and_refused_when_it_shows_nothing(
    ids: Any, client: Any, db: Session
) -> None:
    """Python refuses to read a number of more than 4,300 digits; a text of references alone is an empty page."""
    browser = client(ids[BOB])
    token, before = token_of(browser), dump(db)
    paths = ("/write", f"/post/{ids['post']}/comment")
    for path in paths:
        for body in ("[a]: /b", "# &nbsp;", "```\r\n```", "> \r\n- ", "&#8203;"):
            assert "Write something first." in browser.post(path, {"csrf_token": token, "body": body}), (path, body)
        browser.post(path, {"csrf_token": token, "body": "&#" + "9" * 40_000 + ";"}, status=200)
    assert dump(db) == before
    for path in paths:
        for body in (f"&#{'9' * 4400};", f"&#x{'f' * 4400};"):
            browser.post(path, {"csrf_token": token, "body": body}, status=303)


def test_inj_04_no_path_of_the_blog_reads_a_file(client: Any, ids: Any) -> None:
    for part in ("../../setup.py", "%2e%2e%2fsetup.py", "..%5c..%5cetc%5cpasswd", "/etc/passwd", "....//x"):
        for beginning in ("/tag/", "/feed/tag/", "/notices/stop/", "/static/blog/"):
            answer = client().get(beginning + part, expect_errors=True)
            assert answer.status_int in {303, 400, 404}
            assert "find_packages" not in answer.text


def test_inj_05_writing_links_fetches_nothing(
    ids: Any, write: Any, comment: Any, client: Any, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither who writes nor the jobs that follow connect to what a text, a title or a profile names."""
    connect, looked_up = socket.socket.connect, list[Any]()
    monkeypatch.setattr(socket.socket, "connect", lambda self, to: looked_up.append(to) or connect(self, to))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **_options: looked_up.append(given) or [])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        site = f"http://127.0.0.1:{listener.getsockname()[1]}"
        text = (
            f"![a]({site}/x.png) <{site}/> {site}/y [b]({site}/z) http://localhost/ [c](http://169.254.169.254/latest)"
        )
        post = write(ids[ANNA], text, title=text[: limits.LONGEST_TITLE])
        comment(ids[BOB], post, f"@anna {text}")
        bob = client(ids[BOB])
        bob.post("/write", {"csrf_token": token_of(bob), "body": text, "do": "preview"})
        with open_work(registry) as work:
            whole = {"name": site, "location": site, "about": text, "language": "", "timezone": ""}
            profile.update(work, work.db.get(User, ids[ANNA]), **whole)
        assert JobWorker(registry).run_once().done == 1
        for path in ("/", "/feed", f"/post/{post}", "/user/anna"):
            assert site in client().get(path)
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert looked_up == []
        # Whatever fetches would be seen.
        with socket.socket() as caller:
            caller.connect(listener.getsockname())
        assert looked_up == [listener.getsockname()]
        listener.settimeout(10)
        listener.accept()[0].close()


def test_inj_06_feeds_stay_xml_whatever_is_written(ids: Any, client: Any, write: Any) -> None:
    write(ids[ANNA], "vertical\u000btab \u0001 \ufffe ]]> <b> & end", title="t\u000b\u0008<&]]>")
    for path in ("/feed", f"/feed/people/{ids[ANNA]}", "/feed/tag/walk", "/sitemap.xml", "/sitemap-0.xml"):
        answer = client().get(path)
        assert ET.fromstring(answer.body).tag.endswith(("feed", "sitemapindex", "urlset"))  # noqa: S314 - our own


def test_feeds_have_what_atom_asks_for(ids: Any, client: Any) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ET.fromstring(client().get("/feed").body)  # noqa: S314 - our own
    for name in ("id", "title", "updated"):
        assert feed.findtext(atom + name)
    entry = feed.find(f"{atom}entry")
    for name in ("id", "title", "updated", "published", "content"):
        assert entry.findtext(atom + name)
    assert entry.findtext(f"{atom}author/{atom}name") == ANNA


@pytest.mark.parametrize(
    "value", ["0", "-1", "2147483648", "9" * 20, "9" * 5000, "１２", "1_0", "²", "1e3", "+1", " 1", "NaN"]
)
def test_inp_06_absurd_numbers_are_answered(value: str, client: Any, ids: Any) -> None:
    browser, value = client(ids[MONA]), quote(value)
    of_api = ("/api/posts/{}", "/api/comments/{}", "/api/members/{}/followers")
    for path in ("/post/{}", "/comment/{}/edit", "/people/{}/posts", "/feed/people/{}", "/sitemap-{}.xml", *of_api):
        answer = browser.get(path.format(value), expect_errors=True)
        assert answer.status_int in {200, 404}, path
    for path in (f"/post/{ids['post']}?after=", "/notices?before=", "/search?q=a&before=", "/moderate?after="):
        assert browser.get(path, {"x": "1"}, expect_errors=True).status_int == 400
        assert browser.get(path + value, expect_errors=True).status_int in {200, 400}, path


def test_inp_07_each_limit_is_one_number(ids: Any, client: Any, registry: Any) -> None:
    columns = {column["name"]: column["type"] for column in _columns(registry, "posts")}
    assert columns["body"].length == limits.LONGEST_BODY
    assert columns["title"].length == limits.LONGEST_TITLE
    browser = client(ids[BOB])
    token = token_of(browser)
    for length, status in ((limits.LONGEST_BODY, 303), (limits.LONGEST_BODY + 1, 200)):
        answer = browser.post("/write", {"csrf_token": token, "body": "🙂" * length}, status=status)
    # It comes back whole.
    assert "At most 30000 characters; these are 30001." in answer
    assert "🙂" * 30_001 in answer
    # A line break is one character, and two are sent.
    lines = ("x" * 99 + "\r\n") * (limits.LONGEST_BODY // 100)
    browser.post("/write", {"csrf_token": token, "body": lines}, status=303)
    for length, status in ((limits.LONGEST_TITLE, 303), (limits.LONGEST_TITLE + 1, 200)):
        browser.post("/write", {"csrf_token": token, "body": "x", "title": "胡" * length}, status=status)
    for length, status in ((limits.LONGEST_COMMENT, 303), (limits.LONGEST_COMMENT + 1, 200)):
        browser.post(f"/post/{ids['post']}/comment", {"csrf_token": token, "body": "x" * length}, status=status)


def _columns(registry: Any, table: str) -> Any:
    return inspect(registry["flasky.database"].read_engine).get_columns(table)
