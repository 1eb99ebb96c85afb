"""Mailed links: TOK-01 to TOK-03, ENU-03, and what they lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flasky.database import utc_now
from flasky.plugins.accounts import confirmation, people, reset, tokens
from flasky.plugins.accounts.authentication import sign_in
from flasky.plugins.accounts.errors import Fault, InvalidToken, TooManyTries
from flasky.plugins.accounts.models import Token, User
from flasky.plugins.accounts.tokens import Purpose
from flasky.testing.mailbox import Mailbox, text_of


@pytest.fixture
def issued(work: Any, member: Any, get: Any) -> Any:
    """A function that mails a link to the member anna and returns its token."""
    ids: list[int] = []

    def issue(purpose: Purpose = Purpose.RESET) -> str:
        if not ids:
            ids.append(member("anna"))
        with work() as opened:
            return tokens.issue(opened, purpose, get(opened, ids[0]), "anna@example.com")

    return issue


def works(work: Any, purpose: Purpose, secret: str, **options: Any) -> bool:
    with work(**options) as opened:
        try:
            tokens.look_up(opened, purpose, secret)
        except InvalidToken:
            return False
        return True


def test_tok_01_each_purpose_is_its_own(work: Any, issued: Any) -> None:
    secrets = {purpose: issued(purpose) for purpose in Purpose}
    table = {(given, asked): works(work, asked, secrets[given]) for given in Purpose for asked in Purpose}
    assert {pair for pair, good in table.items() if good} == {(purpose, purpose) for purpose in Purpose}


@pytest.mark.parametrize("purpose", Purpose)
def test_tok_01_links_expire(work: Any, issued: Any, purpose: Purpose) -> None:
    assert tokens.LIFETIMES[Purpose.RESET] <= timedelta(hours=6)
    assert tokens.LIFETIMES[Purpose.CONFIRM] <= timedelta(hours=72)
    secret = issued(purpose)
    lifetime = tokens.LIFETIMES[purpose]
    assert works(work, purpose, secret, now=lambda: utc_now() + lifetime - timedelta(seconds=30))
    assert not works(work, purpose, secret, now=lambda: utc_now() + lifetime)


def test_tok_01_the_database_holds_no_token(work: Any, issued: Any) -> None:
    secret = issued()
    assert len(secret) == 43
    with work() as opened:
        assert secret not in str(opened.db.execute(select(Token.__table__)).all())


def test_tok_02_twenty_at_once_are_one_success(work: Any, issued: Any, at_once: Any) -> None:
    secret = issued(Purpose.CONFIRM)

    def use(_number: int) -> bool:
        with work() as opened:
            confirmation.confirm(opened, secret)
            return True

    results = at_once(20, use)
    assert results.count(True) == 1, results
    assert sum(isinstance(result, InvalidToken) for result in results) == 19


def test_tok_02_a_newer_link_voids_the_older(work: Any, issued: Any) -> None:
    first, second = issued(), issued()
    assert (works(work, Purpose.RESET, first), works(work, Purpose.RESET, second)) == (False, True)


def test_tok_02_a_changed_password_voids_every_link(work: Any, issued: Any, mailbox: Mailbox) -> None:
    secrets = {purpose: issued(purpose) for purpose in Purpose}
    with work() as opened:
        reset.reset(opened, secrets[Purpose.RESET], "another long password")
    assert not any(works(work, purpose, secret) for purpose, secret in secrets.items())


def test_tok_02_a_changed_address_voids_every_link(work: Any, issued: Any) -> None:
    secrets = {purpose: issued(purpose) for purpose in (Purpose.RESET, Purpose.CONFIRM, Purpose.SIGN_IN)}
    with work() as opened:
        opened.db.execute(update(User).values(email="new@example.com", email_key="new@example.com"))
    assert not any(works(work, purpose, secret) for purpose, secret in secrets.items())


def test_tok_02_signing_in_voids_a_reset(work: Any, issued: Any, password: str) -> None:
    secret = issued(Purpose.RESET)
    with work() as opened:
        sign_in(opened, "anna", password)
    assert not works(work, Purpose.RESET, secret)


def test_a_disabled_member_has_no_links(work: Any, issued: Any, get: Any) -> None:
    secret = issued()
    with work() as opened:
        people.disable(opened, people.find(opened, "anna"))
    assert not works(work, Purpose.RESET, secret)


def test_tok_03_mutations_are_invalid(work: Any, issued: Any) -> None:
    secret = issued()
    mutations = {secret[:position] + secret[position + 1 :] for position in range(43)}
    mutations |= {
        secret[:position] + letter + secret[position + 1 :]
        for position in range(43)
        for letter in "Az0_-.% \x00\udcffé"
        if letter != secret[position]
    }
    mutations |= {"", "x" * 10_000, secret + "=", f" {secret}", secret + "\n", "\ud800"}
    assert len(mutations) >= 450
    with work() as opened:
        for mutation in mutations:
            with pytest.raises(InvalidToken):
                tokens.look_up(opened, Purpose.RESET, mutation)


class TestReset:
    def test_gives_a_new_password_and_signs_nobody_in(
        self, work: Any, member: Any, password: str, mailbox: Mailbox
    ) -> None:
        member("anna")
        with work() as opened:
            reset.ask(opened, " ANNA@example.com ")
        secret = text_of(mailbox.last).split("/auth/reset/")[1].split()[0]
        with work() as opened, pytest.raises(Fault):
            reset.reset(opened, secret, "short")
        with work() as opened:
            reset.reset(opened, secret, "another long password")
        with work() as opened:
            sign_in(opened, "anna", "another long password")
        with work() as opened, pytest.raises(InvalidToken):
            reset.reset(opened, secret, "a third long password")

    def test_enu_03_is_alike_for_all(self, work: Any, member: Any, mailbox: Mailbox) -> None:
        member("anna", confirmed=False)
        for address in ("nobody@example.com", "\x00", "\ud800", "not an address", ""):
            with work() as opened:
                assert reset.ask(opened, address) is None
                assert confirmation.resend(opened, address) is None
        assert mailbox.messages == []
        with work() as opened:
            assert reset.ask(opened, "anna@example.com") is None
            assert confirmation.resend(opened, "anna@example.com") is None
        assert len(mailbox.messages) == 2

    def test_rte_02_five_a_day_for_known_and_unknown(self, work: Any, member: Any) -> None:
        member("anna")
        for address in ("anna@example.com", "nobody@example.com"):
            for _try in range(5):
                with work() as opened:
                    reset.ask(opened, address)
            with work(address="198.51.100.9") as opened, pytest.raises(TooManyTries):
                reset.ask(opened, address.upper())

    def test_rte_02_three_confirmations_in_six_hours(self, work: Any, member: Any, mailbox: Mailbox) -> None:
        member("anna", confirmed=False)
        for _try in range(3):
            with work() as opened:
                confirmation.resend(opened, "anna@example.com")
        with work() as opened, pytest.raises(TooManyTries):
            confirmation.resend(opened, "anna@example.com")
        assert len(mailbox.messages) == 3
