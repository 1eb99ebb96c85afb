"""The language of the page is kept at signing in, for members who were never asked for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from pyramid.registry import Registry
from sqlalchemy import select, update
from webtest import TestApp

from flasky.plugins.accounts import two_factor
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import open_work
from flasky.testing.mailbox import Mailbox, text_of

ZH = {"Accept-Language": "zh-CN,zh;q=0.9"}


@pytest.fixture
def language(registry: Registry) -> Callable[[int], str | None]:
    """A function that returns what is stored as a member's language."""

    def of(user_id: int) -> str | None:
        with open_work(registry) as opened:
            return opened.db.scalar(select(User.language).where(User.id == user_id))

    return of


@pytest.fixture
def browser(app: Any) -> Callable[[], TestApp]:
    """A function that returns a browser of its own."""
    return lambda: TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "192.0.2.1"})


def sign_in(browser: TestApp, username: str, password: str, headers: dict[str, str] | None = None) -> Any:
    form = browser.get("/auth/login", headers=headers).forms[0]
    form["login"], form["password"] = username, password
    return form.submit(headers=headers, expect_errors=True)


def test_the_language_of_the_page_is_kept_for_who_was_made_on_the_command_line(
    browser: Any, member: Any, password: str, language: Any, mailbox: Mailbox, work: Any, get: Any
) -> None:
    """Their mails are in it, whoever causes them."""
    user_id = member("anna")
    assert language(user_id) is None
    sign_in(browser(), "anna", password, ZH)
    assert language(user_id) == "zh"
    with work() as opened:
        two_factor.remove(opened, get(opened, user_id))
    assert mailbox.last["Content-Language"] == "zh"
    assert "anna，您好：" in text_of(mailbox.last)


def test_the_language_chosen_in_the_footer_before_signing_in_counts(
    browser: Any, member: Any, password: str, language: Any
) -> None:
    user_id, visitor = member("anna"), browser()
    visitor.post("/language", {"language": "zh", "next": "/"})
    sign_in(visitor, "anna", password)
    assert language(user_id) == "zh"


def test_a_chosen_language_stays(browser: Any, member: Any, password: str, language: Any, work: Any, get: Any) -> None:
    user_id = member("anna")
    with work() as opened:
        get(opened, user_id).language = "en"
    sign_in(browser(), "anna", password, ZH)
    assert language(user_id) == "en"


def test_who_chose_that_of_the_browser_keeps_it(browser: Any, member: Any, password: str, language: Any) -> None:
    """Signing in fixes nobody's language who said that it follows the browser."""
    user_id, english = member("anna"), browser()
    sign_in(english, "anna", password)
    assert language(user_id) == "en"
    form = english.get("/user/anna/edit").forms[0]
    form["language"] = ""
    form.submit().follow()
    chinese = browser()
    sign_in(chinese, "anna", password, ZH)
    assert not language(user_id)
    assert chinese.get("/", headers=ZH).html.html["lang"] == "zh"
    assert english.get("/").html.html["lang"] == "en"
    assert chinese.get("/user/anna/edit").forms[0]["language"].value == ""


def test_who_stores_a_profile_without_touching_the_language_chose_none(
    browser: Any, member: Any, accounts_browser: Any, password: str, language: Any
) -> None:
    """Whose session is older than this: the form shows them what nobody asked them about."""
    user_id = member("anna")
    form = accounts_browser(user_id).get("/user/anna/edit").forms[0]
    form["location"] = "Here"
    form.submit().follow()
    sign_in(browser(), "anna", password, ZH)
    assert language(user_id) == "zh"


def test_it_is_kept_once_somebody_is_in(
    browser: Any, member: Any, password: str, language: Any, work: Any, get: Any
) -> None:
    """Not for a wrong password, not before the code of the second factor, and by no page that is only looked at."""
    user_id, visitor = member("anna"), browser()
    with work() as opened:
        user = get(opened, user_id)
        secret = two_factor.begin(opened, user).secret
        two_factor.confirm(opened, user, pyotp.TOTP(secret).now())
    sign_in(visitor, "anna", "wrong password", ZH)
    assert language(user_id) is None
    page = sign_in(visitor, "anna", password, ZH)
    assert language(user_id) is None
    with work() as opened:
        opened.db.execute(update(two_factor.SecondFactor).values(last_step=0))
    form = page.forms[0]
    form["code"] = pyotp.TOTP(secret).now()
    assert form.submit(headers=ZH).status_int == 303
    assert language(user_id) == "zh"


def test_a_mailed_link_counts_as_well(browser: Any, member: Any, language: Any, mailbox: Mailbox) -> None:
    user_id, visitor = member("anna"), browser()
    form = visitor.get("/auth/link").forms[0]
    form["login"] = "anna"
    form.submit()
    path = "/auth/link/" + text_of(mailbox.last).split("/auth/link/")[1].split()[0]
    page = visitor.get(path, headers=ZH).follow(headers=ZH)
    assert language(user_id) is None
    page.forms[0].submit(headers=ZH)
    assert language(user_id) == "zh"


def test_no_page_that_is_only_looked_at_keeps_a_language(
    member: Any, accounts_browser: Any, language: Any, statements: Callable[[], list[str]]
) -> None:
    """CSR-04"""
    user_id = member("anna")
    signed_in = accounts_browser(user_id)
    for path in ("/", "/user/anna", "/auth", "/auth/login"):
        assert signed_in.get(path, headers=ZH).status_int in {200, 303}
        assert not [text for text in statements() if "UPDATE" in text.upper()]
    assert language(user_id) is None


def test_it_costs_no_statement_of_its_own(
    browser: Any, member: Any, password: str, listening: Any, registry: Registry
) -> None:
    member("anna")
    member("berta")
    with open_work(registry) as opened:
        opened.db.execute(update(User).where(User.username == "berta").values(language="zh"))
    counts = []
    for name in ("anna", "berta"):
        visitor = browser()
        form = visitor.get("/auth/login", headers=ZH).forms[0]
        form["login"], form["password"] = name, password
        with listening() as sent:
            form.submit(headers=ZH)
        counts.append(len(sent))
    assert counts[0] == counts[1]
