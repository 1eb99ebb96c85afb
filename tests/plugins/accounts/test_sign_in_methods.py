"""A sign-in method of another plug-in, as docs/plugins/accounts.md writes it: all rules of signing in hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyotp
import pytest
from made_plugins import make_plugin
from sqlalchemy import select, update
from webtest import TestApp

from flasky.database import utc_now
from flasky.plugins.accounts import two_factor
from flasky.plugins.accounts.models import SecurityEvent, User
from flasky.plugins.accounts.sign_in_methods import sign_in_methods
from flasky.settings import ConfigurationFaults

PAGE = Path(__file__).resolve().parents[3] / "docs" / "plugins" / "accounts.md"


@pytest.fixture(scope="session")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plug-in of the page, written once: its modules stay imported."""
    folder = tmp_path_factory.mktemp("cards")
    section = PAGE.read_text(encoding="utf-8").split("## Another way to sign in")[1].split("\n## ")[0]
    include, views = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (template,) = re.findall(r"```html\n(.*?)```", section, re.DOTALL)
    body = include.replace("def includeme(config):\n", "")
    package = make_plugin(
        folder,
        "cards",
        f"{body}    config.add_jinja2_search_path('flasky_cards:templates', name='.jinja2')",
        declaration="requires=('accounts',)",
    )
    imports = (
        "from pyramid.renderers import render\nfrom pyramid.response import Response\n"
        "from pyramid.security import NO_PERMISSION_REQUIRED\nfrom pyramid.view import view_config\n"
    )
    (package / "views.py").write_text(imports + views)
    (package / "templates" / "cards").mkdir(parents=True)
    (package / "templates" / "cards" / "card.jinja2").write_text(template)
    return folder


@pytest.fixture(autouse=True)
def _path(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(cards)


@pytest.fixture
def app_settings(app_settings: dict[str, Any], _path: None) -> dict[str, Any]:
    return {**app_settings, "flasky.plugins": "main accounts cards"}


@pytest.fixture
def people(member: Any) -> tuple[int, int]:
    """The two members whom the page's view knows, 1 and 2."""
    return member("anna"), member("bob")


@pytest.fixture
def browser(app: Any) -> TestApp:
    return TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "192.0.2.1"})


def use(browser: TestApp, card: str, path: str = "/cards") -> Any:
    form = browser.get(path).forms[0]
    form["card"] = card
    return form.submit(expect_errors=True)


def events(db: Any) -> list[tuple[str, int | None, Any]]:
    rows = db.execute(
        select(SecurityEvent.event, SecurityEvent.user_id, SecurityEvent.details).order_by(SecurityEvent.id)
    )
    found = [(event, user_id, details.get("how")) for event, user_id, details in rows if event.startswith("sign")]
    db.rollback()
    return found


def test_the_link_leads_there_and_on_to_where_they_wanted(browser: TestApp, people: Any, db: Any) -> None:
    page = browser.get("/auth/login?next=/auth/events")
    link = page.html.find("a", string=re.compile("Sign in with a card"))["href"]
    assert link == "/cards?next=%2Fauth%2Fevents"
    answer = use(browser, "blue", link)
    assert (answer.status_int, answer.location) == (303, "http://localhost/auth/events")
    assert "anna" in browser.get("/auth", status=200)
    assert events(db) == [("signed_in", people[0], "cards.card")]


def test_nobody_and_who_is_shut_out_are_answered_alike(browser: TestApp, people: Any, db: Any) -> None:
    """ENU-01."""
    db.execute(update(User).where(User.id == people[1]).values(disabled_at=utc_now()))
    db.commit()
    nobody, shut_out = use(browser, "green"), use(browser, "red")
    assert nobody.status_int == shut_out.status_int == 422
    token = re.compile(r'name="csrf_token" value="[^"]*"|[0-9a-f]{16}')
    assert token.sub("", nobody.text) == token.sub("", shut_out.text)
    assert "That did not work." in nobody
    assert events(db) == [("sign_in_failed", None, "cards.card"), ("sign_in_failed", people[1], "cards.card")]


def test_rte_01_tries_are_limited_as_for_passwords(browser: TestApp, people: Any) -> None:
    statuses = [use(browser, "green").status_int for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    # Also for the right card, from the same address.
    assert use(browser, "blue").status_int == 429


def test_tok_06_the_second_factor_is_asked_for(browser: TestApp, people: Any, work: Any, get: Any, db: Any) -> None:
    with work() as opened:
        enrolment = two_factor.begin(opened, get(opened, people[0]))
        two_factor.confirm(opened, get(opened, people[0]), pyotp.TOTP(enrolment.secret).now())
    page = use(browser, "blue")
    assert page.status_int == 200
    browser.get("/auth/events", status=303)
    form = page.forms[0]
    form["code"] = pyotp.TOTP(enrolment.secret).at(utc_now().timestamp() + 30)
    assert form.submit().status_int == 303
    browser.get("/auth/events", status=200)


@pytest.mark.databases("sqlite")  # it is refused before
def test_a_token_is_needed_and_a_get_signs_nobody_in(browser: TestApp, people: Any, registry: Any) -> None:
    browser.post("/cards", {"card": "blue"}, status=400)
    assert [method.name for method in sign_in_methods(registry)] == ["cards.card"]


@pytest.mark.databases("sqlite")  # nothing is asked
def test_a_method_that_was_not_declared_is_a_mistake_of_the_plug_in(work: Any) -> None:
    from flasky.plugins.accounts.authentication import sign_in_by_method  # noqa: PLC0415 - only here

    with work() as opened, pytest.raises(LookupError, match=r"declares the sign-in method 'cards\.lost'"):
        sign_in_by_method(opened, "cards.lost", 1)


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("cardone", "config.add_sign_in_method('cardone.x', 'X', route='lost')", "route 'lost', which is not there"),
        (
            "cardtwo",
            "config.add_route('cardtwo.x', '/x/{id}'); config.add_sign_in_method('cardtwo.x', 'X', route='cardtwo.x')",
            "route without placeholders",
        ),
    ],
)
def test_a_page_that_cannot_be_linked_to_is_a_fault(make_app, tmp_path, monkeypatch, name, body, words) -> None:
    make_plugin(tmp_path, name, body, declaration="requires=('accounts',)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationFaults, match=f"the sign-in method '{name}.x' leads to .*{words}"):
        make_app(flasky__plugins=f"main accounts {name}")
