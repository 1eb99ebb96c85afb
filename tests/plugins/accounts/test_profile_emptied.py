"""Taking a profile's texts and picture away from a member, with a reason: ACL-03, LOG-02."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from pyramid.registry import Registry
from sqlalchemy import select, update
from webtest import TestApp

from flasky.plugins.accounts import emptying, people, profile
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.events import NameChanged, ProfileChanged
from flasky.plugins.accounts.models import Avatar, SecurityEvent, User, UserSession
from flasky.plugins.accounts.services import open_work
from flasky.plugins.accounts.work import Work
from flasky.testing.mailbox import Mailbox, html_of, text_of

Stored = Callable[[Any], list[Any]]

MODERATOR = SimpleNamespace(user_id=None, role="Moderator")
ALL = ("name", "location", "about", "picture")
RUDE, PLACE, ABOUT, REASON = "Rude Name", "Rude Town", "**Rude** words", "Insults <b>nobody</b> wants to read & O'Brien"


def image() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
    buffer.seek(0)
    return buffer


@pytest.fixture
def rude(work: Any, member: Any, get: Any) -> int:
    """The id of a member who says something in every part of their profile."""
    user_id: int = member("anna")
    with work() as opened:
        user = get(opened, user_id)
        profile.update(opened, user, name=RUDE, location=PLACE, about=ABOUT, language="", timezone="Asia/Shanghai")
        profile.set_avatar(opened, user, image())
    return user_id


@pytest.fixture
def stored(registry: Registry) -> Stored:
    """A function that returns the rows of a statement."""

    def rows(statement: Any) -> list[Any]:
        with open_work(registry) as opened:
            return list(opened.db.execute(statement))

    return rows


@pytest.fixture
def signed_in(member: Any, accounts_browser: Any) -> Callable[[str, str], TestApp]:
    """A function that returns a browser in which a new member of that name and role is signed in."""
    return lambda username, role: accounts_browser(member(username, role=role))


def texts(user: User) -> tuple[str, ...]:
    return (user.name, user.location, user.about_source, user.about_html)


def empty(work: Work, user: User, parts: Collection[str], reason: str) -> None:
    """Empty a profile as somebody who has just looked at it."""
    emptying.empty(work, user, parts, reason, seen=emptying.digest(user))


def form_of(browser: TestApp, user_id: int) -> Any:
    return browser.get(f"/people/{user_id}").forms["emptying"]


def test_what_is_chosen_is_taken_away_and_nothing_else(work: Any, rude: int, get: Any) -> None:
    with work() as opened:
        empty(opened, get(opened, rude), ("location", "picture"), REASON)
    with work() as opened:
        user = get(opened, rude)
        assert (user.name, user.location, user.about_source) == (RUDE, "", ABOUT)
        assert user.avatar_version == 0
        assert opened.db.get(Avatar, rude) is None
        empty(opened, user, ALL, REASON)
    with work() as opened:
        user = get(opened, rude)
        assert texts(user) == ("", "", "", "")
        assert (user.username, user.timezone, user.email) == ("anna", "Asia/Shanghai", "anna@example.com")
        assert user.has_profile


def test_the_member_is_told_what_and_why_in_their_language(work: Any, rude: int, get: Any, mailbox: Mailbox) -> None:
    """By no name that was taken away, and of no part that held nothing."""
    with work() as opened:
        get(opened, rude).location = ""
    with work() as opened:
        empty(opened, get(opened, rude), ALL, REASON)
    (mail,) = mailbox.to("anna@example.com")
    told, page = text_of(mail), html_of(mail)
    assert mail["Subject"].endswith("Your profile was emptied")
    for text in (told, page):
        assert RUDE not in text
        assert "Rude" not in text
        assert "anna" in text
    assert [line for line in told.splitlines() if line.startswith("- ")] == ["- Full name", "- About you", "- Picture"]
    assert page.count("<li>") == 3
    assert REASON in told
    assert '<blockquote dir="auto">Insults &lt;b&gt;nobody&lt;/b&gt; wants to read &amp; O&#39;Brien<' in page
    with work() as opened:
        user = get(opened, rude)
        user.language, user.location = "zh", PLACE
    with work() as opened:
        empty(opened, get(opened, rude), ALL, "Once more")
    assert mailbox.last["Content-Language"] == "zh"
    assert "anna，您好：" in text_of(mailbox.last)
    assert "- 所在地" in text_of(mailbox.last).splitlines()


@pytest.mark.parametrize("language", ["", None])
def test_a_member_who_chose_no_language_is_not_told_in_the_moderators(
    work: Any, rude: int, get: Any, mailbox: Mailbox, language: str | None
) -> None:
    with work() as opened:
        get(opened, rude).language = language
    with work(language="zh") as opened:
        empty(opened, get(opened, rude), ALL, REASON)
    assert mailbox.last["Content-Language"] == "en"


@pytest.mark.parametrize("disabled", [False, True])
def test_who_has_no_profile_any_more_is_not_promised_one(
    signed_in: Any, rude: int, work: Any, get: Any, mailbox: Mailbox, disabled: bool
) -> None:
    """Neither on the page nor in the mail: the link would lead nowhere."""
    browser = signed_in("mod1", "Moderator")
    if disabled:
        with work() as opened:
            people.disable(opened, get(opened, rude))
    page = browser.get(f"/people/{rude}")
    assert "The member is told by mail, with the reason" in page.text
    assert ("fill it in again" in page.text) is not disabled
    form = page.forms["emptying"]
    form["reason"] = REASON
    form.submit("action", status=303)
    for told in (text_of(mailbox.last), html_of(mailbox.last)):
        assert ("/user/anna" in told) is not disabled
        assert ("Your profile" in told) is not disabled


def test_nothing_is_mailed_when_it_is_not_done(work: Any, rude: int, get: Any, mailbox: Mailbox) -> None:
    """MAI-04"""
    with work() as opened:
        empty(opened, get(opened, rude), ALL, REASON)
        opened.db.rollback()
    assert mailbox.messages == []
    with work() as opened:
        assert get(opened, rude).name == RUDE


def test_a_member_without_an_address_is_emptied_too(work: Any, rude: int, get: Any, mailbox: Mailbox) -> None:
    with work() as opened:
        get(opened, rude).email = None
    with work() as opened:
        empty(opened, get(opened, rude), ALL, REASON)
    assert mailbox.messages == []


def test_log_02_it_is_in_the_record_with_who_did_it(
    work: Any, rude: int, member: Any, get: Any, accounts_browser: Any
) -> None:
    """The member and those who look after them read it; what was taken away stands nowhere any more."""
    moderator = member("mod1", role="Moderator")
    browser = accounts_browser(moderator)
    form = form_of(browser, rude)
    form["reason"] = REASON
    form.submit("action").follow()
    with work() as opened:
        event = opened.db.scalars(select(SecurityEvent).filter_by(event="profile_emptied")).one()
        assert (event.user_id, event.actor_id) == (rude, moderator)
        assert event.details == {"parts": list(ALL), "reason": REASON}
    for page in (accounts_browser(rude).get("/auth/events"), browser.get(f"/people/{rude}")):
        assert page.html.select_one(".events li bdi").get_text() == REASON
        line = page.html.select_one(".events li").get_text()
        assert "Profile emptied" in line
        assert REASON in line
        assert "by mod1" in line


def test_other_plug_ins_hear_of_it(work: Any, rude: int, get: Any, registry: Registry) -> None:
    """Lists change, and posts are found by the name no more; last, when all of it is stored."""
    heard: list[tuple[type, str, int]] = []
    registry.registerHandler(
        lambda event: heard.append((type(event), event.user.name, event.user.avatar_version)), (ProfileChanged,)
    )
    registry.registerHandler(
        lambda event: heard.append((type(event), event.user.name, event.user.avatar_version)), (NameChanged,)
    )
    with work() as opened:
        empty(opened, get(opened, rude), ("about", "picture"), REASON)
    assert heard == [(ProfileChanged, RUDE, 0)]
    heard.clear()
    with work() as opened:
        empty(opened, get(opened, rude), ALL, REASON)
    assert heard == [(NameChanged, "", 0), (ProfileChanged, "", 0)]


@pytest.mark.parametrize(
    "reason", ["", "  \n\t ", "\u200b\u2060", "x" * 501, "a\x00b", "a\x1b[31mb", "a\x7fb", "a\x9bb"]
)
def test_the_reason_is_needed_and_bounded(work: Any, rude: int, get: Any, mailbox: Mailbox, reason: str) -> None:
    with work() as opened, pytest.raises(Fault) as caught:
        empty(opened, get(opened, rude), ALL, reason)
    assert caught.value.field == "reason"
    with work() as opened:
        assert get(opened, rude).name == RUDE
    assert mailbox.messages == []


def test_the_longest_reason_is_told_whole_in_one_line(work: Any, rude: int, get: Any, mailbox: Mailbox) -> None:
    with work() as opened:
        empty(opened, get(opened, rude), ALL, "  x\r\n" + "界" * 498 + " ")
    with work() as opened:
        event = opened.db.scalars(select(SecurityEvent).filter_by(event="profile_emptied")).one()
        assert event.details["reason"] == "x " + "界" * 498
    assert mailbox.messages


@pytest.mark.parametrize("parts", [(), ("username",), ("name", "password")])
def test_only_parts_of_a_profile_are_taken_away(work: Any, rude: int, get: Any, parts: tuple[str, ...]) -> None:
    with work() as opened, pytest.raises(Refused, match="Choose"):
        empty(opened, get(opened, rude), parts, REASON)
    with work() as opened:
        assert (get(opened, rude).username, get(opened, rude).name) == ("anna", RUDE)


def test_an_empty_profile_is_not_emptied_again(work: Any, rude: int, get: Any, mailbox: Mailbox) -> None:
    """CON-03: who presses twice tells the member once."""
    with work() as opened:
        empty(opened, get(opened, rude), ALL, REASON)
    with work() as opened, pytest.raises(Refused, match="nothing of this"):
        empty(opened, get(opened, rude), ALL, REASON)
    assert len(mailbox.messages) == 1
    with work() as opened:
        assert opened.db.scalars(select(SecurityEvent).filter_by(event="profile_emptied")).one()


def test_con_03_ten_at_once_tell_the_member_once(
    work: Any, rude: int, get: Any, mailbox: Mailbox, at_once: Any
) -> None:
    def task(_number: int) -> None:
        with work() as opened:
            empty(opened, get(opened, rude), ALL, REASON)

    results = at_once(10, task)
    assert results.count(None) == 1, results
    assert sum(isinstance(result, Refused) for result in results) == 9, results
    assert len(mailbox.messages) == 1


CHANGES: tuple[dict[str, Any], ...] = (
    {"name": "Other"},
    {"location": "Other"},
    {"about_source": "Other"},
    {"avatar_version": 2},
    {"name": "", "location": f"{RUDE}{PLACE}"},
)


@pytest.mark.parametrize("change", CHANGES, ids="-".join)
def test_what_the_member_stored_meanwhile_is_not_taken_away_unseen(
    work: Any, rude: int, get: Any, mailbox: Mailbox, change: dict[str, Any]
) -> None:
    """Read again under the lock: what the session knows of the member may be older, too."""
    with work() as opened:
        user = get(opened, rude)
        seen = emptying.digest(user)
        # As another transaction would have before this one locked the row.
        opened.db.execute(
            update(User).where(User.id == rude).values(change), execution_options={"synchronize_session": False}
        )
        with pytest.raises(Refused, match="changed meanwhile"):
            emptying.empty(opened, user, ("location", "picture"), REASON, seen=seen)
        assert {column: getattr(user, column) for column in change} == change
        empty(opened, user, ("picture",), REASON)
    assert len(mailbox.messages) == 1


def test_who_did_not_see_the_profile_does_not_empty_it(work: Any, rude: int, get: Any) -> None:
    with work() as opened, pytest.raises(Refused, match="changed meanwhile"):
        emptying.empty(opened, get(opened, rude), ALL, REASON, seen="")


def test_what_the_member_stored_meanwhile_is_shown_before_it_is_taken_away(
    signed_in: Any, rude: int, work: Any, get: Any, stored: Stored, mailbox: Mailbox
) -> None:
    """Also after another fault: only the page that says so stands for the new text."""
    browser = signed_in("mod1", "Moderator")
    form = form_of(browser, rude)
    with work() as opened:
        profile.update(opened, get(opened, rude), name=RUDE, location="", about="Kind", language="", timezone="")
    form["picture"] = False
    form = form.submit("action", status=422).forms["emptying"]
    form["reason"] = REASON
    page = form.submit("action", status=422)
    assert "The profile was changed meanwhile." in page.html.select_one("[role=alert]").get_text()
    form = page.forms["emptying"]
    assert "Kind" in page.html.select_one("#emptying").get_text()
    assert form["reason"].value.strip() == REASON
    assert not form["picture"].checked
    assert stored(select(User.about_source).where(User.id == rude)) == [("Kind",)]
    assert mailbox.messages == []
    form.submit("action", status=303)
    assert stored(select(User.name, User.about_source).where(User.id == rude)) == [("", "")]


def test_acl_03_only_an_administrator_empties_the_profile_of_one(
    work: Any, member: Any, get: Any, mailbox: Mailbox
) -> None:
    boss, other = member("boss", role="Administrator"), member("mod2", role="Moderator")
    with work() as opened:
        for user_id in (boss, other):
            profile.update(opened, get(opened, user_id), name=RUDE, location="", about="", language="", timezone="")
    with work(identity=MODERATOR) as opened:
        with pytest.raises(Refused, match="Only an administrator"):
            empty(opened, get(opened, boss), ALL, REASON)
        empty(opened, get(opened, other), ALL, REASON)
    assert [mail["To"] for mail in mailbox.messages] == ["mod2@example.com"]
    with work(identity=SimpleNamespace(user_id=None, role="Administrator")) as opened:
        assert get(opened, boss).name == RUDE
        empty(opened, get(opened, boss), ALL, REASON)
        assert get(opened, boss).name == ""


def test_the_page_shows_what_there_is_and_takes_what_is_ticked(
    signed_in: Any, rude: int, stored: Stored, mailbox: Mailbox
) -> None:
    browser = signed_in("mod1", "Moderator")
    page = browser.get(f"/people/{rude}")
    shown = page.html.select_one("#emptying").get_text()
    assert all(text in shown for text in (RUDE, PLACE, ABOUT))
    form = page.forms["emptying"]
    assert [form[part].checked for part in ALL] == [True] * 4
    assert page.html.select_one(f'#emptying img[src^="/avatar/{rude}/"]')
    form["about"] = False
    form["reason"] = REASON
    after = form.submit("action").follow()
    assert stored(select(User.name, User.location, User.about_source, User.avatar_version).where(User.id == rude)) == [
        ("", "", ABOUT, 0)
    ]
    assert browser.get(f"/avatar/{rude}/0").content_type == "image/svg+xml"
    # Only what is left is offered.
    assert [part for part in ALL if part in after.forms["emptying"].fields] == ["about"]
    profile_page = browser.get("/user/anna")
    assert RUDE not in profile_page.text
    assert profile_page.html.h1.get_text() == "anna"
    form = after.forms["emptying"]
    form["reason"] = REASON
    assert "emptying" not in form.submit("action").follow().forms
    assert len(mailbox.messages) == 2


def test_what_was_typed_comes_back_when_it_is_refused(signed_in: Any, rude: int, stored: Stored) -> None:
    browser = signed_in("mod1", "Moderator")
    form = form_of(browser, rude)
    form["location"], form["reason"] = False, "x" * 501
    page = form.submit("action", status=422)
    assert page.html.select_one("#reason-fault")
    assert page.html.select_one("#reason[autofocus]")
    again = page.forms["emptying"]
    assert again["reason"].value.strip() == "x" * 501
    assert [again[part].checked for part in ALL] == [True, False, True, True]
    again["reason"] = "\u200b"
    assert again.submit("action", status=422).html.select_one("#reason-fault")
    again["reason"] = ""
    assert again.submit("action", status=422).html.select_one("#reason-fault")
    again["reason"] = REASON
    for part in ALL:
        again[part] = False
    page = again.submit("action", status=422)
    assert "Choose" in page.html.select_one("[role=alert]").get_text()
    assert page.forms["emptying"]["reason"].value.strip() == REASON
    assert stored(select(User.name).where(User.id == rude)) == [(RUDE,)]


def test_what_was_typed_stays_when_the_language_is_switched(signed_in: Any, rude: int, stored: Stored) -> None:
    """INP-07. Nothing is done, and no fault is found with what is not finished."""
    browser = signed_in("mod1", "Moderator")
    form = form_of(browser, rude)
    form["location"], form["reason"] = False, "typed words"
    page = form.submit("language", value="zh")
    assert page.html.html["lang"] == page.headers["Content-Language"] == "zh"
    assert "language=zh;" in page.headers["Set-Cookie"]
    again = page.forms["emptying"]
    assert again["reason"].value.strip() == "typed words"
    assert [again[part].checked for part in ALL] == [True, False, True, True]
    assert stored(select(User.name).where(User.id == rude)) == [(RUDE,)]
    assert stored(select(User.language).where(User.username == "mod1")) == [("zh",)]
    again.submit("action", status=303)
    assert stored(select(User.name, User.location).where(User.id == rude)) == [("", PLACE)]


def test_the_language_is_switched_where_there_is_nothing_to_empty(signed_in: Any, member: Any) -> None:
    browser = signed_in("mod1", "Moderator")
    page = browser.get(f"/people/{member('anna')}")
    assert not page.html.select("button[name=language][form]")
    button = page.html.select_one("button[name=language]")
    switch = next(form for form in page.forms.values() if "language" in form.fields)
    assert switch.submit("language", value=button["value"]).follow().html.html["lang"] == "zh"


def test_csr_01_who_may_and_with_what(
    signed_in: Any, rude: int, stored: Stored, password: str, registry: Registry
) -> None:
    """As for the other buttons of the page: the permission, the token, a fresh proof, after which it goes on."""
    moderator, other = signed_in("mod1", "Moderator"), signed_in("berta", "User")
    seen = form_of(moderator, rude)["seen"].value
    fields = {**dict.fromkeys(ALL, "y"), "action": "empty", "reason": REASON, "seen": seen}
    moderator.post(f"/people/{rude}", fields, status=400)
    token = other.get("/auth/logout").forms[0]["csrf_token"].value
    other.post(f"/people/{rude}", {**fields, "csrf_token": token}, status=403)
    token = moderator.get("/auth/logout").forms[0]["csrf_token"].value
    moderator.post("/people/999", {**fields, "csrf_token": token}, status=404)
    form = form_of(moderator, rude)
    form["reason"], form["about"] = REASON, False
    with open_work(registry) as opened:
        opened.db.execute(update(UserSession).values(proven_at=opened.now() - timedelta(hours=1)))
    asked = form.submit("action", status=403)
    assert stored(select(User.name).where(User.id == rude)) == [(RUDE,)]
    prove = asked.forms[0]
    prove["password"] = password
    assert prove.submit().forms[0].submit().status_int == 303
    assert stored(select(User.name, User.about_source).where(User.id == rude)) == [("", ABOUT)]


def test_an_administrators_profile_is_refused_on_the_page(
    signed_in: Any, member: Any, work: Any, get: Any, stored: Stored
) -> None:
    boss = member("boss", role="Administrator")
    with work() as opened:
        profile.update(opened, get(opened, boss), name="Chief", location="", about="", language="", timezone="")
    form = form_of(signed_in("mod1", "Moderator"), boss)
    form["reason"] = REASON
    page = form.submit("action", status=422)
    assert "Only an administrator" in page.html.select_one("[role=alert]").get_text()
    assert stored(select(User.name).where(User.id == boss)) == [("Chief",)]


def test_acl_04_nothing_else_of_the_member_is_changed_by_the_form(signed_in: Any, rude: int, stored: Stored) -> None:
    browser = signed_in("mod1", "Moderator")
    before = stored(select(User.username, User.email, User.role_id, User.password_hash).where(User.id == rude))
    token = browser.get("/auth/logout").forms[0]["csrf_token"].value
    fields = {"action": "empty", "reason": REASON, "name": "New name", "username": "y", "email": "y", "role_id": "3"}
    fields["seen"] = form_of(browser, rude)["seen"].value
    browser.post(f"/people/{rude}", {**fields, "csrf_token": token}, status=303)
    assert stored(select(User.username, User.email, User.role_id, User.password_hash).where(User.id == rude)) == before
    assert stored(select(User.name, User.location).where(User.id == rude)) == [("", PLACE)]
