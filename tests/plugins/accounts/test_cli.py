"""`flasky user` and `flasky role`, on a real site."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from flasky.cli import main
from flasky.cli.context import Context
from flasky.plugins.accounts.authentication import sign_in
from flasky.plugins.accounts.models import User
from flasky.testing.mailbox import Mailbox, text_of
from flasky.wsgi import Application


@pytest.fixture
def flasky(
    ini_file: Callable[..., Path],
    app: Application,
    database_url: str,
    app_settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Result]]:
    """A function that runs `flasky …` for the site whose database the test looks into: with the application that was
    started for it, where each command would start one of the same settings."""
    monkeypatch.setattr(Context, "application", app)
    monkeypatch.delenv("FLASKY_INI", raising=False)
    settings = {name.replace(".", "__"): value for name, value in app_settings.items()}
    ini = ini_file(sqlalchemy__url=database_url, **settings)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--ini", str(ini), *arguments], input=typed, prog_name="flasky")

    yield run
    root.handlers[:], root.level = handlers, level


def test_the_commands_are_listed_without_starting_the_site(flasky: Callable[..., Result]) -> None:
    shown = flasky("--help").output
    assert "user" in shown
    assert "role" in shown


def test_a_member_is_made_with_a_password_that_is_typed(
    flasky: Callable[..., Result], work: Any, password: str
) -> None:
    result = flasky(
        "user", "create", "胡同", "--email", "hu@example.com", "--role", "Administrator",
        typed=f"{password}\n{password}\n",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "胡同 is a member with the role Administrator." in result.output
    assert password not in result.output
    with work() as opened:
        assert sign_in(opened, "胡同", password).user.email == "hu@example.com"


def test_a_password_can_come_from_another_program(flasky: Callable[..., Result], work: Any) -> None:
    flasky("user", "create", "anna", "--no-password", "--email", "anna@example.com")
    result = flasky("user", "password", "anna@example.com", "--password-stdin", typed="another long password\n")
    assert result.exit_code == 0, result.output
    with work() as opened:
        sign_in(opened, "anna", "another long password")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("user", "create", "a@b", "--no-password"), "A name cannot contain @"),
        (("user", "create", "bob", "--no-password", "--email", "nonsense"), "Enter one mail address"),
        (("user", "create", "anna", "--no-password"), "taken"),
        (("user", "create", "bob", "--no-password", "--email", "anna@example.com"), "There is an account with this"),
        (("user", "create", "bob", "--no-password", "--role", "Boss"), "There is no role 'Boss'. There are: User, "),
        (("user", "role", "bob", "User"), "There is no member 'bob'"),
        (("user", "role", "anna", "User"), "This is the last administrator"),
        (("user", "disable", "anna"), "This is the last administrator"),
        (("user", "invite", "anna@example.com"), "There is an account with this address"),
        (("user", "claim"), "This site has an administrator"),
        (("role", "grant", "User", "blog.fly"), "No enabled plug-in declares the permission 'blog.fly'"),
        (("role", "revoke", "Administrator", "accounts.manage_roles"), "Administrator always has"),
        (("role", "create", "User"), "There is a role of this name"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    flasky: Callable[..., Result], member: Any, arguments: tuple[str, ...], told: str
) -> None:
    member("anna", role="Administrator")
    result = flasky(*arguments)
    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output


def test_members_are_found_disabled_and_enabled(flasky: Callable[..., Result], member: Any, work: Any) -> None:
    member("anna")
    assert flasky("user", "disable", "ANNA").exit_code == 0
    assert "disabled" in flasky("user", "list").output
    with work() as opened:
        assert opened.db.scalars(select(User)).one().disabled_at is not None
    assert flasky("user", "enable", "anna").exit_code == 0
    listed = flasky("user", "list", "--role", "User").output
    assert "anna@example.com" in listed
    assert "confirmed" in listed
    assert "anna" not in flasky("user", "list", "--role", "Moderator").output


def test_a_role_is_given(flasky: Callable[..., Result], member: Any) -> None:
    member("anna")
    assert "anna has the role Moderator" in flasky("user", "role", "anna", "Moderator").output


def test_an_invitation_is_mailed(flasky: Callable[..., Result], mailbox: Mailbox) -> None:
    assert flasky("user", "invite", "anna@example.com").exit_code == 0
    assert "http://localhost/auth/invitation/" in text_of(mailbox.last)


def test_the_claim_link_is_printed_on_a_site_without_administrator(flasky: Callable[..., Result]) -> None:
    assert flasky("user", "claim").output.startswith("http://localhost/auth/claim/")


def test_permissions_are_granted_revoked_and_shown(flasky: Callable[..., Result]) -> None:
    assert flasky("role", "create", "Guest", "--like", "User").exit_code == 0
    assert flasky("role", "grant", "Guest", "accounts.manage_people").exit_code == 0
    assert flasky("role", "revoke", "Guest", "accounts.see_people").exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in flasky("role", "list").output.splitlines()}
    assert lines["Permission"] == ["User", "Moderator", "Administrator", "Guest"]
    assert lines["accounts.manage_people"] == ["-", "yes", "yes", "yes"]
    assert lines["accounts.see_people"] == ["yes", "yes", "yes", "-"]
    assert lines["(members)"] == ["0", "0", "0", "0"]
