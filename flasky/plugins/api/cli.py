"""`flasky api`: what to do about a token that somebody found."""

from __future__ import annotations

import sys

import click

from flasky.cli.context import Context, pass_context


@click.group()
def api() -> None:
    """Look after access tokens."""


@api.command()
@pass_context
def revoke(context: Context) -> None:
    """Revoke the leaked token that the first line of the input is, tell its owner by mail, and say whose it was.

    It is never given on the command line, where others could read it, and never printed.
    """
    if sys.stdin.isatty():
        token: str = click.prompt("Token", hide_input=True)
    else:
        token = sys.stdin.readline()
    from flasky.database import get_database  # noqa: PLC0415 - commands are listed without SQLAlchemy
    from flasky.plugins.accounts.services import open_work  # noqa: PLC0415 - commands are listed without SQLAlchemy
    from flasky.plugins.api.tokens import revoke_leaked  # noqa: PLC0415 - commands are listed without SQLAlchemy

    try:
        with open_work(context.registry) as work:
            found = revoke_leaked(work, token.strip())
            owner = found.username if found else ""
    finally:
        # Whoever runs a command inside of another program gets the connections back.
        get_database(context.registry).dispose()
    if not owner:
        raise click.ClickException("This is no token of this site, or it is revoked already.")
    click.echo(f"The token is revoked. It was {owner}'s, who is told by mail.")
