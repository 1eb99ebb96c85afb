"""The pages of the blog, as browsers use them."""

from __future__ import annotations

import re
from typing import Any

import feedparser
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from flasky.database import utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Limit, open_work
from flasky.plugins.blog import comments, moderation, notices, pace, posts
from flasky.plugins.blog.models import Comment, Follow, Post, Report
from flasky.plugins.main.home import HOME
from flasky.testing.mailbox import Mailbox, text_of


def send(page: Any, *, status: int | None = None, **values: Any) -> Any:
    """Fill the page's own form (not the one that switches the language) and send it."""
    form = next(form for form in page.forms.values() if "/language" not in form.action)
    do = values.pop("do", None)
    for name, value in values.items():
        form[name] = value
    return form.submit("do" if do else None, value=do, status=status)


def stored(db: Session, statement: Any) -> Any:
    """One value of the database, without keeping SQLite's lock for writing."""
    value = db.scalar(statement)
    db.rollback()
    return value


def publish(browser: Any, body: str, **values: Any) -> Any:
    return send(browser.get("/write"), body=body, **values)


def test_the_home_page_is_one_statement_for_everybody_and_two_for_a_member(
    client: Any, member: Any, write: Any, statements: Any, registry: Any
) -> None:
    anna = member()
    for number in range(3):
        write(anna, f"Post {number}", title=f"Title {number}", tags="walk 胡同")
    visitor = client()
    assert "Title 2" in visitor.get("/")
    visitor.get("/")
    assert len(statements()) == 1
    assert "Title 2" in client(anna).get("/")
    assert len(statements()) == 2
    registry.settings["blog.keep_lists"] = False
    try:
        assert "Title 2" in visitor.get("/")
        assert len(statements()) == 1
    finally:
        registry.settings["blog.keep_lists"] = True


def test_a_list_is_planned_once_and_joins_no_table_of_all_members(
    client: Any, member: Any, write: Any, statements: Any
) -> None:
    write(member(), "Hello")
    client(member("bob")).get("/")
    # What PostgreSQL does of a join of 100,000 members, and of a LIMIT it does not know: see `reading`.
    assert " JOIN " not in statements()[-1]
    assert "LIMIT 21" in statements()[-1]


def test_a_kept_list_is_never_old(client: Any, member: Any, write: Any, comment: Any) -> None:
    anna, visitor = member(), client()
    assert "There is nothing here yet" in visitor.get("/")
    post = write(anna, "First")
    page = visitor.get("/")
    assert "First" in page
    assert "0 comments" in page
    comment(anna, post)
    assert "1 comment" in visitor.get("/")
    page = visitor.get("/")
    visitor.get("/", headers={"If-None-Match": page.headers["ETag"]}, status=304)
    write(anna, "Second")
    assert "Second" in visitor.get("/", headers={"If-None-Match": page.headers["ETag"]}, status=200)


def test_writing_previewing_and_publishing(client: Any, member: Any, db: Session) -> None:
    browser = client(member())
    page = publish(browser, "# Hello\n\nThis is **bold** @nobody", title="My walk", tags="Walk, 胡同", do="preview")
    assert "<strong>bold</strong>" in page
    assert stored(db, select(func.count()).select_from(Post)) == 0
    done = send(page).follow()
    assert done.status_int == 200
    assert "<strong>bold</strong>" in done
    assert 'href="/tag/%E8%83%A1%E5%90%8C"' in done
    assert "My walk" in browser.get("/tag/walk")
    assert browser.get("/tag/WALK", status=303).location.endswith("/tag/walk")
    assert browser.get("/tag/WALK?older=1.2-3", status=303).location.endswith("/tag/walk?older=1.2-3")
    browser.get("/tag/nothing", status=404)


@pytest.mark.databases("sqlite")
def test_the_switch_of_languages_keeps_what_was_typed_and_stores_no_text(
    client: Any, member: Any, write: Any, comment: Any, db: Session
) -> None:
    """On pages with a form for a text the switch belongs to that form, which answers with a preview."""
    anna = member()
    browser, post = client(anna), write(anna)
    typed = publish(browser, "**bold** words", title="My walk", tags="walk", do="preview")
    remark = send(browser.get(f"/post/{post}"), body="**bold** words", do="preview")
    mine = browser.get(f"/comment/{comment(anna, post)}/edit")
    for page in (typed, remark, mine):
        [button] = page.html.select("footer button[name=language]")
        form = page.forms[button["form"]]
        assert button.has_attr("formnovalidate")
        form["body"] = "*newer* words"
        other = form.submit("language", value=button["value"], status=200)
        assert other.html.html["lang"] == other.headers["Content-Language"] == button["value"]
        assert f"language={button['value']};" in other.headers["Set-Cookie"]
        assert "<em>newer</em> words" in other
        assert other.forms[button["form"]]["body"].value == "*newer* words"
    for language in ("en", "zh", "en"):
        empty = browser.get("/write").forms["text"].submit("language", value=language, status=200)
        assert empty.html.html["lang"] == stored(db, select(User.language)) == language
        assert empty.html.select(".form-fault") == []
    form = typed.forms["text"]
    form["title"] = "x" * 201
    refused = form.submit("language", value="zh")
    assert "最多 200 个字符；现在有 201 个。" in refused
    send(refused, title="My walk", status=303)
    assert stored(db, select(Post.title).order_by(Post.id.desc())) == "My walk"
    assert stored(db, select(Comment.body)) == "I agree"


@pytest.mark.databases("sqlite")
def test_the_switch_of_languages_keeps_a_reason_and_decides_nothing(
    client: Any, member: Any, write: Any, db: Session
) -> None:
    browser, post = client(member("mona", role="Moderator")), write(member())
    for path in (f"/post/{post}/report", f"/post/{post}/hide"):
        page = browser.get(path)
        for language in ("zh", "en"):
            page.forms["text"]["reason"] = f"{language} reason"
            page = page.forms["text"].submit("language", value=language, status=200)
            assert page.html.html["lang"] == language
            assert page.forms["text"]["reason"].value == f"{language} reason"
    assert stored(db, select(func.count()).select_from(Report)) == 0
    assert stored(db, select(Post.hidden_at)) is None


@pytest.mark.databases("sqlite")
def test_the_switch_of_languages_lets_nobody_decide_about_a_text_that_they_did_not_read(
    client: Any, member: Any, write: Any, work_as: Any, db: Session
) -> None:
    """CON-02"""
    anna = member()
    browser, post = client(member("mona", role="Moderator")), write(anna, "first words")
    page = browser.get(f"/post/{post}/hide")
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, post), posts.Writing("other words", "", ""), version=1)
    page.forms["text"]["reason"] = "rude"
    page = page.forms["text"].submit("language", value="zh", status=409)
    assert "other words" in page
    assert "作者在此期间修改了" in page.html.find(role="alert").get_text()
    assert page.html.html["lang"] == stored(db, select(User.language).where(User.username == "mona")) == "zh"
    # From there on they have read it.
    page.forms["text"].submit(status=303)
    assert stored(db, select(Post.hidden_reason)) == "rude"


@pytest.mark.databases("sqlite")
def test_the_switch_of_languages_below_a_post_keeps_the_comment_or_the_place(
    client: Any, member: Any, write: Any, comment: Any, db: Session
) -> None:
    anna = member()
    post = write(anna)
    for number in range(3):
        comment(anna, post, f"words {number}")
    browser, place = client(anna), f"/post/{post}?after=1"
    for language in ("zh", "en"):
        page = browser.get(place)
        [button] = page.html.select("footer button[name=language]")
        form = page.forms[button["form"]]
        # Who only reads goes on reading.
        page = form.submit("language", value=language, status=303)
        assert page.location == f"http://localhost{place}"
        assert page.follow().html.html["lang"] == language
        form["body"] = f"*new* {language}"
        page = form.submit("language", value=language, status=200)
        assert page.html.html["lang"] == language
        assert f"<em>new</em> {language}" in page
        assert page.forms["text"]["body"].value == f"*new* {language}"
    form["next"] = "https://other.example/"
    form["body"] = ""
    assert form.submit("language", value="en", status=303).location == f"http://localhost/post/{post}"
    assert stored(db, select(func.count()).select_from(Comment)) == 3
    # Who cannot comment has the plain switch.
    assert not client().get(place).html.select("footer button[form]")


@pytest.mark.databases("sqlite")
def test_the_switch_of_languages_does_without_a_preview_when_none_is_left(
    client: Any, member: Any, write: Any, comment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RTE-02: a preview is counted, as it costs as much as storing the text."""
    monkeypatch.setattr(pace, "PREVIEWS", (Limit("blog.previews", 1, 3600),))
    anna = member()
    browser, post = client(anna), write(anna)
    pages = [browser.get(path) for path in ("/write", f"/post/{post}", f"/comment/{comment(anna, post)}/edit")]
    for number, page in enumerate(pages):
        form = page.forms["text"]
        form["body"] = "*new* words"
        other = form.submit("language", value="zh", status=200)
        assert ("<em>new</em>" in other) == (number == 0)
        assert other.forms["text"]["body"].value == "*new* words"
        assert other.html.html["lang"] == "zh"
        other.forms["text"].submit("do", value="preview", status=429)


@pytest.mark.parametrize("body", ["<!-- nothing -->", "[](https://example.com)", "---"])
def test_a_post_without_title_and_text_has_a_heading_all_the_same(
    body: str, client: Any, member: Any, write: Any
) -> None:
    post = write(member(), body)
    page = client().get(f"/post/{post}")
    for element in ("h1", "title"):
        assert page.html.find(element).get_text(strip=True).removesuffix("– Flasky").strip(), element
    assert page.html.find("meta", property="og:title")["content"].strip()


@pytest.mark.databases("sqlite")
def test_text_stands_on_the_side_from_which_its_script_is_read(client: Any, member: Any, write: Any) -> None:
    """Also where it is typed: the page itself is read from the left."""
    anna = member()
    post = write(anna, "مرحبا", title="عنوان")
    for path in ("/", f"/post/{post}"):
        article = client().get(path).html.find("article")
        assert article.find(["h1", "h2"])["dir"] == "auto", path
        assert article.select_one(".post-text")["dir"] == "auto", path
    page = client(anna).get(f"/post/{post}/edit")
    assert {page.html.find(attrs={"name": name})["dir"] for name in ("title", "body", "tags")} == {"auto"}


@pytest.mark.parametrize("title", ["\u200b", "\u3164 \u115f", "\u0301"])
@pytest.mark.databases("sqlite")
def test_a_title_that_nobody_sees_is_none(title: str, client: Any, member: Any, write: Any, db: Session) -> None:
    """The title is the link to the post."""
    anna = member()
    for body, name in (("Hello **world**", "Hello world"), ("---", "#2")):
        post = write(anna, body, title=title)
        assert stored(db, select(Post.title).where(Post.id == post)) == ""
        assert client().get("/").html.find(id=f"post-{post}").h2.get_text(strip=True) == name


@pytest.mark.databases("sqlite")
def test_a_post_without_a_title_is_called_by_the_beginning_of_its_text_everywhere(
    client: Any, member: Any, write: Any, comment: Any, work_as: Any, mailbox: Mailbox
) -> None:
    """XSS-01: as text, whatever it looks like; and without what turns the line that it stands in."""
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    with work_as(anna) as work:
        notices.choose_mail(work, anna, "at_once")
    body = "Once \u202eupon <b>a</b> time, *long* ago, there was an old gate in Beijing. Nobody knew why."
    name = "Once upon <b>a</b> time, long ago, there was an old gate in…"
    post, draft = write(anna, body), write(anna, body, draft=True)
    made = comment(bob, post)
    author, other, moderator, visitor = client(anna), client(bob), client(mona), client()
    with work_as(bob) as work:
        moderation.report(work, posts.find(work, post), "Rude")
    feed = feedparser.parse(visitor.get("/feed").body)
    names = {
        "home": visitor.get("/").html.find(id=f"post-{post}").h2,
        "page": visitor.get(f"/post/{post}").html.h1,
        "draft": author.get("/drafts").html.select_one(f'h2 a[href="/post/{draft}"]'),
        "search": visitor.get("/search?q=gate").html.select_one(".posts h2"),
        "notice": author.get("/notices").html.select(".notices bdi")[-1],
        "comment": other.get(f"/comment/{made}/edit").html.select_one(f'main a[href="/comment/{made}"]'),
        "report": other.get(f"/post/{post}/report").html.h2,
        "queue": moderator.get("/moderate").html.select_one(".posts h2"),
    }
    assert {place: found and found.get_text().strip() for place, found in names.items()} == dict.fromkeys(names, name)
    assert feed.entries[0].title == name
    assert visitor.get(f"/post/{post}").html.find("meta", property="og:title")["content"] == name
    assert name in text_of(mailbox.to("anna@example.com")[0])
    with work_as(mona) as work:
        moderation.hide(work, comments.find(work, made), "Off topic")
    assert name in other.get("/drafts").html.find("main").get_text()
    assert name in other.get("/notices").html.find("main").get_text()
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, post), "Rude")
    # ACL-02: of the hidden post of somebody else nothing is told.
    for path in ("/drafts", "/notices"):
        assert "old gate" not in other.get(path), path


def test_a_draft_is_seen_by_its_author_alone(client: Any, member: Any) -> None:
    anna, bob = client(member("anna")), client(member("bob", role="Moderator"))
    page = publish(anna, "not yet", do="draft").follow()
    path = page.request.path
    assert "This is a draft" in page
    assert "not yet" in anna.get("/drafts")
    for other in (bob, client()):
        other.get(path, status=404)
        assert "not yet" not in other.get("/")
    send(anna.get(f"{path}/edit"), body="now it is")
    assert "now it is" in client().get(path)


@pytest.mark.databases("sqlite")
def test_a_draft_is_read_edited_and_deleted_from_the_list_of_drafts(client: Any, member: Any, write: Any) -> None:
    anna = member()
    draft, browser = write(anna, "not yet", title="Unripe", draft=True), client(anna)
    page = browser.get("/drafts")
    assert page.click("Unripe").request.path == f"/post/{draft}"
    edit = page.click("Edit")
    assert "not yet" in edit.click("To the draft")
    assert edit.click("Delete").request.path == page.click("Delete").request.path
    asked = page.click("Delete")
    assert "Delete this draft?" in asked
    assert "comments go with it" not in asked
    done = send(asked)
    assert done.location.endswith("/drafts")
    assert "Your draft is deleted." in done.follow()
    # A post says what else goes, and its author comes back to the others.
    post = write(anna, "ripe")
    asked = browser.get(f"/post/{post}/edit").click("Delete")
    assert "Its comments go with it" in asked
    assert "Your post is deleted." in send(asked).follow()
    assert not browser.get("/write").html.find("a", string="To the post")


def test_con_02_a_stale_edit_overwrites_nothing(client: Any, member: Any, write: Any, db: Session) -> None:
    anna = member()
    post = write(anna, "original")
    one, two = client(anna), client(anna)
    first, second = one.get(f"/post/{post}/edit"), two.get(f"/post/{post}/edit")
    send(first, body="the first edit")
    page = send(second, body="the second edit", status=409)
    assert "the first edit" in page
    assert "the second edit" in page
    assert stored(db, select(Post.body)) == "the first edit"


def test_con_03_a_form_that_is_sent_twice_makes_one_post(client: Any, member: Any, db: Session) -> None:
    browser = client(member())
    page = browser.get("/write")
    first, second = send(page, body="only once"), send(page, body="only once")
    assert first.location == second.location
    assert stored(db, select(func.count()).select_from(Post)) == 1


def test_comments_are_written_edited_and_deleted(client: Any, member: Any, write: Any, db: Session) -> None:
    post, browser = write(member("anna"), "A post"), client(member("bob"))
    page = send(browser.get(f"/post/{post}"), body="I *agree*").follow()
    assert "<em>agree</em>" in page
    comment = stored(db, select(Comment.id))
    page = send(browser.get(f"/comment/{comment}/edit"), body="I disagree").follow()
    assert "I disagree" in page
    assert "1 comment" in browser.get("/")
    send(browser.get(f"/comment/{comment}/delete"))
    assert "0 comments" in browser.get("/")
    assert "No comments yet" in browser.get(f"/post/{post}")


def test_moderators_hide_with_a_reason_that_only_the_author_sees(
    client: Any, member: Any, write: Any, comment: Any
) -> None:
    anna, bob, mona = member("anna"), member("bob"), member("mona", role="Moderator")
    post = write(anna, "the worst words", title="Rude", tags="talk")
    other = comment(bob, post, "even worse")
    reporter, moderator = client(bob), client(mona)
    send(reporter.get(f"/post/{post}/report"), reason="It insults me")
    assert "It insults me" in moderator.get("/moderate")
    send(moderator.get(f"/comment/{other}/hide"), reason="No insults here")
    visitor = client()
    page = visitor.get(f"/post/{post}")
    assert "even worse" not in page
    assert "No insults" not in page
    assert "No insults here" in client(bob).get(f"/post/{post}")
    assert "even worse" not in client(anna).get(f"/post/{post}")
    assert "0 comments" in visitor.get("/")
    send(moderator.get(f"/post/{post}/hide"), reason="Not here")
    visitor.get(f"/post/{post}", status=404)
    for path in ("/", "/tag/talk", "/feed", "/feed/tag/talk", f"/feed/people/{anna}", "/search?q=worst"):
        # The page of a tag that no other post has is not there either (ACL-02).
        assert "worst words" not in visitor.get(path, status="*"), path
    assert "Not here" in client(anna).get(f"/post/{post}")
    assert "No reports are open" in moderator.get("/moderate")
    send(moderator.get(f"/post/{post}/hide"), do="show")
    assert "Rude" in visitor.get("/")


def test_following_filters_the_home_page(client: Any, member: Any, write: Any, db: Session) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    write(bob, "by bob")
    write(carl, "by carl")
    browser = client(anna)
    send(browser.get(f"/people/{bob}/posts"))
    assert stored(db, select(Follow.followed_id)) == bob
    home = browser.get("/")
    token = home.forms[0]["csrf_token"].value if 0 in home.forms else browser.get("/write").forms[0]["csrf_token"].value
    browser.post("/show/followed", {"csrf_token": token})
    page = browser.get("/")
    assert "by bob" in page
    assert "by carl" not in page
    # The feed is of everybody.
    assert ('class="feed-link"' in home, 'class="feed-link"' in page) == (True, False)
    assert "1 follower" in browser.get(f"/people/{bob}/posts")
    assert "anna" in browser.get(f"/people/{bob}/followers")
    assert "bob" in browser.get(f"/people/{anna}/following")
    send(browser.get(f"/people/{bob}/posts"))
    assert "by bob" not in browser.get("/")
    browser.post(f"/follow/{anna}", {"csrf_token": token})
    assert stored(db, select(func.count()).select_from(Follow)) == 0


def numbers(page: Any) -> list[str]:
    """The posts of a list, each once: without a title, it is called by its text."""
    return list(dict.fromkeys(re.findall(r"post-(\d)\.", page.text)))


def test_older_and_newer_stay_right_while_posts_arrive(client: Any, member: Any, write: Any, registry: Any) -> None:
    anna, visitor = member(), client()
    for number in range(7):
        write(anna, f"post-{number}.")
    registry.settings["blog.posts_per_page"] = 3
    try:
        first = visitor.get("/")
        write(anna, "post-7.")
        second = first.click("Older", index=0)
        assert numbers(second) == ["3", "2", "1"]
        third = second.click("Older", index=0)
        assert numbers(third) == ["0"]
        back = third.click("Newer", index=0)
        assert numbers(back) == ["3", "2", "1"]
        again = back.click("Newer", index=0)
        assert numbers(again) == ["6", "5", "4"]
        assert again.click("Newer", index=0).status_int == 303
    finally:
        registry.settings["blog.posts_per_page"] = 20


@pytest.fixture
def short_pages(registry: Any) -> Any:
    """Three comments and three posts on a page."""
    registry.settings.update({"blog.comments_per_page": 3, "blog.posts_per_page": 3})
    yield
    registry.settings.update({"blog.comments_per_page": 50, "blog.posts_per_page": 20})


def shown(page: Any) -> list[str]:
    """The comments on a page."""
    return re.findall(r"remark-(\d)\.", page.text)


def test_comments_go_on_in_both_directions(
    client: Any, member: Any, write: Any, comment: Any, short_pages: Any
) -> None:
    anna, visitor = member(), client()
    post = write(anna, "Hello", title="A post")
    for number in range(7):
        comment(anna, post, f"remark-{number}.")
    first = visitor.get(f"/post/{post}")
    assert shown(first) == ["0", "1", "2"]
    assert "Earlier comments" not in first
    second = first.click("Later comments")
    assert shown(second) == ["3", "4", "5"]
    last = second.click("Later comments")
    assert shown(last) == ["6"]
    assert "Later comments" not in last
    assert shown(last.click("Earlier comments")) == ["3", "4", "5"]
    assert shown(last.click("To the first comments")) == ["0", "1", "2"]
    # The heading leads to the post itself, and arriving at the beginning does, too.
    assert shown(last.click("A post", index=0)) == ["0", "1", "2"]
    back = second.click("Earlier comments")
    assert (back.status_int, back.location) == (303, f"http://localhost/post/{post}#comments")
    beyond = visitor.get(f"/post/{post}?after=999999")
    assert "There are no later comments" in beyond
    assert shown(beyond.click("To the newest comments")) == ["4", "5", "6"]


@pytest.mark.databases("sqlite")
def test_the_newest_comments_are_one_link_away(
    client: Any, member: Any, write: Any, comment: Any, short_pages: Any
) -> None:
    anna, visitor = member(), client()
    post = write(anna, "Hello", title="A post")
    for number in range(3):
        made = comment(anna, post, f"remark-{number}.")
    # What fits on one page has no such link, and an old one leads to all of it.
    assert "newest comments" not in visitor.get(f"/post/{post}")
    assert visitor.get(f"/post/{post}?newest=1", status=303).location.endswith(f"/post/{post}#comments")
    for number in range(3, 8):
        made = comment(anna, post, f"remark-{number}.")
    for page in (visitor.get(f"/post/{post}"), visitor.get(f"/post/{post}").click("Later comments")):
        newest = page.click("To the newest comments", index=0)
        assert shown(newest) == ["5", "6", "7"]
    assert newest.html.find(id="newest").find_parent("li")["id"] == f"comment-{made}"
    assert "Later comments" not in newest
    assert shown(newest.click("Earlier comments")) == ["2", "3", "4"]
    # It is the end of the discussion, whatever came since.
    comment(anna, post, "remark-8.")
    assert shown(visitor.get(newest.request.path_qs)) == ["6", "7", "8"]


@pytest.mark.databases("sqlite")  # a column of rows that are read anyway
def test_pictures_stand_beside_a_post_and_its_comments(
    client: Any, member: Any, write: Any, comment: Any, registry: Any
) -> None:
    """What a member uploaded, else what is drawn for them; of who has no profile none. Lists of posts have none."""
    anna, bob, carl = (member(name) for name in ("anna", "bob", "carl"))
    post = write(anna)
    for user_id in (bob, anna, carl):
        comment(user_id, post)
    with open_work(registry) as work:
        work.db.get_one(User, anna).avatar_version = 3
        work.db.get_one(User, carl).disabled_at = utc_now()
    page = client().get(f"/post/{post}").html
    shown = [line.select_one(".avatar") for line in page.select(".post-by")]
    assert [picture and picture.get("src", picture.name) for picture in shown] == [
        f"/avatar/{anna}/3", "svg", f"/avatar/{anna}/3", None,
    ]  # fmt: skip
    assert client().get("/").html.select(".avatar") == []


def test_who_comments_sees_the_comment_among_the_others(
    client: Any, member: Any, write: Any, comment: Any, short_pages: Any
) -> None:
    anna = member()
    post, browser = write(anna, "Hello"), client(anna)
    places = []
    for number in range(5):
        answer = send(browser.get(f"/post/{post}"), body=f"remark-{number}.")
        places.append(answer.location.removeprefix("http://localhost"))
        assert shown(answer.follow())[-1] == str(number)
    first = int(places[0].rpartition("-")[2])
    # Plain where the first page has it; with those before it where not.
    assert places[:3] == [f"/post/{post}#comment-{first + number}" for number in range(3)]
    assert shown(browser.get(places[4])) == ["3", "4"]
    assert shown(client().get(f"/comment/{first + 3}").follow()) == ["2", "3", "4"]
    client().get("/comment/999999", status=404)


@pytest.mark.databases("sqlite")  # what is looked up is what every page of comments is made of
def test_who_keeps_edits_or_deletes_a_comment_stays_where_it_stands(
    client: Any, member: Any, write: Any, comment: Any, short_pages: Any
) -> None:
    anna = member()
    post, browser = write(anna, "Hello", title="A post"), client(anna)
    made = [comment(anna, post, f"remark-{number}.") for number in range(7)]
    for page, words in (
        (browser.get(f"/comment/{made[5]}/delete"), "Keep it"),
        (browser.get(f"/comment/{made[5]}/edit"), "A post"),
    ):
        kept = page.click(words).follow()
        assert shown(kept) == ["4", "5", "6"]
        assert kept.request.path_qs.startswith(f"/post/{post}?after=")
    # Where it stood: at the one before it, with those around.
    answer = send(browser.get(f"/comment/{made[5]}/delete"))
    assert answer.location.endswith(f"#comment-{made[4]}")
    assert shown(answer.follow()) == ["3", "4", "6"]
    for number in (6, 4, 3, 2, 1):
        answer = send(browser.get(f"/comment/{made[number]}/delete"))
        assert answer.location.endswith(f"#comment-{made[number - 1 if number < 6 else 4]}")
        assert answer.follow().html.find(id=answer.location.partition("#")[2])
    assert send(browser.get(f"/comment/{made[0]}/delete")).location.endswith(f"/post/{post}#comments")


def test_a_notice_leads_to_the_comment(client: Any, member: Any, write: Any, comment: Any) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna)
    made = [comment(bob, post, f"remark-{number}.") for number in range(2)]
    page = client(anna).get("/notices")
    form = next(form for form in page.forms.values() if "open" in form.fields)
    answer = form.submit("open", index=0).follow()
    assert answer.location.endswith(f"/post/{post}#comment-{made[1]}")
    assert shown(answer.follow()) == ["0", "1"]


def test_a_place_beyond_the_end_of_a_list_says_so(client: Any, member: Any, write: Any) -> None:
    write(member(), "Hello", tags="walk")
    for path in ("/", "/tag/walk"):
        page = client().get(f"{path}?older=1-1")
        assert "The list ends here" in page
        assert "Hello" in page.click("To the newest")


def test_notices_come_in_the_page_and_by_mail(client: Any, member: Any, write: Any, mailbox: Mailbox) -> None:
    anna, bob = member("anna"), member("bob")
    browser = client(anna)
    page = browser.get("/notices")
    form = page.forms[0] if "mail" in page.forms[0].fields else page.forms[1]
    form["mail"] = "at_once"
    form.submit()
    post = write(anna, "Hello", title="My post")
    send(client(bob).get(f"/post/{post}"), body="@anna look")
    assert "commented on your post" in browser.get("/notices")
    (mail,) = mailbox.to("anna@example.com")
    link = re.search(r"/notices/stop/\S+", text_of(mail))[0]
    visitor = client()
    page = visitor.get(link)
    write(bob, "@anna once more")
    assert len(mailbox.to("anna@example.com")) == 2
    done = send(page)
    assert "You get no more" in done
    assert done.html.find("a", string="To your notices")["href"] == "/notices"
    write(bob, "@anna and again")
    assert len(mailbox.to("anna@example.com")) == 2
    visitor.get("/notices/stop/x" + link[-20:], status=404)


@pytest.mark.parametrize("asked", ["胡同", "同", "同文化", "walk", "WALKing", "anna", "café", "CAFE"])
def test_what_was_written_is_found(client: Any, member: Any, write: Any, asked: str) -> None:
    anna = member()
    write(anna, "北京的胡同文化 by café and walking", title="A walk")
    write(anna, "Something else about 胡 and 同", title="Other", tags="different")
    headings = client().get("/search", {"q": asked}).html.select("main h2")
    found = [" ".join(heading.get_text().split()) for heading in headings]
    # Both posts are Anna's, and both have this letter.
    assert found == (["Other", "A walk"] if asked in {"anna", "同"} else ["A walk"])


def test_deleting_asks_first_and_takes_the_comments_along(
    client: Any, member: Any, write: Any, comment: Any, db: Session
) -> None:
    anna = member()
    post = write(anna)
    comment(anna, post)
    browser = client(anna)
    page = browser.get(f"/post/{post}/delete")
    assert stored(db, select(func.count()).select_from(Post)) == 1
    send(page)
    assert stored(db, select(func.count()).select_from(Post)) == 0
    assert stored(db, select(func.count()).select_from(Comment)) == 0


def test_reports_are_counted_once(client: Any, member: Any, write: Any, db: Session) -> None:
    post, browser = write(member("anna")), client(member("bob"))
    for _again in range(2):
        send(browser.get(f"/post/{post}/report"), reason="bad")
    assert stored(db, select(func.count()).select_from(Report)) == 1


def test_the_greeting_is_back_without_the_blog(make_app: Any) -> None:
    for plugins, expected in (("main accounts", True), ("main accounts blog", False)):
        assert bool(HOME.contributions(make_app(flasky__plugins=plugins).registry)) != expected
    assert "Hello, World!" in TestApp(make_app(flasky__plugins="main accounts")).get(
        "/", extra_environ={"HTTP_HOST": "localhost"}
    )
