"""Roles: ACL-03, SES-06, the grants of plug-ins' permissions, the first administrator."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import func, select

from flasky.database import utc_now
from flasky.plugins.accounts import confirmation, grants, ownership, people, registration, roles
from flasky.plugins.accounts.authentication import sign_in
from flasky.plugins.accounts.errors import Fault, InvalidToken, Refused
from flasky.plugins.accounts.models import Role, RolePermission, SecurityEvent
from flasky.testing.mailbox import Mailbox, text_of


def held(work: Any, name: str) -> frozenset[str]:
    with work() as opened:
        return roles.permissions_of(opened, registration.find_role(opened, name))


def decide(work: Any, name: str, permission: str, *, granted: bool) -> None:
    with work() as opened:
        roles.decide(opened, registration.find_role(opened, name), permission, granted=granted)


def test_acl_03_the_last_administrator_stays(work: Any, member: Any, get: Any) -> None:
    user_id = member("anna", role="Administrator")
    # Neither could administer anything.
    member("bob", role="Administrator", confirmed=False)
    with work() as opened:
        people.disable(opened, get(opened, member("carl", role="Administrator")))
    for take_away in (
        lambda opened, user: roles.change_role(opened, user, registration.find_role(opened, "User")),
        people.disable,
    ):
        with work() as opened, pytest.raises(Refused, match="last administrator"):
            take_away(opened, get(opened, user_id))
    with work() as opened:
        assert get(opened, user_id).role.name == "Administrator"


def test_acl_02_a_plugin_asks_whether_somebody_else_may(work: Any, member: Any, get: Any) -> None:
    """Who is asked about has to have a profile; a decision about their role counts, and a role of the site's own."""

    def others(user_id: int, permission: str = "accounts.manage_people") -> bool:
        with work() as opened:
            opened.identity = SimpleNamespace(user_id=user_id)
            return roles.others_may(opened, permission)

    first, second = member("anna", role="Administrator"), member("bob")
    member("carl", role="Administrator", confirmed=False)
    assert not others(first)
    assert others(second)
    assert others(first, "accounts.take_part")
    with work() as opened:
        roles.assign(opened, get(opened, second), roles.create_role(opened, "Helper"))
    assert not others(first)
    decide(work, "Helper", "accounts.manage_people", granted=True)
    assert others(first)
    with work() as opened:
        people.disable(opened, get(opened, second))
    assert not others(first)


@pytest.mark.parametrize("round_", range(5))
def test_acl_03_two_administrators_cannot_demote_each_other(
    work: Any, member: Any, get: Any, at_once: Any, round_: int
) -> None:
    """The race: each sees the other one still there."""
    ids = [member("anna", role="Administrator"), member("bob", role="Administrator")]

    def demote(number: int) -> None:
        with work() as opened:
            user = get(opened, ids[number % 2])
            if number % 4 < 2:
                roles.change_role(opened, user, registration.find_role(opened, "User"))
            else:
                people.disable(opened, user)

    results = at_once(8, demote)
    assert all(result is None or isinstance(result, Refused) for result in results), results
    with work() as opened:
        assert opened.db.scalar(select(func.count()).select_from(roles.administrators().subquery())) == 1


def test_acl_03_moderators_do_not_touch_administrators(work: Any, member: Any, get: Any) -> None:
    boss, other = member("anna", role="Administrator"), member("bob")

    class Moderator:
        user_id, role = 0, "Moderator"

    for act in (people.disable, people.enable, people.end_sessions_of):
        with work(identity=Moderator()) as opened, pytest.raises(Refused, match="Only an administrator"):
            act(opened, get(opened, boss))
    with work(identity=None) as opened:
        people.disable(opened, get(opened, other))


def test_a_changed_role_is_told_and_recorded(work: Any, member: Any, get: Any, mailbox: Mailbox) -> None:
    user_id = member("anna")
    with work() as opened:
        roles.change_role(opened, get(opened, user_id), registration.find_role(opened, "Moderator"))
    assert "role of your account" in text_of(mailbox.last)
    with work() as opened:
        event = opened.db.scalars(select(SecurityEvent).filter_by(event="role_changed")).one()
        assert event.details == {"former": "User", "role": "Moderator"}


def test_each_role_may_what_the_ones_below_it_may(work: Any, registry: Registry) -> None:
    user, moderator, administrator = (held(work, name) for name in grants.LADDER)
    assert user < moderator < administrator
    assert "accounts.take_part" in user
    assert "accounts.manage_people" in moderator - user
    assert "accounts.manage_roles" in administrator - moderator


def test_a_revoked_permission_stays_revoked(work: Any, registry: Registry) -> None:
    decide(work, "User", "accounts.see_people", granted=False)
    assert "accounts.see_people" not in held(work, "User")
    assert "accounts.see_people" in held(work, "Moderator")
    # As after a restart: nothing is remembered but the table.
    registry.pop("accounts.grants")
    assert "accounts.see_people" not in held(work, "User")
    decide(work, "User", "accounts.see_people", granted=True)
    assert "accounts.see_people" in held(work, "User")


def test_a_permission_of_a_plug_in_that_is_off_is_kept_and_not_held(work: Any) -> None:
    with work() as opened:
        user = registration.find_role(opened, "User")
        opened.db.add(RolePermission(role_id=user.id, permission="polls.vote", granted=True))
    assert "polls.vote" not in held(work, "User")
    with work() as opened:
        assert opened.db.scalars(select(RolePermission.permission)).all() == ["polls.vote"]


@pytest.mark.parametrize(
    ("name", "permission"), [("Administrator", "accounts.manage_roles"), ("User", "accounts.signed_in")]
)
def test_what_nobody_can_change_is_refused(work: Any, name: str, permission: str) -> None:
    with pytest.raises(Refused):
        decide(work, name, permission, granted=False)


def test_an_unknown_permission_names_the_ones_there_are(work: Any) -> None:
    with pytest.raises(roles.NoSuchPermission, match=r"accounts\.manage_people"):
        decide(work, "User", "accounts.fly", granted=True)


def test_one_table_shows_every_role_and_permission(work: Any) -> None:
    decide(work, "User", "accounts.manage_people", granted=True)
    with work() as opened:
        shown = roles.table(opened)
    rows = {row.name: row.cells for row in shown.rows}
    assert rows["accounts.manage_people"]["User"] == grants.Cell(held=True, fixed=False)
    assert rows["accounts.manage_roles"]["Moderator"] == grants.Cell(held=False, fixed=False)
    assert rows["accounts.manage_roles"]["Administrator"] == grants.Cell(held=True, fixed=True)


def test_a_new_role_may_what_its_pattern_may_now(work: Any) -> None:
    with work() as opened:
        roles.create_role(opened, "  Board   member ", like=registration.find_role(opened, "Moderator"))
    assert held(work, "Board member") == held(work, "Moderator")
    with work() as opened, pytest.raises(Fault):
        roles.create_role(opened, "Board member")
    with work() as opened:
        roles.create_role(opened, "Guest")
    assert held(work, "Guest") == {"accounts.signed_in"}


def test_a_role_in_use_and_the_three_cannot_be_removed(work: Any, member: Any) -> None:
    with work() as opened:
        roles.create_role(opened, "Guest")
        roles.create_role(opened, "Unused")
    member("anna", role="Guest")
    for name in ("User", "Guest"):
        with work() as opened, pytest.raises(Refused):
            roles.delete_role(opened, registration.find_role(opened, name))
    with work() as opened:
        roles.delete_role(opened, registration.find_role(opened, "Unused"))
        assert "Unused" not in opened.db.scalars(select(Role.name)).all()


class TestOwner:
    """FLASKY_ADMIN's own account (PWD-05): the settings of the tests name owner@example.com."""

    def test_is_promoted_when_and_only_when_the_address_is_confirmed(
        self, work: Any, password: str, get: Any, mailbox: Mailbox
    ) -> None:
        with work() as opened:
            user_id = registration.register(
                opened, username="boss", email="Owner@example.com", password=password
            ).user.id
        with work() as opened:
            sign_in(opened, "boss", password)
            assert get(opened, user_id).role.name == "User"
        (mail,) = [mail for mail in mailbox.messages if "/auth/confirm/" in text_of(mail)]
        with work() as opened:
            confirmation.confirm(opened, text_of(mail).split("/auth/confirm/")[1].split()[0])
        with work() as opened:
            assert get(opened, user_id).role.name == "Administrator"

    def test_is_promoted_at_the_next_signing_in_when_the_setting_comes_later(
        self, work: Any, member: Any, password: str, get: Any
    ) -> None:
        user_id = member("boss", email="owner@example.com")
        with work() as opened:
            assert get(opened, user_id).role.name == "User"
            sign_in(opened, "boss", password)
        with work() as opened:
            assert get(opened, user_id).role.name == "Administrator"

    def test_nobody_else_is(self, work: Any, member: Any, password: str, get: Any) -> None:
        user_id = member("boss", email="owner@example.com.evil.example")
        with work() as opened:
            sign_in(opened, "boss", password)
            assert get(opened, user_id).role.name == "User"


class TestClaim:
    def test_the_link_works_once(self, work: Any, member: Any, get: Any) -> None:
        first, second = member("anna", confirmed=False), member("bob")
        with work() as opened:
            link = ownership.claim_link(opened)
            assert link.startswith("http://localhost/auth/claim/")
            secret = link.rpartition("/")[2]
            assert ownership.may_claim(opened, secret)
            ownership.claim(opened, secret, get(opened, first))
        with work() as opened:
            assert get(opened, first).role.name == "Administrator"
            assert get(opened, first).confirmed_at is not None
            assert not ownership.may_claim(opened, secret)
            assert ownership.claim_link(opened) is None
            with pytest.raises(InvalidToken):
                ownership.claim(opened, secret, get(opened, second))

    def test_two_who_use_it_at_once_are_one_administrator(self, work: Any, member: Any, get: Any, at_once: Any) -> None:
        ids = [member("anna"), member("bob"), member("carl"), member("dora")]
        with work() as opened:
            secret = ownership.claim_secret(opened)

        def claim(number: int) -> bool:
            with work() as opened:
                ownership.claim(opened, secret, get(opened, ids[number]))
                return True

        results = at_once(4, claim)
        assert results.count(True) == 1, results
        assert sum(isinstance(result, InvalidToken) for result in results) == 3

    @pytest.mark.parametrize("secret", ["", "x", "MA.MA", "\ud800", "x" * 10_000, "1.2.3"])
    def test_forged_links_are_invalid(self, work: Any, secret: str) -> None:
        with work() as opened:
            assert not ownership.may_claim(opened, secret)

    def test_it_is_good_for_a_day(self, work: Any) -> None:
        with work() as opened:
            secret = ownership.claim_secret(opened)
        with work(now=lambda: utc_now() + timedelta(hours=25)) as opened:
            assert not ownership.may_claim(opened, secret)


def test_the_first_steps_tick_themselves(work: Any, member: Any) -> None:
    with work() as opened:
        assert [step.done for step in ownership.first_steps(opened)] == [False, True, False, False]
    member("anna", role="Administrator")
    member("bob")
    with work() as opened:
        assert [step.done for step in ownership.first_steps(opened)] == [True, True, False, True]
