"""The API of the blog: programs read what pages show to the same person, in the shape that the document says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from blog_vectors import vectors
from pyramid.request import Request
from webtest import TestApp

from flasky.database import utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, following, markdown, moderation, posts
from flasky.plugins.blog.api.shapes import Shapes
from flasky.plugins.blog.posts import Writing

ANNA, BOB, MONA = "anna", "bob", "mona"


@pytest.fixture
def ids(member: Any, write: Any, comment: Any, work_as: Any) -> dict[str, int]:
    """Anna, whom Bob follows, and a moderator; a post of Anna's with a comment of Bob's, a draft, and a hidden post."""
    made = {ANNA: member(ANNA), BOB: member(BOB), MONA: member(MONA, role="Moderator")}
    made["post"] = write(made[ANNA], "Hello **world**, @bob", title="A title", tags="walk 胡同")
    made["comment"] = comment(made[BOB], made["post"])
    made["draft"] = write(made[ANNA], "not done", title="A draft", tags="walk", draft=True)
    made["hidden"] = write(made[ANNA], "bad words", title="Hidden", tags="walk")
    with work_as(made[ANNA]) as work:
        work.db.get(User, made[ANNA]).name = "Anna A."
    with work_as(made[BOB]) as work:
        following.follow(work, work.db.get(User, made[ANNA]))
    with work_as(made[MONA]) as work:
        moderation.hide(work, posts.find(work, made["hidden"]), "not nice")
    return made


def test_every_resource_answers_as_the_document_says(ids: Any, client: Any, check: Any, registry: Any) -> None:
    visitor = client()
    paths = {
        "/api/posts": "/api/posts",
        "/api/posts/{id}": f"/api/posts/{ids['post']}",
        "/api/posts/{id}/comments": f"/api/posts/{ids['post']}/comments",
        "/api/comments/{id}": f"/api/comments/{ids['comment']}",
        "/api/tags/{name}/posts": "/api/tags/WALK/posts",
        "/api/members/{id}": f"/api/members/{ids[ANNA]}",
        "/api/members/{id}/posts": f"/api/members/{ids[ANNA]}/posts",
        "/api/members/{id}/followers": f"/api/members/{ids[ANNA]}/followers",
        "/api/members/{id}/following": f"/api/members/{ids[BOB]}/following",
        "/api/search": "/api/search?q=world",
    }
    told = {path: check(path, visitor.get(address)) for path, address in paths.items()}
    site = "http://localhost"
    author = {"id": ids[ANNA], "username": ANNA, "url": f"{site}/user/anna"}
    (listed,) = told["/api/posts"]["posts"]
    assert listed | {"summary": "", "published_at": ""} == {
        "id": ids["post"], "url": f"{site}/post/{ids['post']}", "title": "A title", "summary": "", "is_long": False,
        "tags": ["walk", "胡同"], "author": author, "comment_count": 1, "published_at": "", "edited_at": None,
        "version": 1,
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", listed["published_at"])
    for path in ("/api/tags/{name}/posts", "/api/members/{id}/posts", "/api/search"):
        assert told[path] == told["/api/posts"], path
    whole = told["/api/posts/{id}"]
    assert {name: whole[name] for name in listed} == listed
    assert (whole["body"], whole["draft"], whole["hidden"]) == ("Hello **world**, @bob", False, None)
    assert f'href="{site}/member/{ids[BOB]}?since=' in whole["html"]
    (comment,) = told["/api/posts/{id}/comments"]["comments"]
    assert told["/api/comments/{id}"] == {**comment, "body": "I agree"}
    assert comment["url"] == f"{site}/comment/{ids['comment']}"
    member = told["/api/members/{id}"]
    assert (member["name"], member["follower_count"], member["following_count"]) == ("Anna A.", 1, 0)
    assert told["/api/members/{id}/followers"]["members"][0]["id"] == ids[BOB]
    assert told["/api/members/{id}/following"]["members"] == [{**author, "name": "Anna A."}]


def numbers(browser: TestApp, ids: dict[str, int]) -> dict[str, set[int]]:
    """The posts that a visitor finds, by where: lists, search and single ones, of the API and of pages and feeds."""
    of_anna = ids[ANNA]
    found: dict[str, set[int]] = {}
    for path in ("/api/posts", "/api/tags/walk/posts", f"/api/members/{of_anna}/posts", "/api/search?q=title"):
        found[path] = {post["id"] for post in browser.get(path).json["posts"]}
    for path in ("/", "/tag/walk", f"/people/{of_anna}/posts", "/search?q=title", "/feed"):
        found[path] = set(map(int, re.findall(r"/post/(\d+)", browser.get(path).text)))
    every = {ids["post"], ids["draft"], ids["hidden"]}
    for path in ("/api/posts/{}", "/post/{}"):
        found[path] = {
            number for number in every if browser.get(path.format(number), expect_errors=True).status_int == 200
        }
    return found


def test_acl_02_drafts_and_hidden_posts_are_where_pages_show_them(ids: Any, client: Any) -> None:
    public, draft, hidden = ids["post"], ids["draft"], ids["hidden"]
    single = {None: {public}, BOB: {public}, ANNA: {public, draft, hidden}, MONA: {public, hidden}}
    for who, seen in single.items():
        found = numbers(client(who and ids[who]), ids)
        assert found.pop("/api/posts/{}") == found.pop("/post/{}") == seen, who
        assert list(found.values()) == [{public}] * len(found), who
    for who in (ANNA, MONA):
        told = client(ids[who]).get(f"/api/posts/{hidden}").json
        assert told["hidden"]["reason"] == "not nice"
        assert "not nice" in client(ids[who]).get(f"/post/{hidden}")


def test_acl_02_a_hidden_comment_is_told_to_its_author_and_to_moderators_alone(
    ids: Any, client: Any, work_as: Any
) -> None:
    post, comment = ids["post"], ids["comment"]
    with work_as(ids[MONA]) as work:
        moderation.hide(work, comments.find(work, comment), "rude")
    for who in (None, ANNA):
        browser = client(who and ids[who])
        assert browser.get(f"/api/posts/{post}/comments").json["comments"] == []
        browser.get(f"/api/comments/{comment}", status=404)
        assert browser.get(f"/api/posts/{post}").json["comment_count"] == 0
        assert "I agree" not in browser.get(f"/post/{post}")
    for who in (BOB, MONA):
        (told,) = client(ids[who]).get(f"/api/posts/{post}/comments").json["comments"]
        assert told["hidden"]["reason"] == "rude"
        assert client(ids[who]).get(f"/api/comments/{comment}").json["hidden"] == told["hidden"]
    # Below a hidden post its author alone reads it, and nothing of the post.
    with work_as(ids[MONA]) as work:
        moderation.hide(work, posts.find(work, post), "all of it")
    assert client(ids[BOB]).get(f"/api/comments/{comment}").json["body"] == "I agree"
    client(ids[BOB]).get(f"/api/posts/{post}/comments", status=404)


def test_acl_02_who_has_no_profile_is_a_name_without_a_number(ids: Any, client: Any, registry: Any) -> None:
    with open_work(registry) as work:
        work.db.get(User, ids[ANNA]).disabled_at = utc_now()
    visitor = client()
    nameless = {"id": None, "username": ANNA, "url": None}
    assert visitor.get("/api/posts").json["posts"][0]["author"] == nameless
    assert visitor.get(f"/api/posts/{ids['post']}").json["author"] == nameless
    for path in ("", "/posts", "/followers", "/following"):
        visitor.get(f"/api/members/{ids[ANNA]}{path}", status=404)
    assert visitor.get(f"/api/members/{ids[BOB]}/following").json["members"] == []
    # Who follows them can tell, to unfollow them (`following.following`).
    (own,) = client(ids[BOB]).get(f"/api/members/{ids[BOB]}/following").json["members"]
    assert own == {"id": ids[ANNA], "username": ANNA, "url": None, "name": ""}


def test_lists_go_on_where_they_say(ids: Any, client: Any, write: Any, comment: Any) -> None:
    made = [write(ids[ANNA], f"world {number}", tags="walk") for number in range(4)]
    said = [comment(ids[BOB], ids["post"], f"so {number}") for number in range(3)]
    visitor = client()
    for path in ("/api/posts", "/api/tags/walk/posts", f"/api/members/{ids[ANNA]}/posts", "/api/search?q=world"):
        first = visitor.get(path, {"limit": "2"}).json
        assert [post["id"] for post in first["posts"]] == [made[3], made[2]], path
        assert first["newer"] is None
        second = visitor.get(first["older"]).json
        assert [post["id"] for post in second["posts"]] == [made[1], made[0]], path
        last = visitor.get(second["older"]).json
        assert ([post["id"] for post in last["posts"]], last["older"]) == ([ids["post"]], None), path
        assert visitor.get(last["newer"]).json["posts"] == second["posts"], path
        assert visitor.get(second["newer"]).json["posts"] == first["posts"], path
    first = visitor.get(f"/api/posts/{ids['post']}/comments", {"limit": "3"}).json
    assert ([item["id"] for item in first["comments"]], first["older"]) == ([ids["comment"], *said[:2]], None)
    second = visitor.get(first["newer"]).json
    assert ([item["id"] for item in second["comments"]], second["newer"]) == ([said[2]], None)
    assert visitor.get(second["older"]).json["comments"] == first["comments"]


@pytest.mark.databases("sqlite")  # what is refused reaches no database
def test_inp_06_absurd_places_and_limits_are_refused_as_json(client: Any) -> None:
    limits = ("0", "101", "%EF%BC%91", "", "-1", "1e1", "9" * 5000)
    for query in (*(f"limit={limit}" for limit in limits), "older=x", "newer=1", "older=1-1-1"):
        answer = client().get(f"/api/posts?{query}", headers={"Accept": "text/html"}, status=400)
        assert answer.content_type == "application/problem+json", query
    told = client().get("/api/posts?older=x", headers={"Accept-Language": "zh"}, status=400).json["detail"]
    assert not re.search("[a-z]{2}", told.replace("older", "")), told


def test_search_asks_for_words(client: Any) -> None:
    for query in ("", "?q=", "?q=%20", f"?q={'x' * 101}"):
        assert client().get(f"/api/search{query}", status=400).content_type == "application/problem+json"
    assert client().get("/api/search?q=absent").json == {"posts": [], "newer": None, "older": None}


def test_an_etag_names_the_state_of_a_post_and_of_a_comment(ids: Any, client: Any, comment: Any, work_as: Any) -> None:
    """CON-02: it begins with the version; what changes without an edit changes it too, so that no 304 is old."""
    visitor = client()
    for path in (f"/api/posts/{ids['post']}", f"/api/comments/{ids['comment']}"):
        etag = visitor.get(path).headers["ETag"]
        assert etag.startswith('"1-'), path
        kept = visitor.get(path, headers={"If-None-Match": etag}, status=304)
        assert (kept.body, kept.headers["ETag"]) == (b"", etag)
    path = f"/api/posts/{ids['post']}"
    before = visitor.get(path).headers["ETag"]
    comment(ids[BOB], ids["post"], "one more")
    counted = visitor.get(path, headers={"If-None-Match": before}, status=200).headers["ETag"]
    assert counted.startswith('"1-')
    with work_as(ids[ANNA]) as work:
        posts.edit(work, posts.find(work, ids["post"]), Writing("other"), version=1)
    assert visitor.get(path, headers={"If-None-Match": counted}, status=200).headers["ETag"].startswith('"2-')


def test_lists_are_one_statement(ids: Any, client: Any, statements: Any) -> None:
    visitor = client()
    asked = {
        "/api/posts": 1, f"/api/posts/{ids['post']}": 1, f"/api/comments/{ids['comment']}": 1,
        # And one for the tag, the member or the post that the address names.
        "/api/tags/walk/posts": 2, f"/api/members/{ids[ANNA]}/posts": 2, f"/api/members/{ids[ANNA]}/followers": 2,
        f"/api/posts/{ids['post']}/comments": 2,
    }  # fmt: skip
    for path, number in asked.items():
        visitor.get(path)
        assert len(statements()) == number, path
    # Two on PostgreSQL where a word is rare (`search`).
    visitor.get("/api/search?q=world")
    assert len(statements()) <= 2


class Links(HTMLParser):
    """The addresses of all links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == "href"]


@pytest.mark.databases("sqlite")  # no statement is sent
def test_xss_01_html_has_whole_addresses_of_harmless_kinds_and_is_otherwise_that_of_pages(app: Any) -> None:
    request = Request.blank("/", base_url="http://example.org")
    request.registry = app.registry
    shapes = Shapes(request)

    def html(source: str) -> str:
        return shapes._html(markdown.render(source).html, "/post/7")

    for source, address in {
        "[a](/tag/x?y=1&z=2#end)": "http://example.org/tag/x?y=1&z=2#end",
        "[a](b/c)": "http://example.org/post/b/c",
        "[a](#there)": "http://example.org/post/7#there",
        "[a](//example.net/x)": "http://example.net/x",
        "[a](https://example.net/?q=a>b 'a > b <a href=')": "https://example.net/?q=a%3Eb",
        "[a](mailto:x@example.net)": "mailto:x@example.net",
    }.items():
        assert Links(html(source)).found == [address], source
    assert html('<a href="/x"> and `<a href="/x">`') == markdown.render('<a href="/x"> and `<a href="/x">`').html
    for vector in vectors():
        stored, told = markdown.render(vector).html, html(vector)
        assert len(Links(told).found) == len(Links(stored).found)
        assert {urlsplit(address).scheme for address in Links(told).found} <= {"http", "https", "mailto"}, vector
        assert re.sub('href="[^"]*"', "", told) == re.sub('href="[^"]*"', "", stored), vector
