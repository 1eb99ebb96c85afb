"""Mailed links: their token leaves the address bar when they are opened (TOK-04, docs/decisions/0056)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload
from webtest import TestApp

from flasky.plugins.accounts import ownership, registration, tokens
from flasky.plugins.accounts.models import Token, User
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.views import mailed_links
from flasky.plugins.accounts.work import open_work

PASSWORD = "correct horse battery staple"
OTHER = "another fine battery staple"
KINDS = {
    "confirm": Purpose.CONFIRM,
    "reset": Purpose.RESET,
    "link": Purpose.SIGN_IN,
    "change-email": Purpose.CHANGE_ADDRESS,
}

Mailed = Callable[..., str]


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}


@pytest.fixture
def mailed(registry: Registry) -> Mailed:
    """A function that makes a member, if there is none of that name, and the token of a link for them."""

    def make(kind: str, username: str = "anna") -> str:
        with open_work(registry) as work:
            query = select(User).where(User.username == username).options(joinedload(User.role))
            user = work.db.scalars(query).one_or_none() or registration.create(
                work, username=username, email=f"{username}@example.com", password=PASSWORD
            )
            return tokens.issue(work, KINDS[kind], user, user.email or "")

    return make


@pytest.fixture
def browser(app: Any) -> Callable[..., TestApp]:
    """A function that makes a browser of its own."""

    def make(scheme: str = "http") -> TestApp:
        return TestApp(app, extra_environ={"HTTP_HOST": "localhost", "wsgi.url_scheme": scheme})

    return make


def used(registry: Registry) -> int:
    """How many links were used."""
    with open_work(registry) as work:
        return work.db.scalar(select(func.count(Token.id)).where(Token.used_at.is_not(None))) or 0


def press(page: Any) -> Any:
    form = page.forms[0]
    for name in ("password", "password_confirm"):
        if name in form.fields:
            form[name] = OTHER
    return form.submit()


@pytest.mark.parametrize("kind", KINDS)
def test_tok_04_the_token_leaves_the_address_bar(kind: str, mailed: Mailed, browser: Any, registry: Registry) -> None:
    """Opening it leads on to an address without it; nothing is used up until the button there is pressed."""
    token, client = mailed(kind), browser()
    for method in (client.head, client.get, client.get):
        opened = method(f"/auth/{kind}/{token}")
        assert opened.status_int == 303
        assert re.fullmatch(rf"http://localhost/auth/{kind}/opened\.[0-9a-f]{{16}}", opened.location)
    page = opened.follow()
    assert token not in page.text
    assert page.forms[0].action == opened.location.removeprefix("http://localhost")
    assert page.headers["Cache-Control"] == opened.headers["Cache-Control"] == "no-store"
    assert used(registry) == 0
    done = press(page)
    assert (used(registry), token in str(done.headers)) == (1, False)
    assert "not valid" in client.get(f"/auth/{kind}/{token}", status=404).text
    # What the browser kept is forgotten.
    assert "once more" in client.get(opened.location, status=404).text


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.databases("sqlite")
def test_tok_04_ses_01_only_its_page_is_sent_the_token(scheme: str, mailed: Mailed, browser: Any) -> None:
    """A cookie for an hour, for one address, out of reach of scripts and of other sites."""
    opened = browser(scheme).get(f"/auth/reset/{mailed('reset')}")
    name, _, attributes = opened.headers["Set-Cookie"].partition("=")
    kept = set(attributes.split("; ")[1:])
    assert name == ("__Secure-link" if scheme == "https" else "link")
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=3600"} <= kept
    assert f"Path={opened.location.partition('localhost')[2]}" in kept
    assert ("secure" in kept) == (scheme == "https")


def test_tok_04_each_of_two_tabs_acts_on_its_own_link(mailed: Mailed, browser: Any, registry: Registry) -> None:
    """The page that asks about one member never signs in another, whichever was opened last."""
    client = browser()
    pages = {name: client.get(f"/auth/link/{mailed('link', name)}").follow() for name in ("anna", "berta")}
    assert "anna" in pages["anna"].html.main.get_text()
    pages["anna"].forms[0].submit()
    assert "@example.com" not in client.get("/user/anna").text
    assert "anna" in client.get("/auth").text
    assert used(registry) == 1


@pytest.mark.databases("sqlite")
def test_tok_04_what_the_browser_did_not_keep_is_asked_for_again(
    mailed: Mailed, browser: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cookie, a changed one, that of another link, an old one: a page says what to do, and nothing is used up."""
    client, other = browser(), browser()
    token = mailed("confirm")
    place = client.get(f"/auth/confirm/{token}").location
    form = client.get(place).forms[0]
    good = client.cookies["link"].strip('"')
    other.get(f"/auth/confirm/{mailed('confirm', 'berta')}")
    for cookie in ("", good[:-1] + ("a" if good[-1] != "a" else "b"), token, other.cookies["link"], "x.y", "."):
        answer = browser().get(place, headers={"Cookie": f"link={cookie}"}, status=404)
        assert "once more" in answer.text, cookie
    with monkeypatch.context() as patch:
        patch.setattr(mailed_links, "LIFETIME_SECONDS", 0)
        assert "once more" in client.get(place, status=404).text
        assert "once more" in form.submit(status=404).text
    # The mailed link itself is good for longer, and is opened again.
    assert "anna@example.com" in client.get(f"/auth/confirm/{token}").follow().text
    assert used(registry) == 0


@pytest.mark.databases("sqlite")
def test_tok_04_an_invitation_and_the_claim_link_too(browser: Any, registry: Registry, mailed: Mailed) -> None:
    """Whoever has to sign in first to claim the site goes on without the token in any address."""
    with open_work(registry) as work:
        secret = ownership.claim_secret(work) or ""
    mailed("confirm")
    client = browser()
    page = client.get(f"/auth/claim/{secret}").follow()
    assert secret not in page.text
    # It stood in the terminal or the log and came by no mail.
    lost = browser().get(page.request.path, status=404).html.main.get_text()
    assert "Open the link again where you found it" in lost
    form = page.click("Sign in", index=-1).forms[0]
    form["login"], form["password"] = "anna", PASSWORD
    asked = form.submit().follow()
    assert "anna" in asked.html.main.get_text()
    assert asked.forms[0].submit().location.endswith("/auth/first-steps")
