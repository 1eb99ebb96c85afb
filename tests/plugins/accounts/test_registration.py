"""Joining: CON-01, ENU-02, INP-10, the modes, invitations, and the mails about it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import func, select

from flasky.database import utc_now
from flasky.plugins.accounts import announcements, housekeeping, registration
from flasky.plugins.accounts.errors import Faults, InvalidToken, Refused, TooManyTries
from flasky.plugins.accounts.events import Registered
from flasky.plugins.accounts.limits import get_limiter
from flasky.plugins.accounts.models import Invitation, SecurityEvent, User
from flasky.testing.mailbox import Mailbox, text_of

#: How often twenty race for one account: three times in the normal suite, fifty times costs ten seconds or more.
ROUNDS = int(os.environ.get("FLASKY_REGISTRATION_ROUNDS", "3"))


def join(work: Any, password: str, username: str = "anna", email: str = "anna@example.com", **options: Any) -> Any:
    with work() as opened:
        return registration.register(opened, username=username, email=email, password=password, **options).user


def test_joining_makes_an_account_that_waits_for_its_address(work: Any, password: str, mailbox: Mailbox) -> None:
    join(work, password, "胡同")
    with work() as opened:
        user = opened.db.scalars(select(User)).one()
        assert (user.username, user.email, user.confirmed_at) == ("胡同", "anna@example.com", None)
        assert user.password_hash.startswith("$argon2id$")
        assert opened.db.scalars(select(SecurityEvent.event)).all() == ["registered"]
    owner, own = mailbox.to("owner@example.com"), mailbox.to("anna@example.com")
    assert [str(mail["Subject"]) for mail in owner] == ["[Flasky] New member 胡同"]
    assert "胡同" in text_of(owner[0])
    assert "/auth/confirm/" in text_of(own[0])


def test_mai_03_the_owner_reads_the_name_as_it_is(work: Any, password: str, mailbox: Mailbox) -> None:
    join(work, password, "<b>胡同</b>")
    (mail,) = mailbox.to("owner@example.com")
    assert "<b>胡同</b> has joined" in text_of(mail)
    html = mail.get_body(("html",)).get_content()
    assert "&lt;b&gt;胡同&lt;/b&gt;" in html
    assert "<b>胡同" not in html


def test_every_fault_is_told_at_once(work: Any) -> None:
    with pytest.raises(Faults) as raised:
        join(work, "short", "a@b", "nobody")
    assert set(raised.value.reasons) == {"username", "email", "password"}


@pytest.mark.parametrize("twin", ["anna", "ANNA", "аnnа", "Ａnna"])
def test_inp_10_a_name_that_is_taken_is_a_fault_of_its_field(work: Any, password: str, member: Any, twin: str) -> None:
    member("anna")
    with pytest.raises(Faults) as raised:
        join(work, password, twin, "other@example.com")
    assert set(raised.value.reasons) == {"username"}


def test_enu_02_a_known_address_is_answered_alike_and_its_owner_told(
    work: Any, password: str, member: Any, mailbox: Mailbox
) -> None:
    member("anna", email="anna@example.com")
    assert join(work, password, "bob", "ANNA@example.com") is None
    with work() as opened:
        assert opened.db.scalars(select(User.username)).all() == ["anna"]
    (mail,) = mailbox.messages
    assert (mail["To"], mail["Subject"]) == ("anna@example.com", "[Flasky] You already have an account")


def test_enu_02_the_mails_to_a_known_address_are_few(work: Any, password: str, member: Any, mailbox: Mailbox) -> None:
    member("anna")
    for number in range(6):
        join(work, password, f"bob{'x' * number}", "anna@example.com")
    assert len(mailbox.to("anna@example.com")) == 3


def test_con_01_twenty_identical_registrations_make_one_account(
    work: Any, password: str, at_once: Any, mailbox: Mailbox, registry: Registry
) -> None:
    """Round after round, in different cases; every round costs a quarter of a second (`ROUNDS`)."""
    for round_ in range(ROUNDS):
        get_limiter(registry).clear()
        name = f"anna{round_}"
        names = [name, name.title(), name.upper(), name.replace("a", "ａ")]
        results = at_once(20, lambda number: join(work, password, names[number % 4], f"{name}@example.com"))  # noqa: B023 - it ends before the round does
        joined = [result for result in results if isinstance(result, User)]
        faults = [result for result in results if isinstance(result, Faults)]
        assert (len(joined), len(faults)) == (1, 19), results
        assert all(set(fault.reasons) == {"username"} for fault in faults)
        assert len(mailbox.to(f"{name}@example.com")) == 1
    # The owner is told of each, once (MAI-05 lists them together after twenty).
    assert len(mailbox.to("owner@example.com")) == min(ROUNDS, 20)


def test_con_01_one_address_under_twenty_names_makes_one_account(work: Any, password: str, at_once: Any) -> None:
    results = at_once(20, lambda number: join(work, password, f"anna{chr(97 + number)}"))
    assert sum(isinstance(result, User) for result in results) == 1
    assert results.count(None) == 19


@pytest.mark.parametrize("mode", ["closed", "invitation"])
def test_a_site_can_be_closed(make_app: Any, mode: str, password: str) -> None:
    opened = registration.Work(make_app(accounts__registration=mode).registry, None)
    assert not registration.is_open(opened)
    with pytest.raises(Refused):
        registration.register(opened, username="anna", email="anna@example.com", password=password)


def test_an_invitation_works_once_and_confirms_the_address(work: Any, password: str, mailbox: Mailbox) -> None:
    with work() as opened:
        registration.invite(opened, "anna@example.com")
    secret = text_of(mailbox.last).split("/auth/invitation/")[1].split()[0]
    with work() as opened:
        opened.settings = {**opened.settings, "accounts.registration": "invitation"}
        assert registration.find_invitation(opened, secret).email == "anna@example.com"
        user = registration.register(
            opened, username="anna", email="anna@example.com", password=password, invitation=secret
        ).user
        assert user is not None
        assert user.confirmed_at is not None
    with pytest.raises(InvalidToken):
        join(work, password, "bob", "bob@example.com", invitation=secret)


def test_an_invitation_for_another_address_leaves_that_to_be_confirmed(
    work: Any, password: str, mailbox: Mailbox
) -> None:
    with work() as opened:
        registration.invite(opened, "anna@example.com")
    secret = text_of(mailbox.last).split("/auth/invitation/")[1].split()[0]
    join(work, password, "bob", "bob@example.com", invitation=secret)
    with work() as opened:
        assert opened.db.scalars(select(User.confirmed_at)).all() == [None]


def test_an_invitation_is_used_once_even_in_parallel(work: Any, password: str, at_once: Any, mailbox: Mailbox) -> None:
    """TOK-02 holds for invitations as well."""
    with work() as opened:
        registration.invite(opened, "anna@example.com")
    secret = text_of(mailbox.last).split("/auth/invitation/")[1].split()[0]
    names = [f"bob{chr(97 + number)}" for number in range(10)]
    results = at_once(
        10, lambda number: join(work, password, names[number], f"{names[number]}@example.com", invitation=secret)
    )
    assert sum(isinstance(result, User) for result in results) == 1, results


def test_an_old_invitation_is_void(work: Any, password: str, mailbox: Mailbox) -> None:
    with work() as opened:
        registration.invite(opened, "anna@example.com").expires_at = utc_now()
    secret = text_of(mailbox.last).split("/auth/invitation/")[1].split()[0]
    with pytest.raises(InvalidToken):
        join(work, password, invitation=secret)
    with work() as opened:
        assert opened.db.scalar(select(func.count()).select_from(Invitation)) == 1


def test_rte_02_registrations_from_one_peer_are_limited(work: Any, password: str) -> None:
    for number in range(20):
        join(work, password, f"anna{'x' * number}", f"anna{number}@example.com")
    with pytest.raises(TooManyTries):
        join(work, password, "bob", "bob@example.com")
    with work() as opened:
        assert opened.db.scalar(select(func.count()).select_from(User)) == 20


def test_mai_05_many_who_join_are_told_in_one_mail(
    work: Any, registry: Registry, password: str, mailbox: Mailbox
) -> None:
    for number in range(30):
        with work(address=f"192.0.2.{number}") as opened:
            registration.register(
                opened, username=f"anna{'x' * number}", email=f"anna{number}@example.com", password=password
            )
    told = mailbox.to("owner@example.com")
    assert len(told) == 20
    with work() as opened:
        announcements.send_digest(opened)
    assert len(mailbox.to("owner@example.com")) == 20
    with work(now=lambda: utc_now() + timedelta(hours=1, minutes=1)) as opened:
        announcements.send_digest(opened)
    with work(now=lambda: utc_now() + timedelta(hours=3)) as opened:
        announcements.send_digest(opened)
    told = mailbox.to("owner@example.com")
    assert len(told) == 21
    assert str(told[-1]["Subject"]) == "[Flasky] 10 new members"
    text = "\n".join(text_of(mail) for mail in told)
    assert all(f"anna{'x' * number}" in text for number in range(30))
    housekeeping.get_housekeeper(registry).forget()


def test_other_plug_ins_hear_of_it_and_can_undo_it(work: Any, registry: Registry, password: str) -> None:
    heard: list[str] = []

    def hear(event: Registered) -> None:
        heard.append(event.user.username)
        if event.user.username == "bob":
            raise RuntimeError("not him")

    registry.registerHandler(hear, (Registered,))
    try:
        join(work, password)
        with pytest.raises(RuntimeError):
            join(work, password, "bob", "bob@example.com")
    finally:
        registry.unregisterHandler(hear, (Registered,))
    assert heard == ["anna", "bob"]
    with work() as opened:
        assert opened.db.scalars(select(User.username)).all() == ["anna"]


def test_the_command_line_makes_members_that_can_sign_in_at_once(work: Any, mailbox: Mailbox) -> None:
    with work() as opened:
        user = registration.create(opened, username="admin", email="boss@example.com", password=None)
        assert user.confirmed_at is not None
        assert user.password_hash is None
    assert mailbox.messages == []


def test_an_unknown_role_names_the_ones_that_exist(work: Any) -> None:
    with work() as opened, pytest.raises(registration.NoSuchRole, match="User, Moderator, Administrator"):
        registration.create(opened, username="anna", email=None, password=None, role="Boss")
