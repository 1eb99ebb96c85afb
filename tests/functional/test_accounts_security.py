"""What belongs to no single page of accounts: ACL-04, ACL-05, CON-03, INJ-01 to 06, LOG, SES-09, TOK-04."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from pyramid.registry import Registry
from sqlalchemy import func, select, update
from webtest import TestApp

from flasky.database import utc_now
from flasky.plugins.accounts import ownership, registration
from flasky.plugins.accounts.limits import get_limiter
from flasky.plugins.accounts.models import SecurityEvent, User, UserSession
from flasky.plugins.accounts.work import open_work
from flasky.testing.mailbox import Mailbox, PromptMailbox, html_of, text_of

PASSWORD = "correct horse battery staple"
NEXT_PASSWORD = "another fine battery staple"

Browser = Callable[..., TestApp]
Stored = Callable[[Any], list[Any]]


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}


@pytest.fixture
def mailbox(registry: Registry) -> Mailbox:
    """The mails, those of the jobs that are queued among them."""
    return PromptMailbox(registry)


@pytest.fixture
def member(registry: Registry) -> Callable[..., str]:
    """A function that makes a confirmed member and returns their name."""

    def make(username: str = "anna", role: str = "User", email: str = "") -> str:
        with open_work(registry) as work:
            registration.create(
                work, username=username, email=email or f"{username}@example.com", password=PASSWORD, role=role
            )
        return username

    return make


@pytest.fixture
def stored(registry: Registry) -> Stored:
    """A function that returns the rows of a query; no transaction stays open."""

    def run(query: Any) -> list[Any]:
        with open_work(registry) as work:
            return list(work.db.execute(query).all())

    return run


@pytest.fixture
def browser(app: Any) -> Browser:
    """A function that makes a browser of its own, signed in if a name is given."""

    def make(login: str = "", address: str = "192.0.2.1") -> TestApp:
        made = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": address})
        if login:
            assert sign_in(made, login).status_int == 303
        return made

    return make


def sign_in(client: TestApp, login: str, password: str = PASSWORD) -> Any:
    return fill(client, "/auth/login", login=login, password=password)


def fill(client: TestApp, path: str, **fields: str) -> Any:
    form = client.get(path).maybe_follow().forms[0]
    for name, value in fields.items():
        form[name] = value
    return form.submit(expect_errors=True)


def link_in(mail: Any) -> str:
    found = re.search(r"http://localhost(/\S+)", text_of(mail))
    assert found
    return found[1]


#: What only services decide, as an attacker would name it.
PROTECTED = {
    "id": "1",
    "role": "Administrator",
    "role_id": "3",
    "is_admin": "1",
    "confirmed": "1",
    "confirmed_at": "2020-01-01",
    "disabled_at": "",
    "password_hash": "x",
    "created_at": "2020-01-01",
    "permissions": "accounts.manage_roles",
    "credentials_version": "99",
    "email_key": "x",
}


def account(stored: Stored, username: str) -> Any:
    """What nobody decides about themselves with a form."""
    query = select(
        User.id, User.role_id, User.confirmed_at, User.disabled_at, User.password_hash, User.created_at,
        User.credentials_version, User.email_key,
    )  # fmt: skip
    return stored(query.where(User.username == username))[0]


def test_acl_04_protected_fields_are_ignored(browser: Browser, member: Any, stored: Stored) -> None:
    """In the forms for joining, one's profile and one's sessions."""
    client = browser()
    page = client.get("/auth/register").forms[0]
    fields = {
        "csrf_token": page["csrf_token"].value,
        "username": "mallory",
        "email": "mallory@example.com",
        "password": PASSWORD,
        "password_confirm": PASSWORD,
    }
    client.post("/auth/register", {**PROTECTED, **fields})
    joined = account(stored, "mallory")
    assert joined[2] is None
    before = account(stored, member("anna"))
    assert before[1] == joined[1]
    signed_in = browser("anna")
    token = signed_in.get("/user/anna/edit").forms[0]["csrf_token"].value
    signed_in.post("/user/anna/edit", {**PROTECTED, "csrf_token": token, "name": "Ann"})
    signed_in.post("/auth/sessions", {**PROTECTED, "csrf_token": token, "action": "others"}, expect_errors=True)
    assert account(stored, "anna") == before
    assert stored(select(User.name).where(User.username == "anna")) == [("Ann",)]


def test_acl_05_nothing_private_of_a_member_is_shown_to_others(browser: Browser, member: Any, stored: Stored) -> None:
    member("anna", email="canary-address@example.com")
    browser("anna", "203.0.113.99")
    member("berta")
    [(password_hash,)] = stored(select(User.password_hash).where(User.username == "anna"))
    for client in (browser(), browser("berta")):
        for path in ("/people", "/user/anna", "/avatar/1/0", "/user/anna/edit", "/people/1", "/auth/events"):
            answer = client.get(path, expect_errors=True)
            for canary in ("canary-address", "203.0.113", password_hash):
                assert canary not in answer.text, path


@pytest.mark.databases("sqlite")  # it is about cookies
def test_ses_09_large_forms_and_messages_make_no_large_cookie(browser: Browser, member: Any) -> None:
    """A refused form of 6 kB comes back in the page; what a flash message repeats of it is cut."""
    client = browser(member("anna", "Administrator"))
    refused = fill(client, "/user/anna/edit", about="x" * 6000)
    assert refused.status_int == 422
    assert refused.forms[0]["about"].value == "x" * 6000
    done = fill(client, "/people/invite", email=f"{'x' * 64}@{'.'.join(['y' * 50] * 3)}.example")
    for answer in (refused, done):
        assert all(len(cookie) < 4096 for cookie in answer.headers.getall("Set-Cookie"))
    assert "is on its way" in done.follow().text


def test_con_03_ten_submits_of_one_form_are_one_account_and_one_mail(
    browser: Browser, mailbox: Mailbox, stored: Stored
) -> None:
    """Ten at once, from one page, as a double click or a retry would send it."""
    client = browser()
    form = client.get("/auth/register").forms[0]
    fields = {name: form[name].value for name in ("csrf_token", "invitation")}
    fields |= {"username": "anna", "email": "anna@example.com", "password": PASSWORD, "password_confirm": PASSWORD}
    cookie = {"Cookie": f"csrf={client.cookies['csrf']}"}

    def submit(_number: int) -> int:
        answer = browser().post("/auth/register", fields, headers=cookie, expect_errors=True)
        return int(answer.status_int)

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(submit, range(10)))
    assert sorted(statuses) == [200] + [422] * 9
    assert stored(select(func.count(User.id))) == [(1,)]
    assert len(mailbox.to("anna@example.com")) == 1


def test_con_03_a_password_that_is_changed_twice_is_told_once(browser: Browser, member: Any, mailbox: Mailbox) -> None:
    """The second of two submits knows the old password no more."""
    client = browser(member("anna"))
    form = client.get("/auth/change-password").forms[0]
    form["old_password"], form["password"], form["password_confirm"] = PASSWORD, NEXT_PASSWORD, NEXT_PASSWORD
    assert form.submit().status_int == 303
    assert form.submit(expect_errors=True).status_int in {400, 422}
    assert len(mailbox.to("anna@example.com")) == 1


SQL = ("'", '"', "' OR '1'='1", "'; DROP TABLE users; --", "%", "_", "\\", "x' AND 1=pg_sleep(9)--", ")", "(SELECT 1)")


@pytest.mark.parametrize("text", SQL)
def test_inj_01_no_text_is_a_query_language(text: str, browser: Browser, member: Any, stored: Stored) -> None:
    """In the fields that look somebody up, and in every parameter of a list."""
    member("anna", "Administrator")
    client = browser("anna")
    shown = client.get("/people", {"after": text}).text
    assert ("anna" in shown) == (text.casefold() < "anna")
    assert browser().get(f"/user/{quote(text)}", status=404)
    assert sign_in(browser(), text).status_int == 422
    for path in ("/auth/events", "/people"):
        assert client.get(path, {"before": text, "sort": text, "order": text}, expect_errors=True).status_int < 500
    assert stored(select(func.count(User.id))) == [(1,)]


LINES = (
    "a\r\nSet-Cookie: x=1",
    "a\nBcc: x@example.com",
    "a\r\n\r\n<b>",
    "a\x00b",
    "a\u0085b",
    "a\u2028b",
    "中\r\nX: y",
)


@pytest.mark.parametrize("text", LINES)
def test_inj_02_mai_01_line_breaks_enter_neither_headers_nor_mails(
    text: str, browser: Browser, member: Any, mailbox: Mailbox
) -> None:
    """Where to go on, a name, an address: each answer has its own headers and each mail its one recipient."""
    member("anna")
    client = browser()
    form = client.get("/auth/login", {"next": f"/people?x={text}"}, expect_errors=True)
    answers = [form]
    if form.status_int == 200:
        answers.append(sign_in_with(form.forms[0], "anna"))
    answers.append(fill(browser(), "/auth/register", username=text, email="x@example.com", password=PASSWORD))
    answers.append(fill(browser(), "/auth/reset", email=f"anna@example.com{text[1:]}"))
    for answer in answers:
        assert answer.status_int < 500
        assert not {"X", "Bcc"} & set(answer.headers)
        assert not any("\r" in value or "\n" in value for _name, value in answer.headerlist)
    for mail in mailbox.messages:
        assert len(mail.get_all("To")) == len(mail.get_all("Subject")) == 1
        assert mail.get_all("Bcc") is None


def sign_in_with(form: Any, login: str) -> Any:
    form["login"], form["password"] = login, PASSWORD
    return form.submit(expect_errors=True)


MARKERS = ("{{7*7}}", "${7*7}", "%(username)s", "{0.real}", "{% raw %}", "<%= 7*7 %>")


@pytest.mark.databases("sqlite")  # templates know of no database
@pytest.mark.parametrize("marker", MARKERS)
def test_inj_03_markers_of_templates_stay_text(marker: str, browser: Browser, mailbox: Mailbox, stored: Stored) -> None:
    """In a name, on the profile, in a mail's subject, text and HTML, and in a message that is shown once."""
    name = f"x{marker.replace('%', '')}"  # a name has no percent sign
    fill(
        browser(),
        "/auth/register",
        username=name,
        email="x@example.com",
        password=PASSWORD,
        password_confirm=PASSWORD,
    )
    [told] = mailbox.to("owner@example.com")
    assert name in str(told["Subject"])
    assert name in text_of(told)
    assert "49" not in html_of(told)
    client = browser()
    client.get(link_in(mailbox.to("x@example.com")[0])).follow().forms[0].submit()
    assert sign_in(client, name).status_int == 303
    path = f"/user/{quote(name)}"
    fill(client, f"{path}/edit", name=marker, location=marker, about=marker)
    page = client.get(path)
    assert page.html.h1.get_text() == marker
    assert page.html.select_one(".about").get_text(strip=True) == marker


@pytest.mark.databases("sqlite")  # it is about the log
def test_inj_06_one_event_is_one_line(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """A name with a line break in it, as signing in with it is logged."""
    caplog.set_level(logging.DEBUG)
    for text in ("x\r\nFAKE signed_in user=1", "x\nFAKE", "x\x1b[2JFAKE"):
        sign_in(browser(), text)
    assert not any("FAKE" in record.getMessage() for record in caplog.records)


@pytest.mark.databases("sqlite")  # it is about the network
def test_inj_05_an_address_in_a_profile_fetches_nothing(
    browser: Browser, member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket  # noqa: PLC0415 - what is watched

    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_options: asked.append(arguments))
    client = browser(member("anna"))
    about = "![x](http://127.0.0.1:1/a.png) <http://127.0.0.1:1/b> [c](http://127.0.0.1:1/c)"
    assert fill(client, "/user/anna/edit", about=about).status_int == 303
    assert browser().get("/user/anna").status_int == 200
    assert asked == []


def all_text(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged, with tracebacks and what a formatter could add."""
    shown = [f"{record.getMessage()} {record.exc_text or ''} {vars(record)}" for record in caplog.records]
    return "\n".join([*shown, caplog.text])


def test_tok_04_log_01_no_token_password_or_cookie_is_in_the_log(
    browser: Browser, member: Any, mailbox: Mailbox, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Every link that is mailed, opened, used and used again; and what else was secret on the way."""
    caplog.set_level(logging.DEBUG)
    member("boss", "Administrator")
    client = browser()
    passwords = {"password": PASSWORD, "password_confirm": PASSWORD}
    fill(client, "/auth/register", username="anna", email="anna@example.com", **passwords)
    follow(client, mailbox)
    fill(client, "/auth/link", login="anna")
    follow(client, mailbox)
    fill(client, "/auth/change-email", email="new@example.com", password=PASSWORD)
    follow(client, mailbox, "new@example.com")
    fill(browser(), "/auth/reset", email="new@example.com")
    follow(browser(), mailbox, password=NEXT_PASSWORD, password_confirm=NEXT_PASSWORD)
    fill(browser("boss"), "/people/invite", email="guest@example.com")
    follow(browser(), mailbox, username="carla", **passwords)
    with open_work(registry) as work:
        assert ownership.claim_secret(work) is None
    secrets = {link_in(mail).rpartition("/")[2] for mail in mailbox.messages if "/auth/" in text_of(mail)}
    secrets = {secret for secret in secrets if len(secret) > 30}
    assert len(secrets) == 5
    cookies = {value for value in client.cookies.values() if len(value) > 20}
    assert cookies
    logged = all_text(caplog)
    assert "(hidden)" in logged
    for secret in {*secrets, *cookies, PASSWORD, NEXT_PASSWORD}:
        assert secret not in logged


def follow(client: TestApp, mailbox: Mailbox, to: str = "", **fields: str) -> None:
    """Open the newest mailed link, press its button, and try it again. No page of it may be kept or found (TOK-04)."""
    path = link_in(
        next(mail for mail in reversed(mailbox.messages) if "/auth/" in text_of(mail) and to in str(mail["To"]))
    )
    opened = client.get(path)
    page = opened.follow()
    for answer in (opened, page):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Referrer-Policy"] == "same-origin"
    form = page.forms[0]
    for name, value in fields.items():
        form[name] = value
    assert form.submit(expect_errors=True).status_int in {200, 303}
    client.get(path, status=404)


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "Basic"])
def test_csr_05_tok_05_a_header_is_no_credential_and_spares_nobody_the_token_of_a_form(
    browser: Browser, member: Any, stored: Stored, scheme: str
) -> None:
    """There are no API tokens: even the secret of a good session, sent as one, signs nobody in; and beside a good
    cookie no form may come without its token, whoever asked before on this connection."""
    client = browser(member("anna"))
    header = {"Authorization": f"{scheme} {client.cookies['session']}"}
    stranger = browser()
    assert stranger.get("/auth/sessions", headers=header, status="*").text == stranger.get("/auth/sessions").text
    client.post("/auth/logout", headers=header, status=400)
    client.get("/auth/sessions", status=200)
    assert len(stored(select(UserSession.id))) == 1


def test_log_02_a_member_who_is_refused_a_page_is_in_the_record(
    browser: Browser, member: Any, stored: Stored, registry: Registry
) -> None:
    """With what they asked for; who is only asked to prove themselves was refused nothing."""
    client = browser(member("anna"))
    client.get("/roles", status=403)
    denied = select(
        SecurityEvent.actor_id, SecurityEvent.user_id, SecurityEvent.details, SecurityEvent.request_id,
        SecurityEvent.address_hash,
    ).where(SecurityEvent.event == "denied")  # fmt: skip
    [row] = stored(denied)
    assert tuple(row[:3]) == (1, 1, {"route": "accounts.roles", "method": "GET"})
    assert all(row[3:])
    with open_work(registry) as work:
        work.db.execute(update(UserSession).values(proven_at=utc_now() - timedelta(hours=1)))
    token = client.get("/auth/export").forms[0]["csrf_token"].value
    client.post("/auth/export", {"csrf_token": token}, status=403)
    browser().get("/roles")
    assert len(stored(denied)) == 1


def test_log_02_of_pages_that_a_member_is_refused_ten_an_hour_are_recorded_and_all_are_in_the_log(
    browser: Browser, member: Any, stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    """LOG-02, RTE-02: who goes on buries nobody else's events."""
    caplog.set_level(logging.INFO)
    anna, bob = browser(member("anna")), browser(member("bob"))
    for _again in range(15):
        anna.get("/roles", status=403)
    bob.get("/roles", status=403)
    denied = [row.user_id for row in stored(select(SecurityEvent.user_id).where(SecurityEvent.event == "denied"))]
    assert (denied.count(1), denied.count(2)) == (10, 1)
    assert caplog.text.count("denied user=1") == 15


def test_log_02_the_actions_of_a_life_are_in_the_record(
    browser: Browser, member: Any, mailbox: Mailbox, stored: Stored, registry: Registry
) -> None:
    """Each with its time, who it is about, who did it, the request's id and a fingerprint of the address."""
    member("boss", "Administrator")
    passwords = {"password": PASSWORD, "password_confirm": PASSWORD}
    fill(browser(), "/auth/register", username="anna", email="anna@example.com", **passwords)
    follow(browser(), mailbox)
    client = browser("anna")
    sign_in(browser(), "anna", "wrong password")
    fill(client, "/auth/prove", password="wrong password")
    fill(client, "/auth/prove", password=PASSWORD)
    client.get("/auth/export").forms[0].submit()
    fill(client, "/auth/change-email", email="new@example.com", password=PASSWORD)
    follow(client, mailbox, "new@example.com")
    next_passwords = {"password": NEXT_PASSWORD, "password_confirm": NEXT_PASSWORD}
    fill(client, "/auth/change-password", old_password=PASSWORD, **next_passwords)
    fill(browser(), "/auth/reset", email="new@example.com")
    follow(browser(), mailbox, "new@example.com", **passwords)
    client = browser("anna")
    client.get("/roles", status=403)
    boss = browser("boss")
    for fields in ({"action": "role", "role": "Moderator"}, {"action": "disable"}, {"action": "enable"}):
        token = boss.get("/people/2").forms[0]["csrf_token"].value
        assert boss.post("/people/2", {**fields, "csrf_token": token}).status_int == 303
    fill(boss, "/people/invite", email="guest@example.com")
    client = browser("anna")
    fill(client, "/auth/delete", password=PASSWORD)
    client = browser("anna")
    token = client.get("/auth/delete").forms[0]["csrf_token"].value
    client.post("/auth/delete", {"action": "stay", "csrf_token": token})
    client.get("/auth/logout").forms[0].submit()
    get_limiter(registry).clear()
    for _try in range(11):
        sign_in(browser(), "anna", "wrong password")
    columns = (SecurityEvent.event, SecurityEvent.at, SecurityEvent.address_hash, SecurityEvent.details)
    rows = stored(select(*columns).where(SecurityEvent.request_id != ""))
    assert {
        "registered", "confirmed", "signed_in", "sign_in_failed", "proof_failed", "proved", "exported",
        "address_change_asked", "address_changed", "password_changed", "reset_asked", "password_reset", "denied",
        "role_changed", "disabled", "enabled", "invited", "leaving", "stayed", "signed_out", "limited",
    } <= {row.event for row in rows}  # fmt: skip
    assert all(row.at.tzinfo is not None and row.address_hash for row in rows)
    assert not any("192.0.2" in str(row.details) + row.address_hash for row in rows)
