"""The pages of signing in and staying in control: passwords, links, codes, sessions, proofs, drafts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from pyramid.registry import Registry
from sqlalchemy import Select, delete, select, update
from webtest import TestApp

from flasky.database import utc_now
from flasky.plugins.accounts import profile, registration
from flasky.plugins.accounts.errors import TooManyTries
from flasky.plugins.accounts.models import SecurityEvent, User, UserSession
from flasky.plugins.accounts.passwords import Hasher, get_hasher, set_hasher
from flasky.plugins.accounts.work import open_work
from flasky.testing.mailbox import Mailbox, PromptMailbox, text_of

PASSWORD = "correct horse battery staple"
OTHER = "another fine battery staple"

Client = Callable[..., TestApp]
Stored = Callable[[Any], list[Any]]


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}


@pytest.fixture
def mailbox(registry: Registry) -> Mailbox:
    """The mails, those of the jobs that are queued among them."""
    return PromptMailbox(registry)


@pytest.fixture
def anna(registry: Registry) -> str:
    """A confirmed member."""
    with open_work(registry) as work:
        registration.create(work, username="anna", email="anna@example.com", password=PASSWORD)
    return "anna"


@pytest.fixture
def client(app: Any) -> Client:
    """A function that makes a browser of its own, signed in if a name is given."""

    def make(login: str = "", address: str = "192.0.2.1") -> TestApp:
        made = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": address})
        if login:
            assert sign_in(made, login).status_int == 303
        return made

    return make


def sign_in(browser: TestApp, login: str, password: str = PASSWORD, path: str = "/auth/login") -> Any:
    form = browser.get(path).forms[0]
    form["login"], form["password"] = login, password
    return form.submit(expect_errors=True)


def fill(browser: TestApp, path: str, **fields: str) -> Any:
    form = browser.get(path).maybe_follow().forms[0]
    for name, value in fields.items():
        form[name] = value
    return form.submit(expect_errors=True)


def link_in(mail: Any) -> str:
    found = re.search(r"http://localhost(/\S+)", text_of(mail))
    assert found
    return found[1]


def is_signed_in(browser: TestApp) -> bool:
    return bool(browser.get("/auth/sessions").status_int == 200)


@pytest.fixture
def stored(registry: Registry) -> Stored:
    """A function that runs a statement in a transaction of its own and returns the first column of its rows."""

    def run(statement: Any) -> list[Any]:
        with open_work(registry) as work:
            result = work.db.execute(statement)
            return [row[0] for row in result] if isinstance(statement, Select) else []

    return run


def grow_old(stored: Stored, minutes: int) -> None:
    """Let the last proof of everybody be that long ago."""
    stored(update(UserSession).values(proven_at=utc_now() - timedelta(minutes=minutes)))


def test_enu_01_everything_wrong_is_answered_alike(
    client: Client, anna: str, stored: Stored, registry: Registry
) -> None:
    """Unknown, wrong, unconfirmed, shut out: the same status, headers and bytes, but for what changes each time."""
    with open_work(registry) as work:
        for name, confirmed in (("carl", False), ("dora", True)):
            registration.create(
                work, username=name, email=f"{name}@example.com", password=PASSWORD, confirmed=confirmed
            )
    stored(update(User).where(User.username == "dora").values(disabled_at=utc_now()))
    answers = set()
    for login, password in ((anna, "wrong"), ("nobody", "wrong"), ("carl", "wrong"), ("dora", PASSWORD)):
        browser = client()
        page = sign_in(browser, login, password)
        assert page.status_int == 422
        form = page.forms[0]
        assert (form["login"].value, form["password"].value) == (login, "")
        body = page.text.replace(form["csrf_token"].value, "").replace(f'value="{login}"', "")
        own = {"Set-Cookie", "X-Request-ID", "Date", "Content-Length"}
        answers.add((body, tuple((name, value) for name, value in page.headerlist if name not in own)))
    assert len(answers) == 1


def test_rte_01_many_tries_are_too_many(client: Client, anna: str) -> None:
    browser = client()
    for _try in range(10):
        assert sign_in(browser, anna, "wrong password").status_int == 422
    refused = sign_in(browser, anna)
    assert refused.status_int == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert sign_in(client(address="192.0.2.99"), anna).status_int == 303


@pytest.mark.parametrize(
    ("target", "where"),
    [("/people?after=x", "/people?after=x"), ("//evil.example", "/"), ("https://evil.example/", "/"), ("/\\evil", "/")],
)
def test_red_01_only_to_pages_of_this_site(client: Client, anna: str, target: str, where: str) -> None:
    browser = client()
    form = browser.get("/auth/login", {"next": target}).forms[0]
    form["login"], form["password"] = anna, PASSWORD
    assert form.submit().location == f"http://localhost{where}"


def test_ses_02_a_new_id_for_each_sign_in(client: Client, anna: str) -> None:
    browser = client(anna)
    first = browser.cookies["session"]
    browser.post("/auth/logout", {"csrf_token": browser.get("/auth/logout").forms[0]["csrf_token"].value})
    planted = client()
    planted.set_cookie("session", first)
    assert not is_signed_in(planted)
    sign_in(browser, anna)
    assert browser.cookies["session"] != first


def test_ses_03_csr_01_the_button_in_the_navbar_signs_out(
    client: Client, anna: str, statements: Callable[[], list[str]]
) -> None:
    """SES-03, CSR-01: it posts the member's own token from a form beside the kept navbar, at no statement's cost."""
    mine, other = client(anna), client(anna)
    tokens = []
    for browser in (mine, other):
        page = browser.get("/")
        assert len(statements()) == 1
        button = page.html.select_one("nav button[form]")
        assert (button.get_text(), button["type"]) == ("Sign out", "submit")
        form = page.html.find("form", id=button["form"])
        assert (form["method"], form["action"]) == ("post", "/auth/logout")
        assert form.find("button") is None
        tokens.append(form.find("input", attrs={"name": "csrf_token"})["value"])
    assert tokens[0] != tokens[1]
    assert mine.post("/auth/logout", {"csrf_token": tokens[1]}, status=400)
    assert is_signed_in(mine)
    page = mine.get("/")
    left = page.forms["sign-out"].submit()
    assert (left.status_int, left.headers["Clear-Site-Data"]) == (303, '"cache"')
    assert [is_signed_in(browser) for browser in (mine, other)] == [False, True]
    assert not mine.get("/").html.select("[form=sign-out], #sign-out")


def test_a_reset_password(client: Client, anna: str, mailbox: Mailbox) -> None:
    """SES-04, TOK-06, ENU-03, PWD-04: the link is used once, everything else ends, nobody is signed in by it."""
    signed_in, browser = client(anna), client(address="192.0.2.5")
    known = fill(browser, "/auth/reset", email="anna@example.com").html.main.get_text()
    unknown = fill(browser, "/auth/reset", email="nobody@example.com").html.main.get_text()
    assert known.replace("anna@", "") == unknown.replace("nobody@", "")
    path = link_in(mailbox.to("anna@example.com")[-1])
    bad = fill(browser, path, password="short", password_confirm="short")
    assert bad.status_int == 422
    assert "at least 10" in bad.html.select_one("#password-fault").get_text()
    done = fill(browser, path, password=OTHER, password_confirm=OTHER)
    assert done.location.endswith("/auth/login")
    assert "password of your account was changed" in text_of(mailbox.last)
    assert not is_signed_in(browser)
    assert not is_signed_in(signed_in)
    assert browser.get(path, status=404)
    assert sign_in(browser, anna).status_int == 422
    assert sign_in(browser, anna, OTHER).status_int == 303


def test_a_changed_password(client: Client, anna: str) -> None:
    """SES-04"""
    here, there = client(anna), client(anna)
    wrong = fill(here, "/auth/change-password", old_password="no", password=OTHER, password_confirm=OTHER)
    assert wrong.html.select_one("#old_password[autofocus]")
    before = here.cookies["session"]
    fill(here, "/auth/change-password", old_password=PASSWORD, password=OTHER, password_confirm=OTHER)
    assert here.cookies["session"] != before
    assert (is_signed_in(here), is_signed_in(there)) == (True, False)


def test_a_changed_address(client: Client, anna: str, mailbox: Mailbox, stored: Stored) -> None:
    """PWD-04, CSR-04: the new address is confirmed by a button, and the old one hears of it."""
    browser = client(anna)
    fill(browser, "/auth/change-email", email="new@example.com", password=PASSWORD)
    path = link_in(mailbox.to("new@example.com")[-1])
    page = browser.get(path).follow()
    assert stored(select(User.email)) == ["anna@example.com"]
    page.forms[0].submit()
    assert stored(select(User.email)) == ["new@example.com"]
    assert mailbox.to("anna@example.com")
    assert is_signed_in(browser)


def test_a_mailed_link(client: Client, anna: str, mailbox: Mailbox) -> None:
    """CSR-04, TOK-02"""
    browser = client()
    fill(browser, "/auth/link", login=anna)
    path = link_in(mailbox.last)
    page = browser.get(path).follow()
    assert not is_signed_in(browser)
    page.forms[0].submit()
    assert is_signed_in(browser)
    assert client().get(path, status=404)


def test_ses_05_sessions_are_listed_and_ended(client: Client, anna: str) -> None:
    here, second, third = client(anna), client(anna), client(anna)
    page = here.get("/auth/sessions")
    assert len(page.html.select(".sessions li")) == 3
    assert "192.0.2.x" in page.text
    page.forms[0].submit("session", index=0)
    assert [is_signed_in(browser) for browser in (here, second, third)].count(True) == 2
    page = here.get("/auth/sessions")
    page.forms[len(page.html.select(".sessions form"))].submit("session")
    assert [is_signed_in(browser) for browser in (here, second, third)] == [True, False, False]


def test_acl_02_nobody_ends_the_session_of_another(
    client: Client, anna: str, registry: Registry, stored: Stored
) -> None:
    with open_work(registry) as work:
        registration.create(work, username="berta", email="b@example.com", password=PASSWORD)
    hers, his = client(anna), client("berta")
    [number] = stored(select(UserSession.id).join(User, User.id == UserSession.user_id).where(User.username == anna))
    token = his.get("/auth/logout").forms[0]["csrf_token"].value
    for value in (str(number), "0", "-1", "99999999999999999999", "１２", "x", ""):
        his.post("/auth/sessions", {"csrf_token": token, "session": value})
    assert is_signed_in(hers)


def test_tok_06_a_second_factor(client: Client, anna: str, stored: Stored) -> None:
    """From adding it to signing in by code and by recovery code; each counts once."""
    browser = client(anna)
    page = browser.get("/auth/two-factor").forms[0].submit("action").follow()
    assert page.html.select_one("svg.qr")
    assert "style=" not in str(page.html.select_one("svg.qr"))
    secret = page.html.select_one("code.key").get_text()
    form = page.forms[0]
    form["code"] = "000000x"
    wrong = form.submit("action", expect_errors=True)
    assert wrong.status_int == 422
    assert wrong.html.select_one("code.key").get_text() == secret
    form["code"] = pyotp.TOTP(secret).now()
    codes = [code.get_text() for code in form.submit("action").html.select(".codes code")]
    assert len(set(codes)) == 10

    other = client()
    page = sign_in(other, anna, path="/auth/login?next=/people")
    assert page.status_int == 200
    assert not is_signed_in(other)
    form = page.forms[0]
    form["code"] = codes[0]
    assert form.submit().location == "http://localhost/people"
    assert is_signed_in(other)
    again = client()
    form = sign_in(again, anna).forms[0]
    form["code"] = codes[0]
    assert form.submit(expect_errors=True).status_int == 422
    form["code"] = pyotp.TOTP(secret).at(utc_now() + timedelta(seconds=30))
    assert form.submit().status_int == 303

    page = browser.get("/auth/two-factor")
    assert "9 recovery codes" in page.text
    assert len(page.forms[0].submit("action", index=0).html.select(".codes code")) == 10
    browser.get("/auth/two-factor").forms[0].submit("action", index=1)
    assert sign_in(client(), anna).status_int == 303
    assert "second_factor_off" in stored(select(SecurityEvent.event))


def test_acl_03_old_proofs_are_renewed_and_the_action_goes_on(client: Client, anna: str, stored: Stored) -> None:
    browser = client(anna)
    page = browser.get("/auth/export")
    grow_old(stored, 31)
    asked = page.forms[0].submit(expect_errors=True)
    assert asked.status_int == 403
    form = asked.forms[0]
    form["password"] = "wrong password"
    asked = form.submit(expect_errors=True)
    assert asked.status_int == 422
    before = browser.cookies["session"]
    asked.forms[0]["password"] = PASSWORD
    kept = asked.forms[0].submit()
    assert browser.cookies["session"] != before
    assert kept.html.select_one("form[data-send-by-itself][action='/auth/export']")
    assert kept.forms[0].submit().content_type == "application/zip"
    grow_old(stored, 31)
    location = browser.get("/auth/two-factor").location
    assert location.endswith("/auth/prove?next=%2Fauth%2Ftwo-factor")


def test_what_was_typed_survives_the_end_of_the_session(client: Client, anna: str, stored: Stored) -> None:
    """Signing in goes on with the form that was sent; passwords are not in what is kept."""
    browser = client(anna)
    form = browser.get("/user/anna/edit").forms[0]
    form["about"] = 'Line one\nLine <two> & "three"'
    stored(delete(UserSession))
    asked = form.submit(expect_errors=True)
    assert asked.status_int == 403
    assert "Your session has ended. Sign in, and what you typed goes on its way." in asked
    login = asked.forms[0]
    assert "csrf" not in login["draft"].value
    login["login"], login["password"] = anna, PASSWORD
    kept = login.submit()
    assert "Sign in" not in kept.html.header.get_text()
    kept.forms[0].submit()
    assert stored(select(User.about_source))[0].splitlines() == ["Line one", 'Line <two> & "three"']

    form = browser.get("/auth/change-password").forms[0]
    form["old_password"] = form["password"] = form["password_confirm"] = PASSWORD
    stored(delete(UserSession))
    asked = form.submit(expect_errors=True)
    assert PASSWORD not in asked.text


def test_what_was_typed_survives_an_expired_csrf_token(client: Client, anna: str, stored: Stored) -> None:
    """CSR-02, CSR-03: it is offered again, and only to a page that the browser itself says is this site's."""
    browser = client(anna)
    fields = {"csrf_token": "old", "name": "Anna A.", "password": "not kept"}
    assert "Anna A." not in browser.post("/user/anna/edit", fields, status=400).text
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    page = browser.post("/user/anna/edit", fields, headers=own, status=400)
    assert not page.html.select("[data-send-by-itself]")
    assert "not kept" not in page.text
    assert stored(select(User.name)) == [""]
    page.forms[0].submit()
    assert stored(select(User.name)) == ["Anna A."]


def test_csr_01_nobody_can_be_made_to_send_the_form_of_another(client: Client, anna: str, stored: Stored) -> None:
    """A draft counts only in a form of this site, and only one that this site signed."""
    stranger, browser = client(), client()
    token = stranger.get("/auth/login").forms[0]["csrf_token"].value
    refused = stranger.post("/user/anna/edit", {"csrf_token": token, "name": "Not Anna"}, status=403)
    genuine = refused.forms[0]["draft"].value
    for field in (genuine, "W10.x"):
        page = browser.get("/auth/login", {"draft": field, "next": "/people"})
        assert "draft" not in page.forms[0].fields
    form = page.forms[0]
    form["login"], form["password"] = anna, PASSWORD
    assert form.submit().location == "http://localhost/people"
    assert stored(select(User.name)) == [""]
    token = client().get("/auth/login").forms[0]["csrf_token"].value
    fields = {"csrf_token": token, "draft": genuine, "login": anna, "password": PASSWORD}
    assert client().post("/auth/login", fields, status=400)
    browser = client()
    form = browser.get("/auth/login").forms[0]
    values = {"csrf_token": form["csrf_token"].value, "draft": genuine[:-2] + "xx", "login": anna, "password": PASSWORD}
    assert browser.post("/auth/login", values).status_int == 303


def test_log_02_events_are_shown_to_their_owner(client: Client, anna: str) -> None:
    sign_in(client(), anna, "wrong password")
    text = client(anna).get("/auth/events").text
    assert "Wrong password" in text
    assert "Signed in" in text
    assert client(anna).get("/auth/events?before=x", status=400)


def test_a_program_gets_a_plain_refusal(client: Client) -> None:
    """Only people are led to the page where they can sign in."""
    assert client().get("/auth/sessions", headers={"Accept": "application/json"}, status=403)


@pytest.fixture
def busy(registry: Registry, anna: str) -> Iterator[None]:
    """Two passwords are being checked for as long as the test takes, and nobody waits for them."""
    assert anna  # made before nobody can be made any more
    former = get_hasher(registry)
    hasher = Hasher(memory_kib=64, time_cost=1, parallelism=1, wait_seconds=0.01)
    set_hasher(registry, hasher)
    with hasher._place(), hasher._place():
        yield
    set_hasher(registry, former)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("/auth/login", {"login": "anna", "password": PASSWORD}),
        (
            "/auth/register",
            {"username": "bob", "email": "b@example.com", "password": PASSWORD, "password_confirm": PASSWORD},
        ),
    ],
)
def test_a_busy_site_gives_a_form_back_with_what_was_typed(path: str, typed: dict[str, str], client: Client) -> None:
    """503 with Retry-After, the texts in their fields, a word beside the first of them, and no password."""
    page = fill(client(), path, **typed)
    assert page.status_int == 503
    assert int(page.headers["Retry-After"]) >= 1
    for name, value in typed.items():
        assert page.forms[0][name].value == ("" if "password" in name else value)
    first = next(iter(typed))
    assert "Wait a few seconds" in page.html.select_one(f"#{first}-fault").get_text()
    assert page.html.select_one(f"#{first}[autofocus]")
    assert PASSWORD not in page.text


@pytest.mark.parametrize(
    ("path", "times", "typed"),
    [
        ("/auth/login", 10, {"login": "anna", "password": "wrong"}),
        ("/auth/reset", 5, {"email": "anna@example.com"}),
        ("/auth/resend", 3, {"email": "anna@example.com"}),
        ("/auth/link", 5, {"login": "anna"}),
    ],
)
def test_a_limit_gives_a_form_back_with_what_was_typed(
    path: str, times: int, typed: dict[str, str], client: Client, anna: str
) -> None:
    """429 with Retry-After; what was typed stands in its field."""
    for _try in range(times):
        fill(client(), path, **typed)
    page = fill(client(), path, **typed)
    assert page.status_int == 429
    assert int(page.headers["Retry-After"]) >= 1
    name, value = next(iter(typed.items()))
    assert page.forms[0][name].value == value
    assert "too often" in page.html.select_one(f"#{name}-fault").get_text()


def test_what_was_typed_elsewhere_survives_a_limit_too(
    client: Client, anna: str, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that lets a limit's refusal pass, as other plug-ins' do: a page keeps the text, its button sends it."""
    browser = client(anna)
    with monkeypatch.context() as patch:

        def refuse(*_arguments: Any, **_options: Any) -> None:
            raise TooManyTries(90)

        patch.setattr(profile, "update", refuse)
        page = fill(browser, "/user/anna/edit", name="Ann", about="A long story")
    assert page.status_int == 429
    assert page.headers["Retry-After"] == "90"
    assert "A long story" in page.html.main.get_text()
    assert page.forms[0].submit().status_int == 303
    assert stored(select(User.about_source)) == ["A long story"]
