"""Following: rows, counters, lists, and the home page of those one follows."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.errors import Refused
from flasky.plugins.accounts.models import RolePermission, User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import following, members, posts, reading, timeline
from flasky.plugins.blog.errors import NotAllowed
from flasky.plugins.blog.events import Followed, Unfollowed
from flasky.plugins.blog.models import BlogAuthor, BlogMember, Follow, Post
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.reading import Bounds, Way
from flasky.plugins.blog.storage import note_published

#: Posts on a page.
PAGE = 20


@pytest.fixture
def follow(work_as: Any) -> Any:
    """A function by which a member follows others."""

    def do(follower: int, *followed: int) -> None:
        for user_id in followed:
            with work_as(follower) as work:
                following.follow(work, work.db.get(User, user_id))

    return do


def test_nobody_follows_themselves_not_even_in_the_table(member: Any, work_as: Any, db: Session) -> None:
    anna = member()
    with pytest.raises(Refused, match="yourself"), work_as(anna) as work:
        following.follow(work, work.db.get(User, anna))
    with pytest.raises(IntegrityError):
        db.execute(insert(Follow).values(follower_id=anna, followed_id=anna, created_at=utc_now()))
    db.rollback()
    assert db.scalar(select(func.count()).select_from(Follow)) == 0


def test_following_twice_is_once_and_so_is_leaving(member: Any, work_as: Any, db: Session) -> None:
    anna, bob = member("anna"), member("bob")
    results = []
    for change in (following.follow, following.follow, following.unfollow, following.unfollow, following.follow):
        with work_as(bob) as work:
            results.append(change(work, work.db.get(User, anna)))
    assert results == [True, False, True, False, True]
    assert db.get(BlogMember, anna).follower_count == 1
    assert (db.get(BlogMember, bob).following_count, db.get(BlogMember, bob).follower_count) == (1, 0)


@pytest.mark.databases("sqlite")
def test_other_plugins_hear_who_follows_and_no_longer_does(member: Any, work_as: Any, registry: Any) -> None:
    anna, bob = member("anna"), member("bob")
    heard: list[tuple[Any, ...]] = []

    def hear(event: Any) -> None:
        heard.append((type(event), event.follower_id, (event.followed if began(event) else event.unfollowed).id))

    def began(event: Any) -> bool:
        return isinstance(event, Followed)

    for kind in (Followed, Unfollowed):
        registry.registerHandler(hear, (kind,))
    for change in (following.follow, following.follow, following.unfollow, following.unfollow):
        with work_as(bob) as work:
            change(work, work.db.get(User, anna))
    for kind in (Followed, Unfollowed):
        registry.unregisterHandler(hear, (kind,))
    assert heard == [(Followed, bob, anna), (Unfollowed, bob, anna)]


def test_who_is_not_signed_in_follows_nobody(member: Any, registry: Any) -> None:
    anna = member()
    with open_work(registry) as work, pytest.raises(NotAllowed):
        following.follow(work, work.db.get(User, anna))


def test_each_sees_how_they_stand(member: Any, follow: Any, work_as: Any, registry: Any) -> None:
    anna, bob = member("anna"), member("bob")
    follow(bob, anna)
    with work_as(bob) as work:
        assert following.standing(work, anna) == following.Standing(1, 0, is_followed=True, follows_me=False)
        assert following.standing(work, bob) == following.Standing(0, 1, is_followed=False, follows_me=False)
    with work_as(anna) as work:
        assert following.standing(work, bob) == following.Standing(0, 1, is_followed=False, follows_me=True)
    with open_work(registry) as work:
        assert following.standing(work, anna) == following.Standing(1, 0, is_followed=False, follows_me=False)


def test_lists_of_people_go_on_by_keyset(member: Any, follow: Any, registry: Any) -> None:
    anna = member("anna")
    others = [member(f"follower{number}") for number in range(3)]
    for other in others:
        follow(other, anna)
    follow(anna, *others)
    with open_work(registry) as work:
        for read in (following.followers, following.following):
            first = read(work, anna, limit=2)
            rest = read(work, anna, Bounds(above=first.on), limit=2)
            assert [person.id for person in [*first.rows, *rest.rows]] == others
            assert (first.back, rest.on) == (None, None)
            assert read(work, anna, Bounds(below=rest.back), limit=2).rows == first.rows


def test_the_page_of_followers_goes_on(member: Any, follow: Any, client: Any) -> None:
    anna = member("anna")
    for number in range(51):
        follow(member(f"follower{number}"), anna)
    page = client().get(f"/people/{anna}/followers")
    assert page.text.count("/user/follower") == 50
    page = page.click("Next page")
    assert page.text.count("/user/follower") == 1
    page = page.click("Previous page").follow()
    assert page.text.count("/user/follower") == 50
    assert page.request.query_string == ""
    beyond = client().get(f"/people/{anna}/followers?after=999999999")
    assert beyond.click("To its beginning").text.count("/user/follower") == 50


def test_a_list_of_followers_says_since_when_and_lets_one_follow_back(
    member: Any, follow: Any, client: Any, statements: Any
) -> None:
    anna, bob, carl = (member(name) for name in ("anna", "bob", "carl"))
    follow(bob, anna)
    follow(carl, anna)
    follow(anna, carl)
    browser = client(anna)
    path = f"/people/{anna}/followers"
    browser.get(path)
    statements().clear()
    page = browser.get(path)
    # Who asks, whose list it is, and the list.
    assert len(statements()) == 3
    assert page.html.h1.a["href"] == "/user/anna"
    assert page.html.h1.get_text() == "Who follows anna"
    rows = page.html.select(".people li")
    assert [(row.a.get_text(), row.button.get_text()) for row in rows] == [("bob", "Follow"), ("carl", "Unfollow")]
    for row in rows:
        assert row.select_one(".avatar")
        assert row.time["datetime"].endswith("Z")
        assert "since" in row.get_text()
    answer = page.forms[f"follow-{bob}"].submit()
    assert answer.location == f"http://localhost{path}#member-{bob}"
    assert "You follow bob now." in answer.follow()
    # Nobody follows themselves, and who is not signed in nobody.
    assert browser.get(f"/people/{carl}/followers").html.select(".people form") == []
    assert client().get(path).html.select(".people form") == []
    # Nobody is led away from the site by its button.
    form = browser.get(path).forms[f"follow-{bob}"]
    form["next"] = "//evil.example/"
    assert form.submit().location == f"http://localhost/people/{bob}/posts"


def test_who_is_shut_out_is_in_no_list_and_cannot_be_followed(
    member: Any, follow: Any, client: Any, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    follow(bob, anna)
    with open_work(registry) as work:
        work.db.get(User, bob).disabled_at = utc_now()
    visitor = client()
    assert "bob" not in visitor.get(f"/people/{anna}/followers")
    for path in (
        f"/people/{bob}/posts",
        f"/people/{bob}/followers",
        f"/people/{bob}/following",
        "/people/999/followers",
    ):
        visitor.get(path, status=404)
    browser = client(anna)
    token = browser.get("/notices").forms[0]["csrf_token"].value
    for path in (f"/follow/{bob}", "/follow/999"):
        browser.post(path, {"csrf_token": token}, status=404)


@pytest.mark.databases("sqlite")
def test_a_list_without_those_who_are_counted_says_so(member: Any, follow: Any, client: Any, registry: Any) -> None:
    anna, bob = member("anna"), member("bob")
    page = client().get(f"/people/{anna}/followers")
    assert "Nobody yet" in page
    follow(bob, anna)
    with open_work(registry) as work:
        work.db.get(User, bob).disabled_at = utc_now()
    assert "1 follower" in client().get(f"/people/{anna}/posts").text
    page = client().get(f"/people/{anna}/followers")
    assert "Nobody yet" not in page
    assert "those who are counted" in page


def test_who_is_shut_out_can_be_followed_no_longer(
    member: Any, follow: Any, client: Any, registry: Any, work_as: Any
) -> None:
    """They have no page with a button: one comes back to those whom one follows."""
    anna, bob = member("anna"), member("bob")
    follow(anna, bob)
    with open_work(registry) as work:
        work.db.get(User, bob).disabled_at = utc_now()
    browser = client(anna)
    token = browser.get("/notices").forms[0]["csrf_token"].value
    answer = browser.post(f"/unfollow/{bob}", {"csrf_token": token, "back": "profile"}, status=303)
    assert "You no longer follow bob" in answer.follow(status=200)
    with work_as(anna) as work:
        assert following.standing(work, anna).following == 0
    # Whom one does not follow is not named.
    browser.post(f"/unfollow/{bob}", {"csrf_token": token}, status=404)
    browser.post("/unfollow/999", {"csrf_token": token}, status=404)


def test_the_page_says_why_one_cannot_follow_oneself(member: Any, client: Any) -> None:
    anna = member()
    browser = client(anna)
    assert f"/follow/{anna}" not in browser.get(f"/people/{anna}/posts")
    token = browser.get("/notices").forms[0]["csrf_token"].value
    assert "You cannot follow yourself" in browser.post(f"/follow/{anna}", {"csrf_token": token}).follow()


@pytest.fixture
def few_followed() -> None:
    """Each of those whom somebody follows is looked up."""


@pytest.fixture
def many_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows anybody follows many, and only four posts are gone through at first."""
    monkeypatch.setattr(timeline, "_FEW", 0)
    monkeypatch.setattr(timeline, "_WINDOW", 4)


@pytest.fixture
def very_many_followed(many_followed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows anybody follows so many that they are not made a table of."""
    monkeypatch.setattr(timeline, "_MANY", 0)
    monkeypatch.setattr(timeline, "_SMALL_WINDOW", 4)


@pytest.fixture
def more_than_the_last(many_followed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those whom somebody follows not all are looked up who wrote last."""
    monkeypatch.setattr(timeline, "_FOR_EACH", 1)


@pytest.fixture
def add_posts(db: Session) -> Any:
    """A function that writes posts, each an author and a moment, straight into the table; it returns the ids of all.

    The moments have to be in their order.
    """

    def add(posts: list[tuple[int, datetime]]) -> list[int]:
        columns = {"body": "x", "html": "x", "summary": "x", "pipeline": 1, "version": 1, "created_at": utc_now()}
        rows = [{**columns, "author_id": author, "listed_at": moment} for author, moment in posts]
        db.execute(insert(inspect(Post).local_table), rows)
        note_published(db, dict(posts))
        return list(db.scalars(select(Post.id).order_by(Post.id)))

    return add


@pytest.mark.parametrize("so_many", ["few_followed", "many_followed", "very_many_followed", "more_than_the_last"])
@pytest.mark.parametrize("is_gone", [False, True], ids=["", "what_they_wrote_last_is_gone"])
def test_the_posts_of_those_one_follows_are_in_order_however_many_they_are(
    so_many: str, is_gone: bool, member: Any, follow: Any, add_posts: Any, db: Session, request: pytest.FixtureRequest
) -> None:
    """Also where several were listed at the same moment: their ids decide."""
    request.getfixturevalue(so_many)
    people = {letter: member(f"member-{letter}") for letter in "abcde"}
    follow(people["a"], *(people[letter] for letter in "bde"))

    def page(way: Way, cursor: reading.Cursor | None) -> reading.Listing:
        return timeline.of_followed(db.connection(), people["a"], 3, way, cursor, 2)

    now = utc_now()
    patterns = "bbbbbbbb bcbcbcbc bbbbcccc ccccbbbb bccccccb bccccbb cccccccc adcebbbb bbbbadce bdbdecccc"
    for pattern in patterns.split():
        for at_once in (1, 4):
            db.execute(delete(Post))
            db.execute(delete(BlogAuthor))
            if is_gone:
                add_posts([(people[letter], now + timedelta(seconds=9)) for letter in "bd"])
                db.execute(delete(Post))
            posts = add_posts(
                [(people[letter], now + timedelta(seconds=number // at_once)) for number, letter in enumerate(pattern)]
            )
            wanted = [post for post, letter in zip(posts, pattern, strict=True) if letter != "c"]
            listing = page(Way.FIRST, None)
            found = [row.id for row in listing.rows]
            while listing.older:
                listing = page(Way.OLDER, listing.older)
                found += [row.id for row in listing.rows]
            assert found == wanted[::-1], pattern
            back = [row.id for row in reversed(listing.rows)]
            while listing.newer:
                listing = page(Way.NEWER, listing.newer)
                back += [row.id for row in reversed(listing.rows)]
            assert back == wanted, pattern


def test_when_somebody_last_published_is_remembered(member: Any, work_as: Any, write: Any, read_value: Any) -> None:
    """What is hidden or gone since counts, a draft does not: it is a bound, and never too early."""
    anna = member("anna")
    last = select(BlogAuthor.published_at).where(BlogAuthor.user_id == anna)
    draft = write(anna, draft=True)
    assert read_value(last) is None
    first = write(anna)
    moment = read_value(select(Post.published_at).where(Post.id == first))
    assert read_value(last) == moment
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, draft), Writing("Published now."), version=1)
    later = read_value(select(Post.published_at).where(Post.id == draft))
    assert read_value(last) == later > moment
    with work_as(anna) as work:
        posts.remove(work, posts.find(work, draft))
        note_published(work.db, {anna: moment})
    assert read_value(last) == later


@pytest.fixture
def read_value(db: Session) -> Any:
    """A function that returns what a statement selects, and leaves no transaction open."""

    def read(statement: Any) -> Any:
        value = db.scalar(statement)
        db.rollback()
        return value

    return read


def _steps(db: Session, ask: Any) -> int:
    """How many of SQLite's own steps it takes, in tens."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver = db.connection().connection.driver_connection
    driver.set_progress_handler(count, 10)
    ask()
    driver.set_progress_handler(None, 0)
    return steps


@pytest.mark.databases("sqlite")
def test_a_page_of_those_one_follows_costs_no_more_where_they_wrote_much(
    member: Any, follow: Any, add_posts: Any, db: Session
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    follow(anna, bob, carl)

    def ask() -> None:
        assert len(timeline.of_followed(db.connection(), anna, 2, Way.FIRST, None, 2).rows) == 2

    add_posts([(bob, utc_now()), (carl, utc_now())] * 4)
    before = _steps(db, ask)
    add_posts([(bob, utc_now()), (carl, utc_now())] * 500)
    assert _steps(db, ask) < 2 * before


@pytest.fixture
def filtered(client: Any) -> Any:
    """A function that returns a member's browser whose home page shows those whom they follow."""

    def browser(user_id: int) -> Any:
        made = client(user_id)
        made.set_cookie("posts", "followed")
        return made

    return browser


def test_the_home_page_of_those_one_follows_is_two_statements(
    member: Any, follow: Any, write: Any, filtered: Any, statements: Any
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    for name, user_id in (("bob", bob), ("anna", anna), ("carl", carl)):
        write(user_id, f"by {name}.", title="A post")
    follow(anna, bob)
    browser = filtered(anna)
    page = browser.get("/")
    assert len(statements()) == 2
    # One's own posts are among them, in their place.
    assert re.findall(r"by (\w+)\.", page.text) == ["anna", "bob"]
    browser.set_cookie("posts", "nonsense")
    assert "by carl" in browser.get("/")


def test_who_follows_many_who_write_little_takes_two_statements_more(
    member: Any, follow: Any, write: Any, filtered: Any, statements: Any, many_followed: None
) -> None:
    anna, bob = member("anna"), member("bob")
    write(bob, "by bob")
    follow(anna, bob)
    assert "by bob" in filtered(anna).get("/")
    # Besides who asks: the next posts of the site, who of them wrote last, and what these wrote.
    assert len(statements()) == 4


@pytest.mark.parametrize("gone", [1, 2 * PAGE])
def test_every_page_of_who_follows_many_keeps_to_the_statements_it_declares(
    member: Any, follow: Any, add_posts: Any, filtered: Any, db: Session, many_followed: None, gone: int
) -> None:
    """There is an error page for whoever sends more, but in production (P6): also where posts of so many are gone."""
    anna, bob, carl = (member(name) for name in ("anna", "bob", "carl"))
    others = [member(f"gone-{number}") for number in range(gone)]
    follow(anna, bob, *others)
    now = utc_now()
    add_posts([(bob, now + timedelta(seconds=number)) for number in range(30)])
    add_posts([(other, now + timedelta(minutes=1)) for other in others])
    db.execute(delete(Post).where(Post.author_id.in_(others)))
    add_posts([(carl, now + timedelta(minutes=2 + number)) for number in range(9)])
    db.commit()
    browser = filtered(anna)
    page = browser.get("/")
    assert len(page.html.select(".post")) == PAGE
    older = page.click("Older")
    assert len(older.html.select(".post")) == 30 - PAGE
    assert len(older.click("Newer").maybe_follow().html.select(".post")) == PAGE
    assert len(browser.get("/api/timeline").json["posts"]) == PAGE


def test_who_follows_nobody_is_told_how_to_find_people(member: Any, write: Any, filtered: Any) -> None:
    write(member("bob"), "by bob")
    anna = filtered(member("anna"))
    page = anna.get("/")
    assert "by bob" not in page
    assert "what those write whom you follow" in page
    assert "bob" in page.click("To the list of members")
    assert "The list ends here" in anna.get("/?older=1-1")


def test_who_may_not_follow_is_in_no_filter_that_they_cannot_leave(
    member: Any, write: Any, filtered: Any, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    write(bob, "by bob")
    browser = filtered(anna)
    assert "Those I follow" in browser.get("/")
    with open_work(registry) as work:
        work.db.add(RolePermission(role_id=work.db.get(User, anna).role_id, permission="blog.follow", granted=False))
    page = browser.get("/")
    assert "by bob" in page
    assert "Those I follow" not in page


def test_following_from_a_profile_leads_back_to_it_and_says_who_follows_whom(
    member: Any, follow: Any, client: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    follow(bob, anna)
    browser = client(anna)
    for path, button in (("/user/bob", "Follow"), ("/user/bob", "Unfollow"), (f"/people/{bob}/posts", "Follow")):
        page = browser.get(path)
        assert "follows you" in page
        form = next(form for form in page.forms.values() if "follow/" in form.action)
        assert button in form.text
        assert form.submit().follow().request.path == path
    assert "follows you" not in client(bob).get("/user/bob")


@pytest.mark.parametrize("field", ["disabled_at", "deletion_due_at"])
def test_who_has_no_profile_is_in_no_list_of_people_and_no_link_leads_there(
    field: str, member: Any, write: Any, comment: Any, follow: Any, client: Any, registry: Any
) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(bob, "by bob, who leaves")
    comment(bob, post)
    comment(bob, write(anna, "x"))
    follow(bob, anna)
    follow(anna, bob)
    with open_work(registry) as work:
        setattr(work.db.get(User, bob), field, utc_now())
    browser = client(anna)
    for path in ("/user/bob", *(f"/people/{bob}/{page}" for page in ("posts", "followers", "following"))):
        browser.get(path, status=404)
    for path in (f"/feed/people/{bob}", f"/member/{bob}"):
        browser.get(path, status=404)
    for who, path in ((anna, "followers"), (None, "following"), (member("carl"), "following")):
        # The text: a token of a form may have these letters.
        assert "bob" not in client(who).get(f"/people/{anna}/{path}").html.find(id="content").get_text()
    for path in (f"/post/{post}", "/notices", "/search?q=leaves"):
        page = browser.get(path)
        assert "bob" in page, path
        assert "/user/bob" not in page, path
    # Whom one follows oneself is to be unfollowed. Their own picture is for nobody else then.
    with open_work(registry) as work:
        work.db.get(User, bob).avatar_version = 5
    page = browser.get(f"/people/{anna}/following")
    assert page.html.select_one(f"#member-{bob} svg.avatar")
    assert f"/avatar/{bob}/" not in page
    assert "/user/bob" not in page
    form = next(form for form in page.forms.values() if "/unfollow/" in form.action)
    page = form.submit().follow()
    assert "You no longer follow bob" in page
    assert "bob" not in page.html.find(id="content").get_text().replace("follow bob", "")


def test_a_member_takes_along_what_is_theirs(member: Any, follow: Any, write: Any, comment: Any, registry: Any) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna, "mine", title="Title", tags="b a")
    write(anna, "draft", draft=True)
    comment(anna, write(bob, "theirs"), "my comment")
    comment(bob, post, "their comment")
    follow(anna, bob)
    with open_work(registry) as work:
        taken = members.export(work, work.db.get(User, anna))
    assert [(item["body"], item["tags"]) for item in taken["posts"]] == [("mine", ["a", "b"]), ("draft", [])]
    assert [item["body"] for item in taken["comments"]] == ["my comment"]
    assert taken["following"] == ["bob"]
    assert re.search("theirs|their comment", str(taken)) is None


def test_drafts_leave_with_their_author_and_posts_stay_without_a_name(
    member: Any, write: Any, registry: Any, client: Any
) -> None:
    anna = member("wanderer")
    draft, post = write(anna, "draft", draft=True), write(anna, "published", tags="walk")
    with open_work(registry) as work:
        members.erase(work, work.db.get(User, anna))
        work.db.delete(work.db.get(User, anna))
    visitor = client()
    visitor.get(f"/post/{draft}", status=404)
    for path in (f"/post/{post}", "/", "/tag/walk"):
        page = visitor.get(path)
        assert "published" in page
        assert "a former member" in page
        assert "wanderer" not in page
    assert "published" in visitor.get("/feed")
