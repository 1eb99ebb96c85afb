"""`flasky user` and `flasky role`: members and roles from the command line."""

# ruff: noqa: PLC0415 - the services are imported when a command runs, not to list commands.

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import LIMIT
from flasky.cli.table import show_table

if TYPE_CHECKING:
    from flasky.plugins.accounts.models import Role, User
    from flasky.plugins.accounts.work import Work


@click.group()
def user() -> None:
    """Make, find and look after members."""


@click.group()
def role() -> None:
    """See roles, and what each may do."""


@user.command("create")
@click.argument("username")
@click.option("--email", metavar="ADDRESS", help="Counts as confirmed.")
@click.option("--role", "role_name", default="User", show_default=True, metavar="ROLE")
@click.option("--no-password", is_flag=True, help="They choose one by mail: `Choose a new password`.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
@pass_context
def create_user(
    context: Context, username: str, email: str | None, role_name: str, no_password: bool, password_stdin: bool
) -> None:
    """Make a member. The password is asked for, never given on the command line, where others could read it."""
    password = None if no_password else _password(from_input=password_stdin)
    from flasky.plugins.accounts.registration import create

    with _work(context) as work:
        made = create(work, username=username, email=email, password=password, role=role_name)
        click.echo(f"{made.username} is a member with the role {role_name}.")


@user.command("role")
@click.argument("who")
@click.argument("role_name", metavar="ROLE")
@pass_context
def change_role(context: Context, who: str, role_name: str) -> None:
    """Give WHO (a name or an address) the role ROLE."""
    from flasky.plugins.accounts.registration import find_role
    from flasky.plugins.accounts.roles import change_role as change

    with _work(context) as work:
        found = _find(work, who)
        change(work, found, find_role(work, role_name))
        click.echo(f"{found.username} has the role {role_name}.")


@user.command("password")
@click.argument("who")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
@pass_context
def change_password(context: Context, who: str, password_stdin: bool) -> None:
    """Give WHO a new password and end their sessions."""
    password = _password(from_input=password_stdin)
    from flasky.plugins.accounts.reset import give_password

    with _work(context) as work:
        found = _find(work, who)
        give_password(work, found, password)
        click.echo(f"{found.username} has a new password; their sessions have ended.")


@user.command("disable")
@click.argument("who")
@pass_context
def disable_user(context: Context, who: str) -> None:
    """Keep WHO out, from their next request on."""
    from flasky.plugins.accounts.people import disable

    with _work(context) as work:
        found = _find(work, who)
        disable(work, found)
        click.echo(f"{found.username} is disabled.")


@user.command("enable")
@click.argument("who")
@pass_context
def enable_user(context: Context, who: str) -> None:
    """Let WHO in again."""
    from flasky.plugins.accounts.people import enable

    with _work(context) as work:
        found = _find(work, who)
        enable(work, found)
        click.echo(f"{found.username} is enabled.")


@user.command("list")
@click.option("--role", "role_name", metavar="ROLE", help="Only members with this role.")
@click.option("--limit", default=1000, show_default=True, type=LIMIT, help="At most so many.")
@pass_context
def list_users(context: Context, role_name: str | None, limit: int) -> None:
    """List members, the newest first."""
    from flasky.plugins.accounts.people import newest

    with _work(context) as work:
        rows = [
            (found.username, found.email or "-", found.role.name, _state(found), found.created_at.date().isoformat())
            for found in newest(work, role_name, limit)
        ]
    show_table(("Name", "Address", "Role", "State", "Since"), rows)


@user.command("invite")
@click.argument("address")
@pass_context
def invite_user(context: Context, address: str) -> None:
    """Mail ADDRESS a link to join with, also where joining is closed to others."""
    from flasky.plugins.accounts.registration import invite

    with _work(context) as work:
        invitation = invite(work, address)
        click.echo(f"An invitation is on its way to {invitation.email}.")


@user.command("claim")
@pass_context
def claim_site(context: Context) -> None:
    """Print the link that makes its visitor the first administrator; it works once, for a day."""
    from flasky.plugins.accounts.ownership import claim_link

    with _work(context) as work:
        link = claim_link(work)
    if link is None:
        raise click.ClickException(
            "This site has an administrator, who gives roles: flasky user role WHO Administrator"
        )
    click.echo(link)


@role.command("list")
@pass_context
def list_roles(context: Context) -> None:
    """Show which role may do what."""
    from flasky.plugins.accounts.roles import all_roles, table

    with _work(context) as work:
        counted = all_roles(work)
        shown = table(work)
        names = [found.name for found, _members in counted]
        rows = [[row.name, *("yes" if row.cells[name].held else "-" for name in names)] for row in shown.rows]
        members = ["(members)", *(number for _found, number in counted)]
    show_table(("Permission", *names), [*rows, members])


@role.command("create")
@click.argument("name")
@click.option("--description", default="", metavar="TEXT")
@click.option("--like", metavar="ROLE", help="It may do what this role may do now.")
@pass_context
def create_role(context: Context, name: str, description: str, like: str | None) -> None:
    """Make a role."""
    from flasky.plugins.accounts.registration import find_role
    from flasky.plugins.accounts.roles import create_role as create

    with _work(context) as work:
        pattern: Role | None = find_role(work, like) if like else None
        made = create(work, name, description, like=pattern)
        click.echo(f"There is a role {made.name}.")


@role.command("grant")
@click.argument("name", metavar="ROLE")
@click.argument("permission")
@pass_context
def grant(context: Context, name: str, permission: str) -> None:
    """Let everybody with ROLE do what PERMISSION names."""
    _decide(context, name, permission, granted=True)


@role.command("revoke")
@click.argument("name", metavar="ROLE")
@click.argument("permission")
@pass_context
def revoke(context: Context, name: str, permission: str) -> None:
    """Take PERMISSION from ROLE; it stays taken when Flasky or a plug-in is upgraded."""
    _decide(context, name, permission, granted=False)


def _decide(context: Context, name: str, permission: str, *, granted: bool) -> None:
    from flasky.plugins.accounts.registration import find_role
    from flasky.plugins.accounts.roles import decide

    with _work(context) as work:
        decide(work, find_role(work, name), permission, granted=granted)
        click.echo(f"{name} {'has' if granted else 'no longer has'} {permission}.")


@contextlib.contextmanager
def _work(context: Context) -> Iterator[Work]:
    """Work that is committed at the end; what the services refuse is told in words, with exit status 1."""
    from flasky.database import get_database
    from flasky.plugins.accounts.errors import Fault, Faults, Refused
    from flasky.plugins.accounts.registration import NoSuchRole
    from flasky.plugins.accounts.roles import NoSuchPermission
    from flasky.plugins.accounts.work import open_work

    try:
        with open_work(context.registry) as work:
            yield work
    except (Fault, Faults, Refused, NoSuchRole, NoSuchPermission) as error:
        raise click.ClickException(str(error)) from error
    finally:
        # Whoever runs a command inside of another program gets the connections back.
        get_database(context.registry).dispose()


def _find(work: Work, who: str) -> User:
    from flasky.plugins.accounts.people import find

    found = find(work, who)
    if found is None:
        raise click.ClickException(f"There is no member {who!r}. See them with: flasky user list")
    return found


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _state(found: User) -> str:
    if found.disabled_at is not None:
        return "disabled"
    if found.deletion_due_at is not None:
        return "leaving"
    return "confirmed" if found.confirmed_at is not None else "unconfirmed"
