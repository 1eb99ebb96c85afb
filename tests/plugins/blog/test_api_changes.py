"""What programs change in the blog: with a token, by the services, limits and rules of the forms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from blog_rows import dump
from sqlalchemy import delete, func, select, table
from sqlalchemy.orm import Session
from webtest import TestApp

from flasky.plugins.blog import limits, posts
from flasky.plugins.blog.api.descriptions import RESOURCES
from flasky.plugins.blog.models import BlogMember, Comment, Follow, Post
from flasky.plugins.blog.posts import Writing

PERMISSIONS = ("blog.write", "blog.comment", "blog.follow")
ANNA, BOB, MONA = "anna", "bob", "mona"


class Program:
    """A program that acts for a member: it has a token, and no cookie."""

    def __init__(self, app: Any, token: str) -> None:
        self._app = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, sent: Any = None, *, status: int, etag: str = "", **headers: str) -> Any:
        """The answer, which must have this status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        known = {**self._headers, **named, **({"If-Match": etag} if etag else {})}
        body = b"" if sent is None else sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        return self._app.request(
            path,
            method=method,
            body=body,
            headers=known,
            status=status,
            **({"content_type": "application/json"} if sent is not None else {}),
        )


@pytest.fixture
def program(app: Any, member: Any, api_token: Any) -> Callable[..., Program]:
    """A function that makes a member and returns a program that acts for them."""

    def make(username: str = ANNA, *permissions: str, **options: Any) -> Program:
        member(username, **options)
        return Program(app, api_token(username, *(permissions or PERMISSIONS)))

    return make


@pytest.fixture
def moderator(program: Any) -> Program:
    made: Program = program(MONA, *PERMISSIONS, "blog.moderate", role="Moderator")
    return made


def test_a_post_is_written_edited_and_deleted(program: Any, client: Any, check: Any) -> None:
    """CON-02: an edit names the version that it changes; without it is 428, an older one 412, and nothing changes."""
    anna = program()
    made = anna.ask("POST", "/api/posts", {"title": "Walk", "body": "**Far**", "tags": ["Out", "胡同"]}, status=201)
    path = made.headers["Location"].removeprefix("http://localhost")
    assert path == f"/api/posts/{check('/api/posts', made, 'post')['id']}"
    assert (made.json["tags"], made.json["version"], made.json["draft"]) == (["out", "胡同"], 1, False)
    assert anna.ask("GET", path, status=200).json == made.json
    assert client().get(path).headers["ETag"] == made.headers["ETag"]
    for refused, status in (("", 428), ("*", 428), ("1", 400), ('"2"', 412), ('"x"', 412), ('"1x"', 412)):
        anna.ask("PATCH", path, {"body": "lost"}, etag=refused, status=status)
        anna.ask("DELETE", path, etag=refused, status=status)
    changed = anna.ask("PATCH", path, {"body": "Near"}, etag=made.headers["ETag"], status=200)
    check("/api/posts/{id}", changed, "patch")
    told = {**made.json, "body": "Near", "html": "<p>Near</p>\n", "summary": "<p>Near</p>\n", "version": 2}
    assert changed.json == told | {"edited_at": changed.json["edited_at"]}
    # An older version changes nothing; any of those named will do, also when a proxy made it weak.
    anna.ask("PATCH", path, {"title": "x"}, etag=made.headers["ETag"], status=412)
    anna.ask("DELETE", path, etag=made.headers["ETag"], status=412)
    last = anna.ask("PATCH", path, {"title": "Stroll"}, etag=f'"9", W/{changed.headers["ETag"]}', status=200)
    assert (last.json["title"], last.json["body"], last.json["tags"]) == ("Stroll", "Near", ["out", "胡同"])
    # What is stored already is no edit.
    assert anna.ask("PATCH", path, {}, etag='"3"', status=200).json == last.json
    assert "Stroll" in client().get("/")
    anna.ask("DELETE", path, etag=last.headers["ETag"], status=204)
    anna.ask("GET", path, status=404)


@pytest.mark.databases("sqlite")  # it keeps the last ids in a table of its own
def test_an_etag_names_no_other_text_that_was_given_the_same_id(program: Any, moderator: Any, db: Session) -> None:
    """CON-02: as when an older copy of the database was put back, which gives numbers again."""
    anna = program()
    post = f"/api/posts/{anna.ask('POST', '/api/posts', {'body': 'below'}, status=201).json['id']}"
    for at, pattern in ((f"{post}/comments", "/api/comments/{}"), ("/api/posts", "/api/posts/{}")):
        gone = anna.ask("POST", at, {"body": "rude"}, status=201)
        path = pattern.format(gone.json["id"])
        anna.ask("DELETE", path, etag=gone.headers["ETag"], status=204)
        db.execute(delete(table("sqlite_sequence")))
        db.commit()
        fine = anna.ask("POST", at, {"body": "fine"}, status=201)
        assert fine.json["id"] == gone.json["id"]
        anna.ask("PATCH", path, {"body": "lost"}, etag=gone.headers["ETag"], status=412)
        anna.ask("DELETE", path, etag=gone.headers["ETag"], status=412)
        moderator.ask("PUT", f"{path}/hidden", {"reason": "rude"}, etag=gone.headers["ETag"], status=412)
        anna.ask("PATCH", path, {"body": "better"}, etag=f"{gone.headers['ETag']}, {fine.headers['ETag']}", status=200)
        # Whoever sends the version alone says nothing of the text.
        anna.ask("DELETE", path, etag='"2"', status=204)


def test_a_draft_is_published_once(program: Any, client: Any, check: Any) -> None:
    anna = program()
    made = anna.ask("POST", "/api/posts", {"body": "not yet", "draft": True}, status=201)
    path = f"/api/posts/{made.json['id']}"
    assert (made.json["draft"], made.json["published_at"]) == (True, None)
    client().get(path, status=404)
    (listed,) = check("/api/drafts", anna.ask("GET", "/api/drafts", status=200))["posts"]
    assert (listed["id"], listed["draft"], listed["hidden"]) == (made.json["id"], True, None)
    kept = anna.ask("PATCH", path, {"title": "T"}, etag=made.headers["ETag"], status=200)
    assert kept.json["draft"]
    public = anna.ask("PATCH", path, {"draft": False}, etag=kept.headers["ETag"], status=200)
    assert client().get(path).json == public.json
    assert public.json["published_at"]
    assert anna.ask("GET", "/api/drafts", status=200).json["posts"] == []
    refused = anna.ask("PATCH", path, {"draft": True}, etag=public.headers["ETag"], status=422)
    assert refused.json["errors"] == {"draft": ["It is published, and is no draft any more."]}


def test_con_03_a_repeated_request_makes_one_post_and_one_comment(program: Any, db: Session) -> None:
    anna, key = program(), "8e03978e-40d5-43dd-bc93-6894a57f9324"
    first = anna.ask("POST", "/api/posts", {"body": "once"}, Idempotency_Key=key, status=201)
    again = anna.ask("POST", "/api/posts", {"body": "once"}, Idempotency_Key=f'"{key}"', status=201)
    assert (again.json, again.headers["Location"]) == (first.json, first.headers["Location"])
    anna.ask("POST", "/api/posts", {"body": "other"}, Idempotency_Key=key, status=409)
    # Another key, or none, means another post.
    for more in ({"Idempotency_Key": "other"}, {}):
        assert anna.ask("POST", "/api/posts", {"body": "once"}, **more, status=201).json["id"] != first.json["id"]
    path = f"/api/posts/{first.json['id']}/comments"
    said = [anna.ask("POST", path, {"body": "yes"}, Idempotency_Key="k", status=201).json for _twice in range(2)]
    assert said[0] == said[1]
    assert (db.scalar(select(func.count(Post.id))), db.scalar(select(func.count(Comment.id)))) == (3, 1)
    for bad in ("a" * 44, "a b", "é", '"', '"half', 'half"'):
        anna.ask("POST", "/api/posts", {"body": "x"}, Idempotency_Key=bad, status=400)
        (told,) = (part for part in RESOURCES["blog.api.posts"]["post"]["parameters"] if part["in"] == "header")
        assert not re.search(told["schema"]["pattern"], bad)


def test_a_comment_is_written_edited_and_deleted(program: Any, write: Any, member: Any, check: Any) -> None:
    anna = program()
    post = write(member(BOB), "Hello")
    made = anna.ask("POST", f"/api/posts/{post}/comments", {"body": "I _agree_"}, status=201)
    path = made.headers["Location"].removeprefix("http://localhost")
    check("/api/posts/{id}/comments", made, "post")
    assert anna.ask("GET", path, status=200).json == made.json
    for refused, status in (("", 428), ('"7"', 412)):
        anna.ask("PATCH", path, {"body": "lost"}, etag=refused, status=status)
        anna.ask("DELETE", path, etag=refused, status=status)
    changed = anna.ask("PATCH", path, {"body": "I do"}, etag=made.headers["ETag"], status=200)
    check("/api/comments/{id}", changed, "patch")
    assert (changed.json["html"], changed.json["version"]) == ("<p>I do</p>\n", 2)
    anna.ask("PATCH", path, {"body": "lost"}, etag=made.headers["ETag"], status=412)
    anna.ask("DELETE", path, etag=changed.headers["ETag"], status=204)
    anna.ask("GET", path, status=404)
    anna.ask("POST", "/api/posts/999999/comments", {"body": "x"}, status=404)


def test_acl_04_fields_that_nobody_sends_are_named_and_change_nothing(program: Any, write: Any, db: Session) -> None:
    anna = program()
    path = anna.ask("POST", "/api/posts", {"body": "mine"}, status=201).headers["Location"]
    comment = anna.ask("POST", f"{path}/comments", {"body": "mine"}, status=201).headers["Location"]
    before = dump(db)
    protected = {
        "id": 9, "author_id": 9, "author": None, "created_at": "x", "published_at": None, "listed_at": "x",
        "hidden": None, "hidden_at": None, "comment_count": 9, "html": "<b>", "version": 7, "url": "x", "post_id": 1,
    }  # fmt: skip
    for method, at in (
        ("POST", "/api/posts"), ("PATCH", path), ("POST", f"{path}/comments"), ("PATCH", comment)
    ):  # fmt: skip
        answer = anna.ask(method, at, {"body": "x", **protected}, etag='"1"', status=422)
        assert answer.json["errors"] == {name: ["There is no such field here."] for name in protected}, (method, at)
        for name, value in protected.items():
            anna.ask(method, at, {"body": "x", name: value}, etag='"1"', status=422)
    many = anna.ask("POST", "/api/posts", {f"{'n' * 50}{number}": 1 for number in range(1000)}, status=422)
    assert len(many.body) < 2000
    assert dump(db) == before


@pytest.mark.databases("sqlite")  # what is refused reaches no database
def test_inp_08_what_is_no_such_value_is_told_by_its_field_in_the_programs_language(program: Any) -> None:
    anna = program()
    kinds: dict[str, Any] = {"title": "", "body": "x", "tags": [], "draft": False}
    values = [None, True, 0, -1, 1.5, "x", "", [], ["x"], [1], {}, {"a": 1}]
    for field, good in kinds.items():
        for value in values:
            if type(value) is type(good) and value != [1]:
                continue
            errors = anna.ask("POST", "/api/posts", {"body": "x", field: value}, status=422).json["errors"]
            assert list(errors) == [field], (field, value)
    anna.ask("POST", "/api/posts", b"[]", status=422)
    for body in (
        b"{",
        b'{"body": NaN}',
        b'{"body": "\\u0000"}',
        b'{"body": "x", "body": "y"}',
        b'{"body": "\\ud800"}',
        b"\xff",
    ):
        anna.ask("POST", "/api/posts", body, status=400)
    anna.ask("POST", "/api/posts", status=415)
    chinese = {"Accept_Language": "zh-CN"}
    assert anna.ask("POST", "/api/posts", {}, **chinese, status=422).json["errors"] == {"body": ["请填写此字段。"]}
    assert anna.ask("POST", "/api/posts", {"body": " "}, **chinese, status=422).json["errors"] == {
        "body": ["请先写点内容。"]
    }


def test_inp_07_the_limits_are_those_of_the_forms(program: Any) -> None:
    anna = program()
    for field, most in (("title", limits.LONGEST_TITLE), ("body", limits.LONGEST_BODY)):
        refused = anna.ask("POST", "/api/posts", {"body": "x", field: "🙂" * (most + 1)}, status=422)
        assert refused.json["errors"] == {field: [f"At most {most} characters; these are {most + 1}."]}
    made = anna.ask("POST", "/api/posts", {"body": ("x" * 99 + "\r\n") * 300, "title": "x" * 200}, status=201)
    assert made.json["body"] == ("x" * 99 + "\n") * 300
    path = f"/api/posts/{made.json['id']}/comments"
    anna.ask("POST", path, {"body": "x" * (limits.LONGEST_COMMENT + 1)}, status=422)
    anna.ask("POST", path, {"body": "x" * limits.LONGEST_COMMENT}, status=201)
    for tags in (["a b"], ["a,b"], [""], ["<b>"], list("abcdef"), ["x" * 31], ["x"] * 10_000):
        assert list(anna.ask("POST", "/api/posts", {"body": "x", "tags": tags}, status=422).json["errors"]) == ["tags"]


def test_following_is_the_same_however_often_it_is_asked(program: Any, write: Any, db: Session, check: Any) -> None:
    anna, bob = program(), program(BOB)
    post = write(2, "by bob")
    for _twice in range(2):
        anna.ask("PUT", "/api/following/2", status=204)
    assert db.scalars(select(Follow.followed_id)).all() == [2]
    assert db.get(BlogMember, 2).follower_count == 1
    db.rollback()
    told = check("/api/timeline", anna.ask("GET", "/api/timeline", status=200))
    assert [item["id"] for item in told["posts"]] == [post]
    assert bob.ask("GET", "/api/members/1", status=200).json["follows_me"]
    for _twice in range(2):
        anna.ask("DELETE", "/api/following/2", status=204)
    assert db.scalars(select(Follow.followed_id)).all() == []
    db.rollback()
    assert anna.ask("GET", "/api/timeline", status=200).json["posts"] == []
    assert anna.ask("PUT", "/api/following/1", status=403).json["detail"] == "You cannot follow yourself."
    for method in ("PUT", "DELETE"):
        anna.ask(method, "/api/following/999", status=404)


def test_moderators_hide_with_a_reason_and_show_again(
    program: Any, moderator: Program, member: Any, app: Any, api_token: Any, client: Any
) -> None:
    anna = program()
    post = anna.ask("POST", "/api/posts", {"body": "rude"}, status=201)
    path = post.headers["Location"]
    comment = anna.ask("POST", f"{path}/comments", {"body": "rude, too"}, status=201).headers["Location"]
    # The comment first: below a hidden post nobody else sees it.
    for at in (comment, path):
        assert list(moderator.ask("PUT", f"{at}/hidden", {"reason": " "}, status=422).json["errors"]) == ["reason"]
        moderator.ask("PUT", f"{at}/hidden", {"reason": "x" * 501}, status=422)
        moderator.ask("PUT", f"{at}/hidden", {"reason": "rude"}, etag='"2"', status=412)
        moderator.ask("PUT", f"{at}/hidden", {"reason": "rude"}, etag='"1"', status=204)
        for whichever in ("*", ""):
            moderator.ask("PUT", f"{at}/hidden", {"reason": "rude"}, If_Match=whichever, status=204)
        moderator.ask("PUT", f"{at}/hidden", {"reason": "otherwise"}, status=409)
        assert anna.ask("GET", at, status=200).json["hidden"]["reason"] == "rude"
        client().get(at, status=404)
        anna.ask("DELETE", f"{at}/hidden", status=403)
    (listed,) = anna.ask("GET", "/api/drafts", status=200).json["posts"]
    assert listed["hidden"]["reason"] == "rude"
    for at in (path, comment):
        for _twice in range(2):
            moderator.ask("DELETE", f"{at}/hidden", status=204)
        client().get(at)
    draft = anna.ask("POST", "/api/posts", {"body": "x", "draft": True}, status=201).headers["Location"]
    moderator.ask("PUT", f"{draft}/hidden", {"reason": "x"}, status=404)
    # One's own another moderator decides about, where there is one.
    member("max", role="Moderator")
    own = moderator.ask("POST", "/api/posts", {"body": "mine"}, status=201).headers["Location"]
    assert "another moderator" in moderator.ask("PUT", f"{own}/hidden", {"reason": "x"}, status=403).json["detail"]


def test_a_token_does_what_it_was_made_for(program: Any, member: Any, write: Any) -> None:
    anna = program(ANNA, "blog.follow")
    anna.ask("GET", "/api/timeline", status=200)
    anna.ask("POST", "/api/posts", {"body": "x"}, status=403)
    anna.ask("POST", f"/api/posts/{write(member(BOB))}/comments", {"body": "x"}, status=403)
    anna.ask("GET", "/api/drafts", status=403)


def test_rte_02_the_pace_is_that_of_the_forms(program: Any, registry: Any) -> None:
    anna = program()
    registry.settings["blog.posts_per_hour"] = 1
    try:
        anna.ask("POST", "/api/posts", {"body": "x"}, status=201)
        answer = anna.ask("POST", "/api/posts", {"body": "y"}, status=429)
    finally:
        registry.settings["blog.posts_per_hour"] = 30
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "application/problem+json"


def test_con_02_who_is_overtaken_overwrites_nothing(program: Any, work_as: Any, monkeypatch: Any) -> None:
    """Somebody saves between the reading of the post and the lock of the service."""
    anna = program()
    made = anna.ask("POST", "/api/posts", {"body": "first", "title": "kept"}, status=201)
    path, post = f"/api/posts/{made.json['id']}", made.json["id"]
    with work_as(1) as work:
        posts.edit(work, posts.find(work, post), Writing("second", "kept"), version=1)
    anna.ask("PATCH", path, {"title": "other"}, etag=made.headers["ETag"], status=412)
    told = anna.ask("GET", path, status=200)
    assert (told.json["body"], told.json["title"]) == ("second", "kept")
    anna.ask("PATCH", path, {"title": "other"}, etag=told.headers["ETag"], status=200)
    assert anna.ask("GET", path, status=200).json["body"] == "second"
