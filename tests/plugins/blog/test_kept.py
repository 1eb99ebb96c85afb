"""The home page as visitors without an account see it is kept, and is never old, whoever changed what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup
from pyramid.interfaces import ITranslationDirectories
from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import update
from sqlalchemy.orm import Session
from webtest import TestApp

import flasky
from flasky.database import get_database, utc_now
from flasky.directives import ANONYMOUS
from flasky.flash import flash
from flasky.plugins.accounts import leaving, people
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, edition, kept, members, moderation, posts, reading, storage
from flasky.plugins.blog.models import ListVersion
from flasky.plugins.blog.views import lists
from flasky.site import get_site
from flasky.slots import Contribution, slots


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths for which a list was made, and not only shown again."""
    paths: list[str] = []
    rendered = lists._rendered

    def note(request: Any, listing: Any) -> Markup:
        paths.append(request.path)
        return rendered(request, listing)

    monkeypatch.setattr(lists, "_rendered", note)
    return paths


def test_the_page_is_made_once_until_something_changes(client: Any, member: Any, write: Any, made: list[str]) -> None:
    anna, visitor = member(), client()
    write(anna, "First")
    pages = [visitor.get("/") for _ in range(3)]
    assert len({page.text for page in pages}) == 1
    assert {page.headers["Content-Type"] for page in pages} == {"text/html; charset=UTF-8"}
    assert made == ["/"]
    write(anna, "Second")
    assert "Second" in visitor.get("/")
    assert made == ["/", "/"]


def test_who_changes_a_list_makes_the_page_anew_for_visitors(
    app: Any, client: Any, member: Any, write: Any, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = member()
    post, visitor = write(anna), TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
    chinese = {"Accept-Language": "zh-CN"}

    def comment(number: int) -> None:
        page = client(anna).get(f"/post/{post}")
        form = next(form for form in page.forms.values() if "body" in form.fields)
        form["body"] = f"comment {number}"
        form.submit(status=303)

    comment(1)
    assert made == []
    visitor.get("/")
    visitor.get("/", headers=chinese)
    comment(2)
    assert made == ["/"] * 4
    assert "2 comments" in visitor.get("/")
    assert "2 条评论" in visitor.get("/", headers=chinese)
    # Neither visitor had to make it.
    assert made == ["/"] * 4

    def fail(_request: Any, _listing: Any) -> Markup:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(lists, "_rendered", fail)
        comment(3)
    assert "3 comments" in visitor.get("/")


@pytest.mark.databases("sqlite")  # nothing is asked
def test_who_failed_to_change_a_list_makes_no_page_anew(app: Any) -> None:
    """What was done is undone: the pages that are kept are as they were."""
    visited: list[str] = []
    request = Request.blank("/write")
    request.registry, request.invoke_subrequest = app.registry, lambda visitor: visited.append(visitor.path)
    app.registry[kept._KEPT]["/", "en", kept.PAGE] = (1, Markup("kept"))
    for failure, expected in ((RuntimeError(), []), (None, ["/"])):
        request.exception = failure
        kept.renew(request)
        assert visited == expected


def test_the_page_is_the_same_of_rows_that_the_driver_gave(
    app: Any, client: Any, member: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In production they do not come by way of SQLAlchemy (`flasky.database.read_rows`)."""
    anna, visitor = member(), client()
    write(anna, "First", tags="one two")
    write(anna, "Paragraph.\n\n" * 100)
    pages = []
    for strict in (True, False):
        monkeypatch.setattr(get_database(app.registry), "strict", strict)
        kept.prepare(app.registry)
        pages.append(visitor.get("/").text)
    assert pages[0] == pages[1]
    assert "Read on" in pages[1]


def test_each_language_has_its_own(client: Any, member: Any, write: Any) -> None:
    write(member(), "First")
    visitor = client()
    for _ in range(2):
        named = {}
        for language, text in (("en", "0 comments"), ("zh", "条评论")):
            page = visitor.get("/", headers={"Accept-Language": language})
            assert text in page
            assert f'<html lang="{language}">' in page
            assert page.headers["Content-Language"] == language
            named[language] = page.headers["ETag"]
        # Who asks for a language that the site has not gets the first page.
        assert visitor.get("/", headers={"Accept-Language": "de"}).headers["ETag"] == named["en"] != named["zh"]


def test_what_moderators_and_authors_do_shows_at_once(
    client: Any, member: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    anna, bob, visitor = member("anna"), member("bob", role="Moderator"), client()
    post = write(anna, "Something", title="Walk")
    said = comment(bob, post)

    def shown(text: str) -> bool:
        return text in visitor.get("/")

    assert shown("1 comment")
    with work_as(bob) as work:
        moderation.hide(work, comments.find(work, said), "rude")
    assert shown("0 comments")
    with work_as(bob) as work:
        moderation.show(work, comments.find(work, said))
    assert shown("1 comment")
    with work_as(bob) as work:
        moderation.hide(work, posts.find(work, post), "rude")
    assert not shown("Walk")
    with work_as(bob) as work:
        moderation.show(work, posts.find(work, post))
    assert shown("Walk")
    assert shown("anna")
    with work_as(anna) as work:
        members.erase(work, work.db.get(User, anna))
        work.db.delete(work.db.get(User, anna))
    assert not shown("anna")
    assert shown("a former member")


def test_who_has_no_profile_has_no_link_to_it_and_has_it_again_when_they_stay(
    client: Any, member: Any, write: Any, registry: Registry
) -> None:
    """Kept or not: the name of who is disabled or leaving stays, and leads nowhere, as their profile is not there."""
    anna, visitor, bob = member("anna"), client(), member("bob")
    write(anna, "Something", title="A walk", tags="walk")
    pages = [(visitor, "/"), (client(bob), "/"), (visitor, "/tag/walk")]

    def linked() -> set[bool]:
        texts = [browser.get(path).text for browser, path in pages]
        assert all("anna</" in text for text in texts)
        assert "<name>anna</name>" in visitor.get("/feed")
        return {'href="/user/anna"' in text for text in texts}

    assert linked() == {True}
    for leave, come_back in (
        (people.disable, people.enable),
        (lambda work, user: leaving.leave_on(work, user, utc_now()), leaving.stay),
    ):
        for change, seen in ((leave, {False}), (come_back, {True})):
            with open_work(registry) as work:
                change(work, work.db.get(User, anna))
            assert linked() == seen


def test_a_new_name_shows_at_once_where_whoever_gives_it_says_so(
    client: Any, member: Any, write: Any, registry: Registry
) -> None:
    """No page renames members; a plug-in that does has to call `lists_changed` (docs/plugins/blog.md)."""
    anna, visitor = member("anna"), client()
    write(anna, "Something")
    assert "anna" in visitor.get("/")
    with open_work(registry) as work:
        work.db.get(User, anna).username = "beatrix"
        storage.lists_changed(work.db)
    page = visitor.get("/")
    assert "beatrix" in page
    assert "anna" not in page


@pytest.fixture
def make_other(app: Any, app_settings: dict[str, Any]) -> Iterator[Callable[..., Any]]:
    """A function that makes another application on the same database: a process that knows nothing of this one."""
    made: list[Any] = []

    def make(**more: str) -> Any:
        settings = {**app.registry.settings, **app_settings}
        names = ("sqlalchemy.url", "flasky.secret_key", "flasky.environment", "flasky.base_url", *app_settings)
        given = {"flasky.admin": settings["flasky.admin"], **{name: settings[name] for name in names}}
        mail = {name: settings[name] for name in ("mail.host", "mail.port", "mail.tls")}
        made.append(flasky.main({}, **given, **mail, **more))
        return made[-1]

    yield make
    for other in made:
        get_database(other.registry).dispose()


def test_every_process_knows_the_page_of_every_other_and_what_it_writes_shows_at_once(
    app: Any, make_other: Any, member: Any, write: Any, client: Any
) -> None:
    """A visitor with a page of one process gets a 304 from the next, as after a restart, until something changes."""
    anna, visitor = member(), client()
    post = write(anna, "Before")
    other = make_other()
    edition.prepare(app.registry)
    pages = [visitor.get(path) for path in ("/", "/feed")]
    answering = TestApp(other, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
    for page in pages:
        answering.get(page.request.path, headers={"If-None-Match": page.headers["ETag"]}, status=304)
    with open_work(other.registry) as work:
        work.db.get(posts.Post, post).summary = "<p>After</p>"
        storage.lists_changed(work.db)
    for page in pages:
        assert visitor.get(page.request.path, headers={"If-None-Match": page.headers["ETag"]}).status_code == 200
    assert "After" in visitor.get("/")


@pytest.mark.databases("sqlite")
def test_a_page_made_of_other_files_or_settings_has_another_name(
    make_other: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update or a setting changes pages while no list does: what visitors have is told to be old."""
    template = tmp_path / "blog" / "shared.jinja2"
    template.parent.mkdir()
    template.write_text("one")
    registry = make_other(**{"flasky.templates": str(tmp_path)}).registry
    site = get_site(registry)

    def found() -> str:
        edition.prepare(registry)
        return edition.find_edition(registry)

    names = {found()}
    assert names == {found()}
    template.write_text("two")
    names.add(found())
    (tmp_path / "blog" / "more.jinja2").write_text("")
    names.add(found())
    template.rename(template.with_name("other.jinja2"))
    names.add(found())
    for other in (
        replace(site, plugins=site.plugins[:-1]),
        replace(site, settings={**site.settings, "blog.posts_per_page": 3}),
    ):
        monkeypatch.setattr(edition, "get_site", lambda _registry, other=other: other)
        names.add(found())
    monkeypatch.setattr(edition, "get_site", lambda _registry: site)
    monkeypatch.setattr(edition, "_LIBRARIES", edition._LIBRARIES[1:])
    names.add(found())
    catalogs = tmp_path / "catalogs"
    catalogs.mkdir()
    (catalogs / "flasky.mo").write_bytes(b"a catalog")
    registry.registerUtility([*registry.getUtility(ITranslationDirectories), str(catalogs)], ITranslationDirectories)
    names.add(found())
    assert len(names) == 8


@pytest.mark.databases("sqlite")
def test_a_file_that_changed_after_the_start_is_not_what_the_process_has_read(app: Any, registry: Registry) -> None:
    """Half an update: nobody knows which of the files were read, so no other process says the same name."""
    edition.prepare(registry)
    assert edition.find_edition(registry) == edition.find_edition(registry)
    registry["blog.started"] = 0.0
    assert edition.find_edition(registry) != edition.find_edition(registry)
    edition.prepare(registry)


def test_no_number_of_the_lists_comes_again_after_a_copy_of_the_database_took_its_place(
    app: Any, work_as: Any, member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy has an older number; what is written then differs from what was written after it was made."""
    anna, seen, start = member(), [7], utc_now()
    for seconds in (0, 60):
        moment = start + timedelta(seconds=seconds)
        monkeypatch.setattr(storage, "utc_now", lambda moment=moment: moment)
        with work_as(anna) as work:
            work.db.execute(update(ListVersion).values(version=7))
        for _change in range(2):
            with work_as(anna) as work:
                storage.lists_changed(work.db)
            with get_database(app.registry).read_engine.connect() as connection:
                seen.append(connection.scalar(reading.LIST_VERSION))
    assert seen == sorted(set(seen))


def test_acl_02_what_members_see_is_not_kept_for_visitors(client: Any, member: Any, write: Any) -> None:
    """Who is signed in sees forms with their token and links of their own; the next visitor sees none of it."""
    anna = member("anna")
    write(anna, "Something")
    for browser, signed_in in ((client(), False), (client(anna), True), (client(), False)):
        page = browser.get("/")
        assert ("csrf_token" in page) is signed_in
        assert ("Write a post" in page) is signed_in
        assert ("ETag" in page.headers) is not signed_in
        assert page.headers["Cache-Control"] == ("no-store" if signed_in else "no-cache")


def test_a_visitor_with_a_message_sees_it_and_nobody_else_does(
    client: Any, member: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(member(), "Something")
    place = lists.place

    def with_message(request: Any) -> Any:
        flash(request, "Only for you")
        return place(request)

    with monkeypatch.context() as patched:
        patched.setattr(lists, "place", with_message)
        assert "Only for you" in client().get("/")
    assert "Only for you" not in client().get("/")


def test_csr_01_a_form_with_a_token_is_never_kept(dummy_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site's own template may show a form to everybody: its token is for one visitor."""
    monkeypatch.setitem(dummy_request.registry, kept._KEPT, {})
    dummy_request.response_callbacks = ()
    monkeypatch.setattr(kept, "is_personal", lambda _request: True)
    tokens = iter((Markup("one"), Markup("two")))
    shown = [kept.kept(dummy_request, "page", 1, lambda: next(tokens)) for _ in range(2)]
    assert shown == ["one", "two"]
    monkeypatch.setattr(kept, "is_personal", lambda _request: False)
    shown = [kept.kept(dummy_request, "page", 1, lambda: Markup("kept")) for _ in range(2)]
    assert shown[0] is shown[1]


def test_with_a_query_the_switch_of_languages_leads_back_to_it(client: Any, member: Any, write: Any) -> None:
    write(member(), "Something")
    visitor = client()
    assert 'value="/?from=a"' in visitor.get("/?from=a")
    assert "from=a" not in visitor.get("/")
    assert "ETag" not in visitor.get("/?from=a").headers


@pytest.mark.parametrize(("permission", "whole"), [(None, False), (ANONYMOUS, False), ("blog.moderate", True)])
@pytest.mark.parametrize("slot", ["head", "navbar", "home", "footer"])
def test_what_other_plugins_show_visitors_is_never_kept(
    slot: str, permission: str | None, whole: bool, client: Any, member: Any, write: Any, monkeypatch: Any, app: Any
) -> None:
    """A weather report in the footer changes without the list: the page has no ETag then and is made each time."""
    write(member(), "Something")
    visitor, reports = client(), iter(range(100))
    visitor.get("/")
    item = Contribution(slot, "weather", lambda _request: f"report {next(reports)}", 1, permission, "flasky")
    monkeypatch.setitem(slots(app.registry), slot, (item,))
    pages = [visitor.get("/") for _ in range(2)]
    assert [f"report {number}" in page for number, page in enumerate(pages)] == [not whole, not whole]
    assert ["ETag" in page.headers for page in pages] == [whole, whole]


def test_a_304_says_what_the_page_would_say_and_asks_the_database_once(
    client: Any, member: Any, write: Any, statements: Any
) -> None:
    write(member(), "Something")
    visitor = client()
    page = visitor.get("/")
    answer = visitor.get("/", headers={"If-None-Match": page.headers["ETag"]}, status=304)
    assert len(statements()) == 1
    for name in ("ETag", "Cache-Control", "Vary", "Content-Language", "Content-Security-Policy"):
        assert answer.headers[name] == page.headers[name], name
    assert visitor.head("/").headers["ETag"] == page.headers["ETag"]
