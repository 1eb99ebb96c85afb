"""Feeds, the sitemap and robots.txt: XML that every reader parses, with nothing that is not for everybody."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from typing import Any

import feedparser
import pytest
from blog_vectors import SHAPES
from webtest import TestApp

from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import feeds, limits, moderation, posts
from flasky.plugins.blog.posts import Writing

ATOM = "{http://www.w3.org/2005/Atom}"
MAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def parsed(answer: Any) -> ET.Element:
    return ET.fromstring(answer.body)  # noqa: S314 - our own


def titles(answer: Any) -> list[str]:
    return [entry.findtext(f"{ATOM}title") for entry in parsed(answer).iter(f"{ATOM}entry")]


def test_each_feed_has_its_posts_newest_first(client: Any, member: Any, write: Any) -> None:
    anna, bob = member("anna"), member("bob")
    write(anna, "x", title="One", tags="胡同 walk")
    write(bob, "x", title="Two", tags="walk")
    write(anna, "x", title="Three")
    visitor = client()
    assert titles(visitor.get("/feed")) == ["Three", "Two", "One"]
    assert titles(visitor.get("/feed/tag/walk")) == ["Two", "One"]
    assert titles(visitor.get("/feed/tag/WALK")) == ["Two", "One"]
    assert titles(visitor.get("/feed/tag/%E8%83%A1%E5%90%8C")) == ["One"]
    assert titles(visitor.get(f"/feed/people/{bob}")) == ["Two"]
    visitor.get("/feed/tag/nothing", status=404)
    visitor.get("/feed/people/9999", status=404)


def test_a_feed_ends_after_twenty_posts(client: Any, member: Any, write: Any) -> None:
    anna = member()
    for number in range(21):
        write(anna, "x", title=f"T{number}")
    assert titles(client().get("/feed")) == [f"T{number}" for number in range(20, 0, -1)]


def test_an_entry_says_where_when_who_and_what(client: Any, member: Any, write: Any) -> None:
    post = write(member("小明", email="ming@example.com"), "**bold** & <i>", title="", tags="a b")
    answer = client().get("/feed")
    assert answer.content_type == "application/atom+xml"
    feed = parsed(answer)
    assert feed.find(f"{ATOM}link[@rel='self']").get("href") == "http://localhost/feed"
    entry = feed.find(f"{ATOM}entry")
    address = entry.find(f"{ATOM}link").get("href")
    assert address == entry.findtext(f"{ATOM}id") == f"http://localhost/post/{post}"
    assert client().get(address).status_int == 200
    assert entry.findtext(f"{ATOM}title") == "bold & <i>"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "小明"
    assert [item.get("term") for item in entry.iter(f"{ATOM}category")] == ["a", "b"]
    content = entry.find(f"{ATOM}content")
    assert content.get("type") == "html"
    assert content.text == "<p><strong>bold</strong> &amp; &lt;i&gt;</p>\n"
    assert datetime.fromisoformat(entry.findtext(f"{ATOM}updated")).tzinfo is not None


def test_feeds_are_what_a_feed_reader_understands(client: Any, member: Any, write: Any) -> None:
    """By feedparser, which marks what is not well-formed Atom and reads each field as it is meant."""
    post = write(
        member("小明", email="ming@example.com"), "**bold** & <i>\n\n- 一", title="Tom & <Jerry>", tags="a 胡同"
    )
    for path in ("/feed", "/feed/tag/a", "/feed/people/1"):
        feed = feedparser.parse(client().get(path).body)
        assert (feed.bozo, feed.version) == (False, "atom10"), path
        assert feed.feed.id == f"http://localhost{path}"
        assert feed.feed.title
        assert feed.feed.updated_parsed
        assert {link.rel: link.type for link in feed.feed.links} == {
            "self": "application/atom+xml",
            "alternate": "text/html",
        }
        (entry,) = feed.entries
        assert entry.id == entry.link == f"http://localhost/post/{post}"
        assert entry.title == "Tom & <Jerry>"
        assert entry.author == "小明"
        assert [tag.term for tag in entry.tags] == ["a", "胡同"]
        assert entry.published_parsed == entry.updated_parsed
        assert entry.published_parsed
        assert entry.content[0].type == "text/html"
        assert entry.content[0].value.startswith("<p><strong>bold</strong> &amp; &lt;i&gt;</p>")


@pytest.mark.databases("sqlite")  # which page leads to which feed does not depend on it
def test_each_list_leads_to_its_feed(client: Any, member: Any, write: Any) -> None:
    """For people a link at its end, for programs one in its head; a profile has both, too."""
    anna = member("anna")
    write(anna, tags="a")
    leading = {"/": "/feed", "/tag/a": "/feed/tag/a", f"/people/{anna}/posts": f"/feed/people/{anna}"}
    for path, feed in {**leading, "/user/anna": f"/feed/people/{anna}"}.items():
        for browser in (client(), client(anna)):
            page = browser.get(path).html
            assert page.select_one("main .feed-link a")["href"] == feed, path
            assert page.head.find("link", type="application/atom+xml")["href"] == feed, path


def test_an_empty_feed_is_a_feed(client: Any) -> None:
    answer = client().get("/feed")
    read = feedparser.parse(answer.body)
    assert (read.bozo, read.version, read.entries) == (False, "atom10", [])
    feed = parsed(answer)
    assert feed.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"
    assert feed.find(f"{ATOM}entry") is None


@pytest.mark.parametrize("character", ["\u000b", "\u0001", "\u001f", "\ufffe", "\uffff", "\ud800"])
def test_inj_06_what_xml_cannot_hold_is_replaced(character: str) -> None:
    assert feeds.clean(f"a{character}b") == "a�b"
    assert feeds.clean("\t\n\r 胡🙂\ue000\ufffd") == "\t\n\r 胡🙂\ue000\ufffd"


def test_inj_06_nothing_that_is_written_ends_an_element(client: Any, member: Any, write: Any) -> None:
    hostile = "]]></content></entry><!-- <!ENTITY x 'y'> &x; \u000b"
    write(member(), hostile, title=hostile)
    feed = parsed(client().get("/feed"))
    assert len(feed.findall(f"{ATOM}entry")) == 1
    assert feed.findtext(f"{ATOM}entry/{ATOM}title").startswith("]]></content></entry><!--")


def test_acl_02_drafts_and_what_is_hidden_are_in_no_feed(client: Any, member: Any, write: Any, work_as: Any) -> None:
    anna, mona = member("anna"), member("mona", role="Moderator")
    write(anna, "x", title="Shown", tags="walk")
    write(anna, "x", title="Draft", tags="walk", draft=True)
    hidden = write(anna, "x", title="Hidden", tags="walk")
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, hidden), "no")
    # Not for the author, not for a moderator either: a feed is read by programs that hand it on.
    for browser in (client(), client(anna), client(mona)):
        for path in ("/feed", "/feed/tag/walk", f"/feed/people/{anna}"):
            assert titles(browser.get(path)) == ["Shown"], path


def test_a_feed_has_the_whole_post_and_says_when_it_was_edited(
    client: Any, member: Any, write: Any, work_as: Any
) -> None:
    anna = member()
    first = write(anna, "x", title="One")
    write(anna, "word " * 400 + "the end", title="Two")
    before = feedparser.parse(client().get("/feed").body)
    assert before.entries[0].content[0].value.endswith("the end</p>")
    assert before.entries[0].content[0].base.startswith("http://localhost/post/")
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, first), Writing("see @anna", "One"), version=1)
        posts.find(work, first).edited_at += timedelta(days=1)
    after = feedparser.parse(client().get("/feed").body)
    assert [entry.title for entry in after.entries] == ["Two", "One"]
    assert "http://localhost/member/" in after.entries[1].content[0].value
    assert after.entries[1].published == before.entries[1].published
    assert after.entries[1].updated > before.entries[1].updated
    assert after.feed.updated == after.entries[1].updated


def test_a_feed_has_the_beginning_of_a_post_that_becomes_a_very_long_page_and_leads_to_the_rest(
    client: Any, member: Any, write: Any
) -> None:
    """No reader has to take megabytes because of one member; the longest posts of words come whole."""
    anna = member()
    marks = write(anna, "see @anna\n\n" + "- a\n" * 7000, title="Marks")
    write(anna, "words and *胡同* " * 2000, title="Words")
    visitor = client()
    for language, name in (("en", "Read on"), ("zh", "继续阅读")):
        visitor.extra_environ["HTTP_ACCEPT_LANGUAGE"] = language
        words, beginning = parsed(visitor.get("/feed")).iter(f"{ATOM}entry")
        assert words.findtext(f"{ATOM}content").count("<em>胡同</em>") == 2000
        assert words.find(f"{ATOM}summary") is None
        assert beginning.find(f"{ATOM}content") is None
        shown = beginning.find(f"{ATOM}summary")
        address = f"http://localhost/post/{marks}"
        assert shown.get("type") == "html"
        assert shown.get("{http://www.w3.org/XML/1998/namespace}base") == address
        assert 'href="http://localhost/member/' in shown.text
        assert shown.text.count("<li>a</li>") < 50
        assert shown.text.endswith(f'</ul>\n<p><a href="{address}">{name}</a></p>\n')
        assert feedparser.parse(visitor.get("/feed").body).bozo is False


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("source", "home", "feed"),
    [
        ("x\n\n" + SHAPES["empty code in quotes"](limits.LONGEST_BODY - 3), 250_000, 250_000),
        ("x\n\n" + SHAPES["empty quotes"](limits.LONGEST_BODY - 3), 250_000, 250_000),
        (SHAPES["lists and quotes below a quote"](limits.LONGEST_BODY), 250_000, 250_000),
        # As long as what a feed still has whole.
        ("- a\n" * 4500, 250_000, 2_200_000),
    ],
)
def test_xss_03_one_member_makes_neither_the_home_page_nor_a_feed_of_many_megabytes(
    client: Any, member: Any, write: Any, source: str, home: int, feed: int
) -> None:
    anna, visitor = member(), client()
    for _number in range(20):
        write(anna, source)
    assert len(visitor.get("/").body) < home
    assert len(visitor.get("/feed").body) < feed


def test_who_has_a_feed_already_is_told_so(client: Any, member: Any, write: Any, work_as: Any, statements: Any) -> None:
    anna, visitor = member(), client()
    post = write(anna, "x", title="One", tags="walk")
    for path in ("/feed", "/feed/tag/walk", f"/feed/people/{anna}"):
        answer = visitor.get(path)
        assert answer.cache_control.no_cache
        assert answer.last_modified is not None
        known = {"If-None-Match": answer.headers["ETag"]}
        assert visitor.get(path, headers=known, status=304).body == b""
        # Neither the version nor anything else may be taken for that of another day.
        assert visitor.get(path, headers={"If-None-Match": '"x"'}).status_int == 200
    visitor.get("/feed", headers=known)
    assert len(statements()) == 1
    with work_as(anna) as work:
        posts.remove(work, posts.find(work, post))
    # What is deleted makes a feed older, and is gone from it all the same.
    since = {**known, "If-Modified-Since": answer.headers["Last-Modified"]}
    assert titles(visitor.get("/feed", headers=since, status=200)) == []


def test_red_02_ids_and_canonical_addresses_are_those_of_the_site_by_whichever_name_one_comes(
    app: Any, client: Any, member: Any, write: Any
) -> None:
    anna = member()
    post = write(anna, "see @anna", title="One", tags="walk")
    other = TestApp(app, extra_environ={"HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1"})
    paths = ["/feed", "/feed/tag/walk", f"/feed/people/{anna}", "/robots.txt"]
    for path in [*paths, "/sitemap.xml", "/sitemap-lists.xml", "/sitemap-0.xml"]:
        assert "http://localhost" in other.get(path), path
        assert other.get(path).body == client().get(path).body, path
    page = other.get(f"/post/{post}").html
    address = f"http://localhost/post/{post}"
    assert page.find("link", rel="canonical")["href"] == page.find("meta", property="og:url")["content"] == address


def test_acl_02_a_tag_that_only_drafts_or_hidden_posts_have_is_not_there(
    client: Any, member: Any, write: Any, work_as: Any
) -> None:
    anna, mona = member("anna"), member("mona", role="Moderator")
    write(anna, "x", tags="secret", draft=True)
    hidden = write(anna, "x", tags="walk")
    for path in ("/tag/walk", "/feed/tag/walk"):
        assert client().get(path).status_int == 200
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, hidden), "no")
    unknown = client().get("/tag/unknown", status=404)
    for browser in (client(), client(anna), client(mona)):
        for path in ("/tag/secret", "/feed/tag/secret", "/tag/walk", "/feed/tag/walk", "/tag/secret?older=9-9"):
            browser.get(path, status=404)
    assert client().get("/tag/secret", status=404).text.count("\n") == unknown.text.count("\n")
    assert "secret" not in client().get("/sitemap-lists.xml")


def test_the_sitemap_names_what_everybody_can_read_and_when_it_changed(
    client: Any, member: Any, write: Any, work_as: Any
) -> None:
    anna = member()
    shown, _draft = write(anna, "x", tags="胡同"), write(anna, "x", tags="secret", draft=True)
    visitor = client()

    def pages(path: str) -> dict[str, str | None]:
        items = parsed(visitor.get(path)).iter(f"{MAPS}url")
        return {item.findtext(f"{MAPS}loc"): item.findtext(f"{MAPS}lastmod") for item in items}

    index = visitor.get("/sitemap.xml")
    assert index.content_type == "application/xml"
    parts = [item.text for item in parsed(index).iter(f"{MAPS}loc")]
    assert parts == ["http://localhost/sitemap-lists.xml", "http://localhost/sitemap-0.xml"]
    before = pages("/sitemap-0.xml")
    assert list(before) == [f"http://localhost/post/{shown}"]
    lists = pages("/sitemap-lists.xml")
    assert lists == {
        "http://localhost/": before[f"http://localhost/post/{shown}"],
        "http://localhost/tag/%E8%83%A1%E5%90%8C": None,
    }
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, shown), Writing("y"), version=1)
    assert datetime.fromisoformat(pages("/sitemap-0.xml")[f"http://localhost/post/{shown}"]).tzinfo is not None
    # A part must not be empty.
    assert pages("/sitemap-1.xml") == {"http://localhost/": None}
    visitor.get("/sitemap-999999999.xml", status=404)


@pytest.mark.databases("sqlite")
def test_no_part_of_the_sitemap_of_an_empty_site_is_empty(client: Any) -> None:
    """https://www.sitemaps.org/schemas/sitemap/0.9/sitemap.xsd: a urlset has at least one url."""
    visitor = client()
    for part in parsed(visitor.get("/sitemap.xml")).iter(f"{MAPS}loc"):
        pages = parsed(visitor.get(part.text)).iter(f"{MAPS}loc")
        assert [page.text for page in pages] == ["http://localhost/"], part.text


def test_a_post_tells_those_who_link_to_it_what_it_is(client: Any, member: Any, write: Any) -> None:
    post = write(member(), "Some **words**", title="One", tags="a 胡同")
    visitor = client()
    page = visitor.get(f"/post/{post}").html

    def values(name: str) -> list[str]:
        return [item["content"] for item in page.find_all("meta", property=name)]

    assert values("article:tag") == ["a", "胡同"]
    assert values("article:author") == ["http://localhost/user/anna"]
    assert values("og:locale") == ["en_US"]
    (picture,) = values("og:image")
    assert visitor.get(picture).content_type == "image/png"
    assert values("article:modified_time") == []


def test_robots_find_the_sitemap_wherever_the_site_is_mounted(client: Any, app: Any) -> None:
    answer = client().get("/robots.txt")
    assert answer.content_type == "text/plain"
    assert "Disallow: /write\n" in answer
    assert "Sitemap: http://localhost/sitemap.xml\n" in answer
    mounted = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "SCRIPT_NAME": "/blog"}).get("/robots.txt")
    assert "Disallow: /blog/write\n" in mounted
    assert "Sitemap: http://localhost/blog/sitemap.xml\n" in mounted


@pytest.mark.databases("sqlite")
def test_the_posts_of_who_left_have_an_author_in_feeds_and_search_too(
    client: Any, member: Any, write: Any, registry: Any
) -> None:
    anna = member()
    write(anna, "the old gate")
    with open_work(registry) as work:
        erase(work, work.db.get_one(User, anna))
    # Until its words are without her name, no search finds it.
    JobWorker(registry).run_once()
    for language, name in (("en", "a former member"), ("zh", "已离开的成员")):
        visitor = client()
        visitor.extra_environ["HTTP_ACCEPT_LANGUAGE"] = language
        assert parsed(visitor.get("/feed")).find(f"{ATOM}entry").findtext(f"{ATOM}author/{ATOM}name") == name
        assert visitor.get("/search?q=gate").html.select_one(".posts .post-author").get_text() == name
