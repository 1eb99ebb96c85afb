"""Signing in: ENU-01, PWD-03, RTE-01, RTE-03, TOK-06, and proving oneself again."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from pyramid.registry import Registry
from sqlalchemy import select, update

from flasky.database import utc_now
from flasky.plugins.accounts import authentication, people, two_factor
from flasky.plugins.accounts.authentication import BadCredentials, enter_code, prove, sign_in
from flasky.plugins.accounts.errors import Fault, InvalidToken, TooManyTries
from flasky.plugins.accounts.events import SignedIn
from flasky.plugins.accounts.models import RecoveryCode, SecondFactor, SecurityEvent, User, UserSession
from flasky.plugins.accounts.passwords import Hasher, get_hasher, set_hasher
from flasky.testing.mailbox import Mailbox, text_of


class Somebody:
    """As much of an identity as the services look at."""

    def __init__(self, user_id: int, session_id: int = 0) -> None:
        self.user_id, self.session_id, self.role = user_id, session_id, "User"
        self.username, self.email = "anna", "anna@example.com"


@pytest.mark.parametrize("login", ["anna", "ANNA", " anna ", "Ａnna", "anna@example.com", "Anna@Example.COM"])
def test_by_name_or_address_however_it_is_typed(work: Any, member: Any, password: str, login: str) -> None:
    user_id = member("anna")
    with work() as opened:
        signed_in = sign_in(opened, login, password)
        assert (signed_in.user.id, signed_in.awaits_code, signed_in.max_age) == (user_id, False, None)
        assert opened.db.scalars(select(UserSession)).one().address == "192.0.2.x"


def test_remember_me_keeps_the_cookie(work: Any, member: Any, password: str) -> None:
    member("anna")
    with work() as opened:
        assert sign_in(opened, "anna", password, remember=True).max_age == 7_776_000


@pytest.mark.parametrize("login", ["", "bob", "bob@example.com", "\x00", "\ud800", "a" * 10_000, "anna'--", "%"])
def test_enu_01_who_is_not_there_is_answered_like_a_wrong_password(
    work: Any, member: Any, password: str, login: str
) -> None:
    member("anna")
    with work() as opened, pytest.raises(BadCredentials):
        sign_in(opened, login, password)


def test_enu_01_a_disabled_member_and_one_without_password_are_answered_alike(
    work: Any, member: Any, password: str, get: Any
) -> None:
    member("bob", password=None)
    user_id = member("anna")
    with work() as opened:
        people.disable(opened, get(opened, user_id))
    for login in ("anna", "bob"):
        for given in (password, "wrong password", ""):
            with work() as opened, pytest.raises(BadCredentials):
                sign_in(opened, login, given)


class Counting(Hasher):
    """A hasher that notes which hashes it checked."""

    def __init__(self) -> None:
        # A hash long enough to be told from everything else.
        super().__init__(memory_kib=4096, time_cost=2, parallelism=1, wait_seconds=5)
        self.checked: list[bool] = []

    def verify(self, stored: str | None, password: str) -> bool:
        self.checked.append(stored is not None)
        return super().verify(stored, password)


@pytest.fixture
def counting(registry: Registry) -> Iterator[Counting]:
    """The hasher of the site, counting."""
    former, made = get_hasher(registry), Counting()
    set_hasher(registry, made)
    yield made
    set_hasher(registry, former)


def test_enu_01_whatever_is_wrong_costs_the_same_work(
    work: Any, member: Any, password: str, get: Any, counting: Counting, listening: Any
) -> None:
    """One hash and the same statements, and with them the same time: counted, as time alone would tell too little."""
    member("anna")
    member("carl", confirmed=False)
    member("dora", password=None)
    disabled = member("erik")
    with work() as opened:
        people.disable(opened, get(opened, disabled))
    # Whoever is unknown costs one hash more once: that of the password which nobody has.
    counting.verify(None, "x")
    tries = [("anna", "wrong"), ("nobody", "wrong"), ("carl", "wrong"), ("dora", password), ("erik", password)]
    seconds: dict[str, list[float]] = {login: [] for login, _given in tries}
    seen = set()
    with listening() as sent:
        for number in range(5):
            for login, given in tries:
                counting.checked.clear()
                sent.clear()
                # CPU time of this thread: what else the machine does is not in it.
                begun = time.thread_time()
                with pytest.raises(BadCredentials), work(address=f"198.51.100.{number}") as opened:
                    sign_in(opened, login, given)
                seconds[login].append(time.thread_time() - begun)
                seen.add((len(counting.checked), tuple(sent)))
    assert len(seen) == 1, seen
    assert {hashes for hashes, _sent in seen} == {1}
    medians = [statistics.median(taken) for taken in seconds.values()]
    # Without a hash for unknown names the ratio is well above five.
    assert max(medians) < 3 * min(medians), dict(zip(seconds, medians, strict=True))


def test_pwd_03_raised_parameters_take_effect_with_the_next_signing_in(
    work: Any, registry: Registry, member: Any, password: str
) -> None:
    user_id = member("anna")
    cheap = get_hasher(registry)
    set_hasher(registry, Hasher(memory_kib=128, time_cost=2, parallelism=1, wait_seconds=5))
    try:
        with work() as opened:
            sign_in(opened, "anna", password)
        with work() as opened:
            assert opened.db.get(User, user_id).password_hash.startswith("$argon2id$v=19$m=128,t=2,p=1$")
            sign_in(opened, "anna", password)
    finally:
        set_hasher(registry, cheap)


def test_rte_01_ten_failures_lock_the_pair_of_account_and_address(work: Any, member: Any, password: str) -> None:
    member("anna")
    for _try in range(10):
        with work() as opened, pytest.raises(BadCredentials):
            sign_in(opened, "anna", "wrong password")
    for given in ("wrong password", password):
        with work() as opened, pytest.raises(TooManyTries) as raised:
            sign_in(opened, "anna", given)
        assert raised.value.status_int == 429
        assert 0 < int(raised.value.headers["Retry-After"]) <= 300
    with work(address="198.51.100.1") as opened:
        sign_in(opened, "anna", password)


@pytest.mark.parametrize("evasion", ["ANNA", "Ａnna", " anna", "anna@example.com", "ANNA@EXAMPLE.COM", "𝐚nna"])
def test_rte_03_another_way_to_type_the_name_is_no_other_account(
    work: Any, member: Any, password: str, evasion: str
) -> None:
    member("anna")
    for number in range(10):
        # IPv6 addresses of one /64 are one peer.
        with work(address=f"2001:db8::{number}") as opened, pytest.raises(BadCredentials):
            sign_in(opened, "anna", "wrong password")
    with work(address="2001:db8::ffff:1") as opened, pytest.raises(TooManyTries):
        sign_in(opened, evasion, password)
    with work(address="2001:db8:0:1::1") as opened:
        sign_in(opened, evasion, password)


def test_log_02_refusals_are_recorded_though_their_transaction_is_rolled_back(
    work: Any, member: Any, password: str
) -> None:
    """P7: what is written with the answer would vanish with it."""
    user_id = member("anna")
    with pytest.raises(BadCredentials), work() as opened:
        sign_in(opened, "anna", "wrong password")
    with pytest.raises(BadCredentials), work() as opened:
        sign_in(opened, "somebody else", "wrong password")
    with work() as opened:
        sign_in(opened, "anna", password)
    with work() as opened:
        rows = opened.db.scalars(select(SecurityEvent).order_by(SecurityEvent.id)).all()
        assert [(row.event, row.user_id) for row in rows[1:]] == [
            ("sign_in_failed", user_id),
            ("sign_in_failed", None),
            ("signed_in", user_id),
        ]
        assert {row.request_id for row in rows[1:]} == {"r-1"}
        assert len({row.address_hash for row in rows[1:]}) == 1
        assert not any("192.0.2" in row.address_hash for row in rows)


def test_p28_fifty_at_once_are_all_answered(work: Any, member: Any, password: str, at_once: Any) -> None:
    """PWD-03: hashing waits for its turn without holding the database."""
    member("anna")

    def attempt(number: int) -> int:
        with work(address=f"198.51.100.{number}") as opened:
            return sign_in(opened, "anna", password).user.id

    results = at_once(50, attempt)
    assert len(set(results)) == 1, results


def test_ses_02_signing_in_over_a_session_ends_that(work: Any, member: Any, password: str) -> None:
    member("anna")
    member("bob")
    with work() as opened:
        first = sign_in(opened, "anna", password).secret
    with work(cookie=first) as opened:
        second = sign_in(opened, "bob", password)
        assert second.secret != first
        row = opened.db.scalars(select(UserSession)).one()
        assert row.user_id == second.user.id


def test_events_tell_other_plug_ins(work: Any, registry: Registry, member: Any, password: str) -> None:
    heard: list[str] = []

    def hear(happened: SignedIn) -> None:
        heard.append(happened.user.username)

    registry.registerHandler(hear, (SignedIn,))
    try:
        member("anna")
        with work() as opened:
            sign_in(opened, "anna", password)
    finally:
        registry.unregisterHandler(hear, (SignedIn,))
    assert heard == ["anna"]


class TestMailedLink:
    def test_signs_in_once(self, work: Any, member: Any, mailbox: Mailbox) -> None:
        member("anna")
        with work() as opened:
            authentication.ask_for_link(opened, "anna")
        secret = text_of(mailbox.last).split("/auth/link/")[1].split()[0]
        with work() as opened:
            assert authentication.sign_in_by_link(opened, secret).user.username == "anna"
        with work() as opened, pytest.raises(InvalidToken):
            authentication.sign_in_by_link(opened, secret)

    def test_for_nobody_is_no_mail_and_no_difference(self, work: Any, mailbox: Mailbox) -> None:
        with work() as opened:
            authentication.ask_for_link(opened, "nobody@example.com")
        assert mailbox.messages == []

    def test_rte_02_are_few(self, work: Any, member: Any, mailbox: Mailbox) -> None:
        member("anna")
        for login in ["anna", "ANNA", "anna", "Anna", " anna"]:
            with work() as opened:
                authentication.ask_for_link(opened, login)
        with work() as opened, pytest.raises(TooManyTries):
            authentication.ask_for_link(opened, "anna")
        assert len(mailbox.messages) == 5

    def test_enu_03_no_limit_tells_whose_an_address_is(self, work: Any, member: Any, mailbox: Mailbox) -> None:
        """Tries with an address refuse nobody's name; together they lead to no more mails."""
        member("anna", email="secret@example.com")
        for login in ("secret@example.com", "anna"):
            for _try in range(5):
                with work() as opened:
                    authentication.ask_for_link(opened, login)
            with work() as opened, pytest.raises(TooManyTries):
                authentication.ask_for_link(opened, login)
        assert len(mailbox.messages) == 5


class TestProof:
    def test_gives_a_new_id_and_a_new_time(self, work: Any, member: Any, password: str) -> None:
        user_id = member("anna")
        with work() as opened:
            first = sign_in(opened, "anna", password).secret
            opened.db.execute(update(UserSession).values(proven_at=utc_now() - timedelta(hours=1)))
        with work(cookie=first, identity=Somebody(user_id)) as opened:
            second = prove(opened, password).secret
        assert second != first
        with work() as opened:
            row = opened.db.scalars(select(UserSession)).one()
            assert utc_now() - row.proven_at < timedelta(minutes=1)

    def test_rte_02_tries_are_limited(self, work: Any, member: Any, password: str) -> None:
        user_id = member("anna")
        for _try in range(10):
            with work(identity=Somebody(user_id)) as opened, pytest.raises(Fault):
                prove(opened, "wrong password")
        with work(identity=Somebody(user_id)) as opened, pytest.raises(TooManyTries):
            prove(opened, password)


class TestSecondFactor:
    """TOK-06."""

    @pytest.fixture
    def enrolled(self, work: Any, member: Any, get: Any) -> tuple[int, str, list[str]]:
        """A member's id, their app's secret and their recovery codes."""
        user_id = member("anna")
        with work() as opened:
            enrolment = two_factor.begin(opened, get(opened, user_id))
            assert two_factor.enrolment(opened, get(opened, user_id)) == enrolment
            assert not two_factor.is_on(opened, user_id)
        early = utc_now() - timedelta(minutes=10)
        with work(now=lambda: early) as opened:
            codes = two_factor.confirm(opened, get(opened, user_id), pyotp.TOTP(enrolment.secret).at(early))
        return user_id, enrolment.secret, codes

    @staticmethod
    def first_step(work: Any, password: str) -> str:
        with work() as opened:
            signed_in = sign_in(opened, "anna", password)
            assert signed_in.awaits_code
            return signed_in.secret

    def test_the_code_completes_signing_in_and_is_taken_once(
        self, work: Any, enrolled: Any, password: str, registry: Registry
    ) -> None:
        code = pyotp.TOTP(enrolled[1]).now()
        cookie = self.first_step(work, password)
        with work(cookie=cookie) as opened:
            signed_in = enter_code(opened, f" {code[:3]} {code[3:]} ")
            assert not signed_in.awaits_code
            assert signed_in.secret != cookie
        cookie = self.first_step(work, password)
        with work(cookie=cookie) as opened, pytest.raises(Fault):
            enter_code(opened, code)

    def test_a_code_is_taken_once_even_in_parallel(self, work: Any, enrolled: Any, password: str, at_once: Any) -> None:
        code = pyotp.TOTP(enrolled[1]).now()
        cookies = [self.first_step(work, password) for _browser in range(4)]

        def attempt(number: int) -> bool:
            with work(cookie=cookies[number]) as opened:
                return not enter_code(opened, code).awaits_code

        results = at_once(4, attempt)
        assert results.count(True) == 1, results
        assert sum(isinstance(result, Fault) for result in results) == 3

    def test_without_the_password_step_there_is_nothing_to_complete(self, work: Any, enrolled: Any) -> None:
        for cookie in ("", "x" * 43, "y" * 10_000):
            with work(cookie=cookie) as opened, pytest.raises(InvalidToken):
                enter_code(opened, pyotp.TOTP(enrolled[1]).now())

    def test_the_password_step_is_good_for_ten_minutes(self, work: Any, enrolled: Any, password: str) -> None:
        cookie = self.first_step(work, password)
        late = utc_now() + timedelta(minutes=11)
        with work(cookie=cookie, now=lambda: late) as opened, pytest.raises(InvalidToken):
            enter_code(opened, pyotp.TOTP(enrolled[1]).at(late))

    def test_rte_02_the_sixth_wrong_code_is_429(self, work: Any, enrolled: Any, password: str) -> None:
        cookie = self.first_step(work, password)
        for code in ("000000", "", "abc", "１２３４５６", "-12345"):
            with work(cookie=cookie) as opened, pytest.raises(Fault):
                enter_code(opened, code)
        with work(cookie=cookie) as opened, pytest.raises(TooManyTries):
            enter_code(opened, pyotp.TOTP(enrolled[1]).now())

    def test_a_recovery_code_works_once(self, work: Any, enrolled: Any, password: str) -> None:
        user_id, _secret, codes = enrolled
        assert len(set(codes)) == 10
        for _time, works in ((1, True), (2, False)):
            cookie = self.first_step(work, password)
            with work(cookie=cookie) as opened:
                if works:
                    enter_code(opened, codes[0].upper().replace("-", " "))
                    assert two_factor.recovery_codes_left(opened, user_id) == 9
                else:
                    with pytest.raises(Fault):
                        enter_code(opened, codes[0])

    def test_new_recovery_codes_replace_the_old(self, work: Any, enrolled: Any, password: str, get: Any) -> None:
        user_id, _secret, old = enrolled
        with work() as opened:
            new = two_factor.new_recovery_codes(opened, get(opened, user_id))
        cookie = self.first_step(work, password)
        with work(cookie=cookie) as opened, pytest.raises(Fault):
            enter_code(opened, old[0])
        with work(cookie=cookie) as opened:
            enter_code(opened, new[0])

    def test_the_database_holds_neither_secret_nor_codes(self, work: Any, enrolled: Any) -> None:
        _user_id, secret, codes = enrolled
        with work() as opened:
            assert secret not in opened.db.scalars(select(SecondFactor.secret)).one()
            stored = " ".join(opened.db.scalars(select(RecoveryCode.digest)))
            assert not any(code.replace("-", "") in stored for code in codes)

    def test_a_reset_does_not_get_around_it(self, work: Any, enrolled: Any, mailbox: Mailbox) -> None:
        with work() as opened:
            authentication.ask_for_link(opened, "anna")
        secret = text_of(mailbox.last).split("/auth/link/")[1].split()[0]
        with work() as opened:
            assert authentication.sign_in_by_link(opened, secret).awaits_code

    def test_removing_it_is_told_by_mail(self, work: Any, enrolled: Any, get: Any, mailbox: Mailbox) -> None:
        """PWD-04."""
        with work() as opened:
            two_factor.remove(opened, get(opened, enrolled[0]))
            assert not two_factor.is_on(opened, enrolled[0])
        assert "was removed" in text_of(mailbox.last)

    def test_the_qr_code_is_drawn_without_inline_style(self, work: Any, member: Any, get: Any) -> None:
        """HDR-02: it stands in a page whose policy forbids style attributes."""
        user_id = member("anna")
        with work() as opened:
            enrolment = two_factor.begin(opened, get(opened, user_id))
        assert enrolment.svg.startswith("<svg")
        assert "style=" not in enrolment.svg
        assert "otpauth://totp/Flasky:anna?secret=" in enrolment.uri
