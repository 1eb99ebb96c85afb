"""The page "Access tokens", the command for leaked ones, and what becomes of them with their owner."""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from pyramid.registry import Registry
from sqlalchemy import select, update
from webtest import TestApp, TestResponse

from flasky.cli import main
from flasky.cli.context import Context
from flasky.database import utc_now
from flasky.plugins.accounts import leaving
from flasky.plugins.accounts.models import SecurityEvent, User, UserSession
from flasky.plugins.accounts.registration import find_role
from flasky.plugins.accounts.roles import decide
from flasky.plugins.accounts.services import open_work
from flasky.plugins.api.models import AccessToken
from flasky.route_views import route_views
from flasky.testing.mailbox import PromptMailbox

pytestmark = pytest.mark.databases("sqlite")  # Nothing here depends on the dialect.

Member = Callable[..., int]
Browser = Callable[[int], TestApp]
Token = Callable[..., str]
Ask = Callable[..., TestResponse]

PAGE = "/auth/tokens"


def csrf_of(page: TestResponse) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]


def made(browser: TestApp, **fields: Any) -> TestResponse:
    """The answer to the form for a new token."""
    csrf = csrf_of(browser.get(PAGE))
    data = {"name": "backup", "permissions": ["things.change"], "days": "90", **fields}
    sent = [("csrf_token", csrf)]
    for name, value in data.items():
        sent.extend((name, item) for item in (value if isinstance(value, list) else [value]))
    return browser.post(PAGE, sent, expect_errors=True)


def count(registry: Registry) -> int:
    with open_work(registry) as work:
        return len(work.db.scalars(select(AccessToken)).all())


def test_tok_05_a_token_is_shown_once_and_works_until_its_owner_revokes_it(
    accounts_member: Member, accounts_browser: Browser, ask: Ask, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """TOK-05; LOG-01: it is in no line of the log."""
    caplog.set_level(logging.DEBUG)
    browser = accounts_browser(accounts_member("anna"))
    assert f'href="{PAGE}"' in browser.get("/auth").text
    assert "You have none." in browser.get(PAGE).text
    answer = made(browser)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    (token,) = set(re.findall(r"flasky_[\w-]{49}", answer.text))
    assert ask(token, "PUT").json["may"] == ["things.change"]
    page = browser.get(PAGE)
    assert token[:20] not in page.text
    assert "<strong>backup</strong>" in page.text
    assert "Change things" in page.text
    assert "Access token made (backup)" in browser.get("/auth/events").html.get_text()
    assert [mail["To"] for mail in PromptMailbox(registry).messages if "access token was made" in str(mail)]
    (button,) = re.findall(r'name="revoke" value="(\d+)"', page.text)
    csrf = csrf_of(page)
    assert browser.post(PAGE, {"revoke": button, "csrf_token": csrf}).location.endswith(PAGE)
    assert ask(token).status_code == 401
    assert "Access token revoked (backup)" in browser.get("/auth/events").html.get_text()
    assert "token_made" in caplog.text
    assert token[7:50] not in caplog.text


def test_acl_03_the_page_asks_for_the_password_when_the_last_proof_is_old(
    accounts_member: Member, accounts_browser: Browser, registry: Registry
) -> None:
    """ACL-03."""
    browser = accounts_browser(accounts_member("anna"))
    csrf = csrf_of(browser.get(PAGE))
    with open_work(registry) as work:
        work.db.execute(update(UserSession).values(proven_at=utc_now() - timedelta(minutes=31)))
    assert "/auth/prove" in browser.get(PAGE).location
    sent = {"csrf_token": csrf, "name": "x", "permissions": "things.change", "days": "30"}
    browser.post(PAGE, sent, status=403)
    assert count(registry) == 0


def test_acl_01_who_may_what(
    accounts_member: Member, accounts_browser: Browser, testapp: TestApp, registry: Registry
) -> None:
    """ACL-01: every route of the plug-in, for nobody, members before and after they confirmed, and administrators."""
    anna = accounts_member("anna")
    member, newcomer = accounts_browser(anna), accounts_browser(accounts_member("new"))
    admin = accounts_browser(accounts_member("admin", role="Administrator"))
    with open_work(registry) as work:
        work.db.execute(update(User).where(User.username == "new").values(confirmed_at=None))
    public = (200, 200, 200, 200)
    expected = {
        ("api.tokens", "GET"): (303, 303, 200, 200),
        ("api.tokens", "POST"): (400, 400, 400, 400),
        ("api.start", "GET"): public,
        ("api.openapi", "GET"): public,
    }
    found = {}
    for row in route_views(registry):
        if row.plugin == "api":
            for method in row.methods:
                answers = [
                    who.request(row.pattern, method=method, expect_errors=True)
                    for who in (testapp, newcomer, member, admin)
                ]
                found[row.route, method] = tuple(answer.status_code for answer in answers)
    assert found == expected
    testapp.reset()
    assert "/auth/login" in testapp.get(PAGE).location
    assert "/auth/unconfirmed" in newcomer.get(PAGE).location
    with open_work(registry) as work:
        decide(work, find_role(work, "User"), "api.tokens", granted=False)
    member.get(PAGE, status=403)


def test_acl_02_nobody_revokes_a_token_of_somebody_else(
    accounts_member: Member, accounts_browser: Browser, api_token: Token, ask: Ask, registry: Registry
) -> None:
    """ACL-02."""
    accounts_member("anna")
    token = api_token("anna", "things.change")
    with open_work(registry) as work:
        number = work.db.scalars(select(AccessToken.id)).one()
    browser = accounts_browser(accounts_member("bob", role="Administrator"))
    page = browser.get(PAGE)
    assert "Revoke" not in page.text
    for value in (str(number), "x", "0", ""):
        browser.post(PAGE, {"revoke": value, "csrf_token": csrf_of(page)}, status=303)
    assert ask(token).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " "}, "Give it a name of at most 64 characters."),
        ({"name": "x" * 65}, "At most 64 characters"),
        ({"permissions": []}, "Choose what the program may do."),
        ({"permissions": ["things.remove"]}, "Choose what the program may do."),
        ({"permissions": ["accounts.take_part", "things.change"]}, "Choose what the program may do."),
        ({"days": "36500"}, "Choose how long it is good."),
        ({"days": "x"}, "Choose how long it is good."),
    ],
)
def test_what_cannot_be_comes_back_with_a_sentence(
    accounts_member: Member, accounts_browser: Browser, registry: Registry, fields: dict[str, Any], words: str
) -> None:
    """ACL-03: a member cannot give a program what they may not do themselves."""
    answer = made(accounts_browser(accounts_member("anna")), **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert count(registry) == 0


def test_the_page_is_there_in_chinese(accounts_member: Member, accounts_browser: Browser) -> None:
    page = accounts_browser(accounts_member("anna")).get(PAGE, headers={"Accept-Language": "zh"})
    assert "<h1>访问令牌</h1>" in page.text
    assert re.findall(r"<option.*?>(.*?)</option>", page.text) == ["30 天", "90 天", "365 天"]
    assert "Change things" in page.text


def test_tok_05_the_command_revokes_a_leaked_token_and_never_prints_it(
    accounts_member: Member, api_token: Token, ask: Ask, app: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TOK-05: whoever found it says so on the standard input."""
    anna = accounts_member("anna")
    token = api_token("anna", "things.change")
    monkeypatch.setattr(Context, "application", app)
    done = CliRunner().invoke(main, ["api", "revoke"], input=f"{token}\n")
    assert done.output == "The token is revoked. It was anna's, who is told by mail.\n"
    assert ask(token).status_code == 401
    assert [mail for mail in PromptMailbox(registry).messages if "found where others could read it" in str(mail)]
    with open_work(registry) as work:
        happened = select(SecurityEvent.event, SecurityEvent.details).where(SecurityEvent.user_id == anna)
        newest = work.db.execute(happened.order_by(SecurityEvent.id)).all()[-1]
    assert tuple(newest) == ("token_revoked", {"name": "test", "leaked": True})
    again = CliRunner().invoke(main, ["api", "revoke"], input=f"{token}\n")
    assert (again.exit_code, token[7:] in again.output) == (1, False)
    assert "no token of this site" in again.output


def test_tokens_are_in_the_export_and_gone_with_their_owner(
    accounts_member: Member, api_token: Token, registry: Registry
) -> None:
    anna = accounts_member("anna")
    token = api_token("anna", "things.change")
    with open_work(registry) as work:
        archive = zipfile.ZipFile(io.BytesIO(leaving.export(work, work.db.get_one(User, anna))))
        (exported,) = json.loads(archive.read("api/tokens.json"))
        assert (exported["name"], exported["permissions"], exported["last_used_at"]) == (
            "test",
            ["things.change"],
            None,
        )
        assert "digest" not in exported
        assert token[7:] not in str(exported)
        leaving.erase(work, work.db.get_one(User, anna))
    assert count(registry) == 0
