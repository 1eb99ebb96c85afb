"""Sessions and who sends a request: SES-01 to SES-08, SES-10, ACL-06, and last seen."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from pyramid.request import Request, apply_request_extensions
from pyramid.threadlocal import RequestContext
from sqlalchemy import func, select, update

from flasky.database import utc_now
from flasky.plugins.accounts import address_change, grants, people, registration, reset, roles, sessions
from flasky.plugins.accounts.authentication import sign_in, sign_out
from flasky.plugins.accounts.housekeeping import Housekeeper, clear_away, get_housekeeper
from flasky.plugins.accounts.identity import Identity
from flasky.plugins.accounts.models import User, UserSession
from flasky.plugins.accounts.tokens import fingerprint, new_secret
from flasky.testing.mailbox import Mailbox, text_of


class Answer:
    """Who a request was found to come from, and what that cost."""

    def __init__(self, identity: Identity | None, statements: list[str]) -> None:
        self.identity, self.statements = identity, statements


@pytest.fixture
def ask(registry: Registry) -> Callable[..., Answer]:
    """A function that sends a request with a session cookie and returns who it comes from."""

    def asked(cookie: str | None, method: str = "GET") -> Answer:
        request = Request.blank("/", method=method)
        if cookie is not None:
            # As a browser would send it, whatever it is.
            request.environ["HTTP_COOKIE"] = f"session={cookie}"
        request.registry = registry
        apply_request_extensions(request)
        with RequestContext(request):
            identity = request.identity
            sent = list(request.statements)
        request._process_finished_callbacks()
        return Answer(identity, sent)

    return asked


@pytest.fixture
def signed_in(work: Any, member: Any, password: str) -> Callable[..., str]:
    """A function that signs a member in, made if they are new, and returns the cookie's value."""
    made: set[str] = set()

    def enter(username: str = "anna", **options: Any) -> str:
        remember = options.pop("remember", False)
        if username not in made:
            member(username, **options)
            made.add(username)
        with work() as opened:
            secret: str = sign_in(opened, username, password, remember=remember).secret
            return secret

    return enter


def as_(work: Any, ask: Any, cookie: str) -> Any:
    """Work asked for by whoever that cookie belongs to."""
    return work(cookie=cookie, identity=ask(cookie).identity)


def test_who_it_is_can_be_compared_and_hashed_whatever_other_plug_ins_know_of_them() -> None:
    """Plug-ins may keep it in a set, or what they know under it."""
    rights, now = frozenset({"signed-in"}), utc_now()

    def known(user_id: int, values: dict[str, Any]) -> Identity:
        return Identity(user_id, "anna", "", None, "User", True, rights, None, None, 0, 7, now, None, False, values)

    once, again, other = known(1, {"blog.notices": 1}), known(1, {"blog.notices": 2}), known(2, {"blog.notices": 1})
    assert hash(once) == hash(again)
    assert {once, again, other} == {once, other}
    assert once == again
    assert not once != again  # noqa: SIM202 - the other operator
    assert once != other
    assert not once == other  # noqa: SIM201 - the other operator
    assert once != tuple(once)
    assert tuple(once) != once


def test_ses_01_an_id_tells_nothing_and_never_repeats(signed_in: Any, work: Any) -> None:
    ids = {new_secret() for _number in range(10_000)}
    assert len(ids) == 10_000
    assert all(len(base64.urlsafe_b64decode(secret + "=")) == 32 for secret in list(ids)[:100])
    cookie = signed_in()
    with work() as opened:
        assert opened.db.scalars(select(UserSession.digest)).one() == fingerprint(cookie)
        assert cookie not in str(opened.db.execute(select(UserSession.__table__)).all())


def test_one_statement_tells_member_role_and_permissions(signed_in: Any, ask: Any) -> None:
    answer = ask(signed_in())
    assert len(answer.statements) == 1
    assert (answer.identity.username, answer.identity.role, answer.identity.confirmed) == ("anna", "User", True)
    assert {"accounts.signed_in", "accounts.take_part", "accounts.see_people"} <= answer.identity.permissions
    assert "accounts.manage_roles" not in answer.identity.permissions


def test_ses_10_without_a_cookie_nothing_is_asked_or_stored(ask: Any, work: Any) -> None:
    for method in ("GET", "POST"):
        answer = ask(None, method)
        assert (answer.identity, answer.statements) == (None, [])
    with work() as opened:
        assert opened.db.scalar(select(func.count()).select_from(UserSession)) == 0


def test_ses_08_broken_cookies_mean_anonymous(signed_in: Any, ask: Any) -> None:
    cookie = signed_in()
    broken = [cookie[:-1], cookie + "x", cookie.swapcase(), "", "null", "x" * 43, "x" * 100_000, "Ã©" * 43]
    broken += [cookie[:position] + "." + cookie[position + 1 :] for position in range(43)]
    broken += [cookie[:position] + "_" + cookie[position + 1 :] for position in range(43) if cookie[position] != "_"]
    broken += [f"{cookie}{cookie}", f'"{cookie}x"', f"{cookie}%00", f"{cookie}.{cookie}", cookie[::-1]]
    for text in broken:
        answer = ask(text)
        assert answer.identity is None, text
    assert ask("x" * 42).statements == []


def test_ses_03_signing_out_ends_the_session_on_the_server(signed_in: Any, ask: Any, work: Any) -> None:
    cookie = signed_in()
    with as_(work, ask, cookie) as opened:
        sign_out(opened)
    assert ask(cookie).identity is None


def test_ses_04_a_new_password_ends_every_other_session(
    signed_in: Any, ask: Any, work: Any, password: str, mailbox: Mailbox
) -> None:
    first, second, third = signed_in(), signed_in(), signed_in()
    with as_(work, ask, second) as opened:
        renewed = reset.change_password(opened, password, "another long password").secret
    assert [ask(cookie).identity is None for cookie in (first, second, third, renewed)] == [True, True, True, False]
    assert "password of your account was changed" in text_of(mailbox.last)


def test_ses_04_a_session_that_was_begun_meanwhile_ends_as_well(signed_in: Any, ask: Any, work: Any) -> None:
    """Whoever signs in with the old password while it is changed gets nothing."""
    cookie = signed_in()
    with work() as opened:
        opened.db.execute(update(User).values(credentials_version=User.credentials_version + 1))
    assert ask(cookie).identity is None


def test_ses_05_sessions_are_listed_and_ended(signed_in: Any, ask: Any, work: Any) -> None:
    first, second, third = signed_in(), signed_in(), signed_in("bob")
    identity = ask(first).identity
    with as_(work, ask, first) as opened:
        own = sessions.own_sessions(opened, identity.user_id)
        assert [(view.current, view.address, view.agent) for view in own] == [
            (False, "192.0.2.x", "Test/1.0"),
            (True, "192.0.2.x", "Test/1.0"),
        ]
        # ACL-02: another member's cannot be ended by its number.
        assert not sessions.end_session(opened, identity.user_id, ask(third).identity.session_id)
        assert sessions.end_session(opened, identity.user_id, own[0].id)
    assert [ask(cookie).identity is None for cookie in (first, second, third)] == [False, True, False]
    fourth = signed_in()
    with as_(work, ask, first) as opened:
        assert sessions.end_sessions(opened, identity.user_id, but=identity.session_id) == 1
    assert [ask(cookie).identity is None for cookie in (first, fourth, third)] == [False, True, False]


def test_ses_06_disabling_and_roles_are_effective_with_the_next_request(
    signed_in: Any, ask: Any, work: Any, get: Any
) -> None:
    cookie = signed_in("anna", role="Moderator")
    user_id = ask(cookie).identity.user_id
    assert "accounts.manage_people" in ask(cookie).identity.permissions
    with work() as opened:
        roles.change_role(opened, get(opened, user_id), registration.find_role(opened, "User"))
    assert "accounts.manage_people" not in ask(cookie).identity.permissions
    with work() as opened:
        roles.decide(opened, registration.find_role(opened, "User"), "accounts.see_people", granted=False)
    assert "accounts.see_people" not in ask(cookie).identity.permissions
    with work() as opened:
        people.disable(opened, get(opened, user_id))
    assert ask(cookie).identity is None
    with work() as opened:
        people.enable(opened, get(opened, user_id))
    assert ask(cookie).identity is None


@pytest.mark.parametrize(("remember", "idle", "lifetime"), [(False, 43_200, 604_800), (True, 2_592_000, 7_776_000)])
def test_ses_07_a_session_ends_by_pause_and_by_age(
    signed_in: Any, ask: Any, work: Any, remember: bool, idle: int, lifetime: int
) -> None:
    for column, seconds in (("last_used_at", idle), ("expires_at", 0)):
        for offset, alive in ((5, True), (-1, False)):
            cookie = signed_in(remember=remember)
            moment = utc_now() - timedelta(seconds=seconds) + timedelta(seconds=offset)
            with work() as opened:
                row = opened.db.scalars(select(UserSession).order_by(UserSession.id.desc()).limit(1)).one()
                assert abs((row.expires_at - row.created_at).total_seconds() - lifetime) < 1
                setattr(row, column, moment)
            assert (ask(cookie).identity is not None) is alive, (column, offset)


def test_acl_06_an_unconfirmed_member_may_do_next_to_nothing(signed_in: Any, ask: Any) -> None:
    identity = ask(signed_in("anna", role="Administrator", confirmed=False)).identity
    assert not identity.confirmed
    assert identity.permissions == {grants.SIGNED_IN}


def test_an_address_change_keeps_this_browser_and_ends_the_others(
    signed_in: Any, ask: Any, work: Any, password: str, mailbox: Mailbox
) -> None:
    """PWD-04: both addresses are told."""
    first, second = signed_in(), signed_in()
    with as_(work, ask, first) as opened:
        address_change.ask(opened, "new@example.com", password)
    secret = text_of(mailbox.to("new@example.com")[0]).split("/auth/change-email/")[1].split()[0]
    with as_(work, ask, first) as opened:
        address_change.change(opened, secret)
    assert ask(first).identity.email == "new@example.com"
    assert ask(second).identity is None
    told = {str(mail["To"]) for mail in mailbox.messages if "address of your account" in text_of(mail)}
    assert told == {"anna@example.com", "new@example.com"}


class TestLastSeen:
    def test_a_get_writes_nothing_and_a_thread_does(
        self, signed_in: Any, ask: Any, work: Any, registry: Registry
    ) -> None:
        cookie = signed_in()
        ask(cookie)
        assert get_housekeeper(registry)._uses == {}
        long_ago = utc_now() - timedelta(minutes=6)
        with work() as opened:
            opened.db.execute(update(UserSession).values(last_used_at=long_ago))
            opened.db.execute(update(User).values(last_seen_at=long_ago))
        answer = ask(cookie)
        assert [statement.split()[0] for statement in answer.statements] == ["SELECT"]
        assert len(get_housekeeper(registry)._uses) == 1
        get_housekeeper(registry).store()
        with work() as opened:
            assert utc_now() - opened.db.scalars(select(UserSession.last_used_at)).one() < timedelta(minutes=1)
            assert utc_now() - opened.db.scalars(select(User.last_seen_at)).one() < timedelta(minutes=1)
        ask(cookie)
        assert get_housekeeper(registry)._uses == {}

    def test_it_is_noted_once_however_many_pages_are_read(
        self, signed_in: Any, ask: Any, work: Any, registry: Registry
    ) -> None:
        cookie = signed_in()
        with work() as opened:
            opened.db.execute(update(UserSession).values(last_used_at=utc_now() - timedelta(minutes=6)))
        ask(cookie)
        ((_user_id, first),) = get_housekeeper(registry)._uses.values()
        for _page in range(5):
            ask(cookie)
        assert [moment for _user_id, moment in get_housekeeper(registry)._uses.values()] == [first]

    def test_the_thread_stores_without_being_asked(self, signed_in: Any, work: Any, registry: Registry) -> None:
        signed_in()
        stored = threading.Event()
        housekeeper = Housekeeper(registry, "what was noted", sessions.note_use, delay=0.01)
        original = housekeeper.store
        housekeeper.store = lambda: (original(), stored.set())  # type: ignore[method-assign]
        with work() as opened:
            row = opened.db.scalars(select(UserSession)).one()
            opened.db.execute(update(User).values(last_seen_at=None))
            note = (row.id, row.user_id)
        housekeeper.note(*note, utc_now())
        assert stored.wait(20)
        with work() as opened:
            assert opened.db.scalars(select(User.last_seen_at)).one() is not None

    def test_what_is_over_is_cleared_away(self, signed_in: Any, work: Any, registry: Registry) -> None:
        signed_in()
        signed_in(remember=True)
        with work() as opened:
            opened.db.execute(update(UserSession).values(last_used_at=utc_now() - timedelta(hours=13)))
        clear_away(registry)
        with work() as opened:
            assert opened.db.scalars(select(UserSession.remember)).all() == [True]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.77", "192.0.2.x"),
        ("2001:db8:1:2:3::4", "2001:db8:1::x"),
        ("::ffff:192.0.2.77", "192.0.2.x"),
        ("fe80::1%eth0", "fe80::x"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_addresses_are_masked(address: str, shown: str) -> None:
    assert sessions.masked(address) == shown


class TestRequiredSecondFactor:
    @pytest.fixture
    def app_settings(self, app_settings: dict[str, Any]) -> dict[str, Any]:
        return {**app_settings, "accounts.two_factor_required": "true"}

    def test_an_administrator_without_one_may_do_what_a_user_may(self, signed_in: Any, ask: Any) -> None:
        identity = ask(signed_in("anna", role="Administrator")).identity
        assert identity.needs_second_factor
        assert "accounts.manage_roles" not in identity.permissions
        assert "accounts.take_part" in identity.permissions
        assert not ask(signed_in("bob")).identity.needs_second_factor
