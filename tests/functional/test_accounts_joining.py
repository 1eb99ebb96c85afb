"""The pages of joining: registering, confirming, inviting, and the mail to the site's owner."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from webtest import TestApp

from flasky.jobs.worker import JobWorker
from flasky.mail.deliverer import Deliverer
from flasky.mail.transport import make_mailer
from flasky.plugins.accounts.models import User
from flasky.testing.mailbox import Mailbox, PromptMailbox, html_of, text_of
from flasky.testing.smtp import SMTPServer

PASSWORD = "correct horse battery staple"


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}


@pytest.fixture
def mailbox(registry: Registry) -> Mailbox:
    """The mails, those of the jobs that are queued among them."""
    return PromptMailbox(registry)


def join(client: TestApp, username: str = "Anna", email: str = "anna@example.com", **fields: str) -> Any:
    form = client.get("/auth/register").forms[0]
    values = {"username": username, "email": email, "password": PASSWORD, "password_confirm": PASSWORD, **fields}
    for name, value in values.items():
        form[name] = value
    return form.submit(expect_errors=True)


def link_in(mail: Any) -> str:
    found = re.search(r"http://localhost(/\S+)", text_of(mail))
    assert found
    return found[1]


def sign_in(client: TestApp, login: str = "Anna", password: str = PASSWORD) -> Any:
    form = client.get("/auth/login").forms[0]
    form["login"], form["password"] = login, password
    return form.submit(expect_errors=True)


def test_join_confirm_sign_in_sign_out(testapp: TestApp, mailbox: Mailbox, statements: Callable[[], list[str]]) -> None:
    """CSR-04: opening the link changes nothing, its button does. SES-03, SES-10, ACL-06 on the way."""
    assert "mail to anna@example.com" in join(testapp).text
    [told] = mailbox.to("owner@example.com")
    assert "Anna" in text_of(told)
    path = link_in(mailbox.to("anna@example.com")[0])

    assert sign_in(testapp).status_int == 303
    assert testapp.get("/auth/sessions").location == "http://localhost/auth/unconfirmed"
    page = testapp.get("/auth/unconfirmed")
    assert "anna@example.com" in page.text
    page.forms[0].submit()
    path = link_in(mailbox.to("anna@example.com")[-1])

    for _time in range(2):
        page = testapp.get(path).follow()
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Robots-Tag"] == "noindex"
    assert testapp.get("/auth/unconfirmed").status_int == 200
    page.forms[0].submit().follow()
    assert testapp.get("/auth/sessions").status_int == 200
    assert "not valid" in testapp.get(path, status=404).text

    assert testapp.get("/").status_int == 200
    assert len(statements()) == 1
    left = testapp.get("/auth/logout").forms[0].submit()
    assert left.headers["Clear-Site-Data"] == '"cache"'
    assert testapp.get("/auth/sessions").status_int == 303
    assert len(mailbox.to("owner@example.com")) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_parity_7_the_owners_mail_names_everybody_correctly(testapp: TestApp, mailbox: Mailbox, language: str) -> None:
    """PARITY row 7, XSS-02"""
    testapp.set_cookie("language", language)
    join(testapp, "<b>胡同</b>", "hutong@example.com")
    [mail] = mailbox.to("owner@example.com")
    assert "<b>胡同</b>" in text_of(mail)
    assert "&lt;b&gt;胡同&lt;/b&gt;" in html_of(mail)
    assert "<b>胡同</b>" not in html_of(mail)
    own = mailbox.to("hutong@example.com")[0]
    assert ("确认" in text_of(own)) == (language == "zh")


def test_a_refused_form_comes_back_with_what_was_typed(testapp: TestApp, db: Session) -> None:
    """The fault stands beside its field, the first one has the focus, and no password comes back."""
    page = join(testapp, "a\u200bb", "no address", password="short", password_confirm="short")
    assert page.status_int == 422
    form = page.forms[0]
    assert form["username"].value == "a\u200bb"
    assert form["email"].value == "no address"
    assert form["password"].value == form["password_confirm"].value == ""
    for name in ("username", "email", "password"):
        field = page.html.select_one(f"#{name}")
        assert field["aria-invalid"] == "true"
        assert page.html.select_one(f"#{field['aria-describedby'].split()[0]}").get_text(strip=True)
    assert [field["id"] for field in page.html.select("[autofocus]")] == ["username"]
    assert "short" not in page.text
    assert "differ" in join(testapp, password_confirm="something else").text
    assert db.scalar(select(func.count(User.id))) == 0


def test_enu_02_a_known_address_is_answered_like_a_new_one(testapp: TestApp, mailbox: Mailbox, app: Any) -> None:
    first = join(testapp)
    other = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "192.0.2.8"})
    second = join(other, "Berta")
    assert (first.status_int, first.html.main.get_text()) == (second.status_int, second.html.main.get_text())
    assert "already have an account" in text_of(mailbox.last)
    taken = join(other, "ANNA", "new@example.com")
    assert "taken" in taken.html.select_one("#username-fault").get_text()


def test_enu_03_asking_for_the_link_again_is_answered_alike(testapp: TestApp, mailbox: Mailbox) -> None:
    join(testapp)
    known = len(mailbox.messages)

    def ask(email: str) -> str:
        form = testapp.get("/auth/resend").forms[0]
        form["email"] = email
        text: str = form.submit().html.main.get_text().replace(email, "")
        return text

    assert ask("anna@example.com") == ask("nobody@example.com")
    assert len(mailbox.messages) == known + 1


def test_tok_03_strange_links_are_one_page(testapp: TestApp) -> None:
    for route in ("confirm", "reset", "link", "change-email", "invitation", "claim"):
        for secret in ("x", "0" * 43, "%00", "a" * 3000, "%F0%9F%92%A9", "a.b"):
            page = testapp.get(f"/auth/{route}/{secret}", status=[400, 404])
            assert page.status_int == 400 or "not valid" in page.text, (route, secret)


def test_parity_7_against_a_real_smtp_server(testapp: TestApp, registry: Registry, smtp_server: SMTPServer) -> None:
    """What arrives names the new member as they are called, in the subject, the text and the HTML."""
    join(testapp, "<b>胡同</b>", "hutong@example.com")
    JobWorker(registry).run_once()
    mailer = make_mailer(ChainMap({"mail.port": smtp_server.port}, registry.settings))
    assert Deliverer(registry, mailer).run_once().sent == 2
    [mail] = [message for message in smtp_server.wait_for(2) if "owner@" in str(message["To"])]
    assert str(mail["Subject"]).endswith("New member <b>胡同</b>")
    assert "<b>胡同</b> has joined." in text_of(mail)
    assert "&lt;b&gt;胡同&lt;/b&gt; has joined." in html_of(mail)
    assert "hutong@example.com" in text_of(mail)
