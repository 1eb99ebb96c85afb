"""`flasky db`: how the database stands; works when the site does not start."""

# ruff: noqa: PLC0415 - Alembic and SQLAlchemy are imported when a command needs them, not to list commands.

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ini import CannotStart

if TYPE_CHECKING:
    from flasky.migrations.status import PluginStatus


@click.group()
def db() -> None:
    """See how the database stands."""


@db.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def status(context: Context, as_json: bool) -> None:
    """Show for each plug-in what is applied, what waits, and its tables; and what plug-ins that are off left there.

    Nothing is changed, and the site need not be able to start. Exit status 1 when migrations wait or something is
    wrong.
    """
    from flasky.migrations.status import database_status
    from flasky.site import read_site

    site, faults = read_site(context.ini.global_config, context.ini.settings, os.environ)
    if "sqlalchemy.url" not in site.settings:
        raise CannotStart("\n".join(map(str, faults)))
    found = database_status(site)
    problems = [*found.problems, *map(str, faults)]
    if as_json:
        rows = [one.as_json() for one in found.plugins]
        every = [*filter(None, [found.unreadable]), *problems]
        told = {"database": found.database, "current": found.is_current, "plugins": rows, "problems": every}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo(f"Database: {found.database}")
        if found.unreadable:
            # First: what the table lacks is unknown then, and not missing.
            click.echo(found.unreadable, err=True)
        heads = ("Plug-in", "State", "Revision", "Head", "Waiting", "Tables", "Rows")
        click.echo()
        show_table(heads, [_cells(one, unknown=bool(found.unreadable)) for one in found.plugins])
        for one in found.plugins:
            for pending in one.pending:
                click.echo(f"{one.plugin}: {pending} is not applied")
        if any(one.pending for one in found.plugins):
            click.echo(f"\nApply what waits with: {found.command}")
        for problem in problems:
            click.echo(problem, err=True)
    if not found.is_current or faults:
        raise click.exceptions.Exit(1)


def _cells(one: PluginStatus, *, unknown: bool) -> tuple[object, ...]:
    own = one.chain == one.plugin
    if unknown:
        asked = "unknown" if own else ""
        return one.plugin, one.state, asked, ", ".join(one.heads), asked, "", ""
    return (
        one.plugin or "–",
        one.state,
        ", ".join(one.revisions) if own else f"with {one.chain}" if one.chain and one.tables else "",
        ", ".join(one.heads),
        len(one.pending) or "",
        ", ".join(one.tables),
        sum(one.rows.values()) if one.rows else "",
    )
