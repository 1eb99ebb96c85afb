"""Access tokens: what is kept of them, what they allow, and when they end (TOK-05, SES-06)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import select, text
from webtest import TestApp, TestResponse

from flasky.database import utc_now
from flasky.plugins.accounts import sessions
from flasky.plugins.accounts.models import SecurityEvent, User
from flasky.plugins.accounts.registration import find_role
from flasky.plugins.accounts.roles import decide
from flasky.plugins.accounts.services import Fault, Work, open_work
from flasky.plugins.api import tokens, uses
from flasky.plugins.api.models import AccessToken
from flasky.plugins.api.spelling import fingerprint, new_token
from flasky.testing.mailbox import PromptMailbox

pytestmark = pytest.mark.databases("sqlite")  # Nothing depends on the dialect but what says so.

Member = Callable[..., int]
Token = Callable[..., str]
Ask = Callable[..., TestResponse]


def later(registry: Registry, user_id: int, change: Callable[[User], Any]) -> None:
    """Change something of a member."""
    with open_work(registry) as work:
        change(work.db.get_one(User, user_id))


def test_tok_05_a_token_can_be_told_from_other_texts() -> None:
    """TOK-05: a beginning, 256 random bits, and a checksum that anybody can compute."""
    token = new_token()
    assert re.fullmatch(r"flasky_[\w-]{43}[0-9A-Za-z]{6}", token)
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in token[-6:]:
        number = number * 62 + digits.index(digit)
    assert number == zlib.crc32(token[:-6].encode())
    assert len(fingerprint(token) or "") == 64
    other = token[:10] + ("A" if token[10] != "A" else "B") + token[11:]
    for wrong in (other, token[:-1], token + "a", token.upper(), "", "flasky_", f" {token}"):
        assert fingerprint(wrong) is None


@pytest.mark.databases("sqlite", "postgresql")
def test_tok_05_the_database_holds_no_token(accounts_member: Member, api_token: Token, db: Any, ask: Ask) -> None:
    """TOK-05."""
    accounts_member("anna")
    token = api_token("anna", "things.change")
    stored = [str(tuple(row)) for row in db.execute(text("SELECT * FROM api_tokens"))]
    stored += [str(tuple(row)) for row in db.execute(text("SELECT details FROM security_events"))]
    stored += [str(tuple(row)) for row in db.execute(text("SELECT * FROM outgoing_mails"))]
    assert stored
    assert [row for row in stored if token[:30] in row or token[7:30] in row] == []
    assert ask(token, "PUT").json == {"who": "anna", "may": ["things.change"], "proven": False}


def test_acl_03_a_token_does_what_it_was_made_for_and_is_never_proven(
    accounts_member: Member, api_token: Token, ask: Ask, testapp: TestApp
) -> None:
    """ACL-03: at most what its owner may do now; no page opens with it."""
    accounts_member("mod", role="Moderator")
    change = api_token("mod", "things.change")
    assert ask(change).json["may"] == ["things.change"]
    assert ask(change, "DELETE").status_code == 403
    assert ask(api_token("mod", "things.remove"), "DELETE").json["proven"] is False
    accounts_member("anna")
    assert ask(api_token("anna", "things.remove")).json["may"] == []
    assert ask(change, path="/auth", Accept="text/html").headers["Location"].endswith("/auth/login?next=%2Fauth")


def test_hdr_06_what_would_lead_a_person_on_is_a_plain_refusal_for_a_program(
    accounts_member: Member, api_token: Token, ask: Ask
) -> None:
    """HDR-06, ACL-03: no page that asks for a password, none for signing in."""
    accounts_member("anna")
    token = api_token("anna", "things.change")
    asked = [("GET", "?error=Refused", 403), ("GET", "?error=InvalidToken", 404), ("PUT", "", 403)]
    for method, query, status in asked:
        answer = ask(token, method, f"/api/refused{query}", Accept="text/html")
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), query
    assert answer.json["detail"] == "Somebody has to be here for this, and give their password."
    assert ask(token, path="/api/refused?error=Refused").json["detail"] == "Not on Sundays"


def test_ses_06_what_becomes_of_a_member_holds_for_the_next_request(
    accounts_member: Member, api_token: Token, ask: Ask, registry: Registry
) -> None:
    """SES-06: demoted, unconfirmed, leaving, disabled, a new password."""
    anna = accounts_member("mod", role="Moderator")
    token = api_token("mod", "things.change", "things.remove")
    assert ask(token, "DELETE").status_code == 200
    with open_work(registry) as work:
        work.db.get_one(User, anna).role_id = find_role(work, "User").id
    assert (ask(token, "DELETE").status_code, ask(token, "PUT").status_code) == (403, 200)
    with open_work(registry) as work:
        decide(work, find_role(work, "User"), "api.tokens", granted=False)
    assert ask(token, "PUT").status_code == 403
    with open_work(registry) as work:
        decide(work, find_role(work, "User"), "api.tokens", granted=True)
    later(registry, anna, lambda user: setattr(user, "deletion_due_at", utc_now() + timedelta(days=1)))
    assert ask(token, "PUT").status_code == 403
    later(registry, anna, lambda user: setattr(user, "deletion_due_at", None))
    later(registry, anna, lambda user: setattr(user, "confirmed_at", None))
    assert ask(token, "PUT").status_code == 403
    later(registry, anna, lambda user: setattr(user, "confirmed_at", utc_now()))
    later(registry, anna, lambda user: setattr(user, "disabled_at", utc_now()))
    assert ask(token).status_code == 401
    later(registry, anna, lambda user: setattr(user, "disabled_at", None))
    later(registry, anna, lambda user: setattr(user, "credentials_version", user.credentials_version + 1))
    assert ask(token).status_code == 401
    refused = select(SecurityEvent.event).where(SecurityEvent.user_id == anna, SecurityEvent.event == "denied")
    with open_work(registry) as work:
        assert len(work.db.scalars(refused).all()) == 4


def test_tok_06_a_role_that_needs_a_second_factor_needs_it_for_programs_too(
    accounts_member: Member, api_token: Token, ask: Ask, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TOK-06."""
    accounts_member("admin", role="Administrator")
    token = api_token("admin", "things.change", "things.remove")
    assert ask(token, "DELETE").status_code == 200
    monkeypatch.setitem(registry.settings, "accounts.two_factor_required", True)
    assert (ask(token, "DELETE").status_code, ask(token, "PUT").status_code) == (403, 200)


@pytest.mark.databases("sqlite", "postgresql")
def test_tok_05_a_token_ends_with_its_time_or_at_once(
    accounts_member: Member, api_token: Token, ask: Ask, registry: Registry
) -> None:
    """TOK-05: expired, revoked by its owner and by nobody else; what is over is cleared away."""
    anna, bob = accounts_member("anna"), accounts_member("bob")
    token, other = api_token("anna", "things.change"), api_token("anna", "things.change")
    with open_work(registry) as work:
        newest, oldest = tokens.own(work, anna)
        assert not tokens.revoke(work, bob, newest.id)
        assert tokens.revoke(work, anna, newest.id)
        assert not tokens.revoke(work, anna, newest.id)
    assert (ask(other).status_code, ask(token).status_code) == (401, 200)
    api_token("bob", "things.change")
    later(registry, bob, lambda user: setattr(user, "credentials_version", user.credentials_version + 1))
    with open_work(registry) as work:
        tokens.forget_void(work)
        assert work.db.scalars(select(AccessToken.user_id)).all() == [anna]
    assert oldest.expires_at - oldest.created_at == timedelta(days=30)
    with open_work(registry, clock=lambda: oldest.expires_at) as work:
        assert tokens.own(work, anna) == []
        assert tokens.known_by(work, token) is None
        tokens.forget_void(work)
        assert work.db.scalars(select(AccessToken)).all() == []


def test_the_last_use_is_noted_once_a_day_and_beside_the_request(
    accounts_member: Member, api_token: Token, ask: Ask, registry: Registry, statements: Any
) -> None:
    anna = accounts_member("anna")
    token = api_token("anna", "things.change")
    ask(token)
    before = len(statements())
    ask(token)
    assert len(statements()) - before <= 1, "one statement says who it is, and nothing is written"
    uses.store(registry)
    with open_work(registry) as work:
        (view,) = tokens.own(work, anna)
    assert view.last_used_at is not None
    ask(token)
    uses.store(registry)
    with open_work(registry) as work:
        assert tokens.own(work, anna) == [view]
    with open_work(registry, clock=lambda: utc_now() + timedelta(days=1)) as work:
        known = tokens.known_by(work, token)
        assert known is not None
        uses.note(work, known)
    uses.store(registry)
    with open_work(registry) as work:
        (again,) = tokens.own(work, anna)
    assert again.last_used_at.date() == view.last_used_at.date() + timedelta(days=1)


def test_a_token_has_nothing_of_a_revoked_one_whose_id_it_was_given(
    accounts_member: Member, api_token: Token, ask: Ask, registry: Registry
) -> None:
    """RTE-02: SQLite gives ids again. The old one's uses are neither counted nor told for the new one."""
    anna, bob = accounts_member("anna"), accounts_member("bob")
    assert ask(api_token("anna", "things.change")).headers["RateLimit"].startswith('"minute";r=19;')
    with open_work(registry) as work:
        (old,) = tokens.own(work, anna)
        tokens.revoke(work, anna, old.id)
    token = api_token("bob", "things.change")
    uses.store(registry)
    with open_work(registry) as work:
        (new,) = tokens.own(work, bob)
    assert (new.id, new.last_used_at) == (old.id, None)
    assert ask(token).headers["RateLimit"].startswith('"minute";r=19;')
    uses.store(registry)
    with open_work(registry) as work:
        assert tokens.own(work, bob)[0].last_used_at is not None


@pytest.mark.parametrize(("note_use", "names"), [(tokens.note_use, "abc"), (sessions.note_use, (1, 2, 3))])
def test_two_processes_that_store_uses_lock_the_rows_in_one_order(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, note_use: Any, names: Any
) -> None:
    """PostgreSQL would end one of two that wait for what the other holds."""
    orders, moment = [], utc_now()
    for noted in (names, names[::-1]):
        locked: list[Any] = []
        with open_work(registry) as work:
            monkeypatch.setattr(work.db, "execute", locked.append)
            # The owners come in another order than what is theirs.
            note_use(work, {name: (9 - names.index(name), moment) for name in noted})
        orders.append([(query.table.name, str(query.compile().params)) for query in locked])
    assert orders[0] == orders[1] == sorted(orders[0], key=lambda row: row[0] == "users")


def test_rte_02_each_answer_says_what_is_left_and_beyond_it_there_is_none(
    accounts_member: Member, api_token: Token, ask: Ask
) -> None:
    """RTE-02: counted for each token, with the headers of draft-ietf-httpapi-ratelimit-headers."""
    accounts_member("anna")
    token = api_token("anna", "things.change")
    first = ask(token)
    assert first.headers["RateLimit-Policy"] == '"minute";q=20;w=60'
    assert re.fullmatch(r'"minute";r=19;t=(60|59)', first.headers["RateLimit"])
    for _number in range(19):
        last = ask(token, "DELETE")
    assert (last.status_code, last.headers["RateLimit"][:13]) == (403, '"minute";r=0;')
    beyond = ask(token)
    assert (beyond.status_code, beyond.content_type) == (429, "application/problem+json")
    assert 0 < int(beyond.headers["Retry-After"]) <= 60
    assert beyond.headers["RateLimit"].startswith('"minute";r=0;t=')
    assert ask(api_token("anna", "things.change")).status_code == 200


@pytest.mark.parametrize(
    ("name", "permissions", "days", "field"),
    [
        ("", ["things.change"], 30, "name"),
        ("x" * 65, ["things.change"], 30, "name"),
        ("x", [], 30, "permissions"),
        ("x", ["accounts.manage_roles"], 30, "permissions"),
        ("x", ["things.change"], 36500, "days"),
    ],
)
def test_what_is_no_token_is_not_made(
    accounts_member: Member, registry: Registry, name: str, permissions: list[str], days: int, field: str
) -> None:
    anna = accounts_member("anna")
    with open_work(registry) as work, pytest.raises(Fault) as caught:
        tokens.make(work, anna, name, permissions, days)
    assert caught.value.field == field


def test_a_member_has_at_most_twenty_and_hears_of_each(accounts_member: Member, registry: Registry, db: Any) -> None:
    anna = accounts_member("anna")
    with open_work(registry) as work:
        for number in range(tokens.MOST):
            tokens.make(work, anna, f"program {number}", ["things.change"], 365)
        with pytest.raises(Fault, match="You have 20 tokens"):
            tokens.make(work, anna, "one more", ["things.change"], 365)
    mails = PromptMailbox(registry).messages
    assert len([mail for mail in mails if "access token was made" in str(mail)]) == tokens.MOST
    events = Work(registry, db).db.scalars(select(SecurityEvent).where(SecurityEvent.event == "token_made")).all()
    assert events[0].details == {"name": "program 0", "permissions": ["things.change"], "days": 365}
