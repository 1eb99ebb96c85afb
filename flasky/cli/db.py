"""`flasky db`: how the database stands, also when the site does not start; and copying it into another one."""

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
    """See how the database stands; copy it into another one."""


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


@db.command()
@click.option("--to", "url", metavar="URL", required=True, help="The new database: postgresql://… or sqlite:////….")
@pass_context
def copy(context: Context, url: str) -> None:
    """Copy every row of the site into a new database, as from SQLite to PostgreSQL.

    The new one has no tables yet, and is migrated first, or is migrated and not used yet. The old one is only read.
    What the site writes meanwhile is not copied: stop it before.
    """
    from flasky.database.engine import sqlite_file
    from flasky.migrations.copying import copy as copy_rows
    from flasky.settings import parse_database_url, redact_url

    try:
        address = parse_database_url(url)
    except ValueError as error:
        raise CannotStart(f"--to: {error}") from error
    if address.startswith("sqlite") and sqlite_file(address) is None:
        raise CannotStart("--to: expected the path of a file: a database in memory is lost when the command ends.")
    done = copy_rows(context.site, address, lambda name, rows: click.echo(f"{name}: {rows}"))
    for name, rows in done.left.items():
        click.echo(f"Not copied, as no migration makes it: {name} ({rows} rows)", err=True)
    old = context.site.settings.values_by_name["sqlalchemy.url"]
    click.echo(f"\nCopied {sum(done.rows.values())} rows of {len(done.rows)} tables. The old database is as it was.")
    click.echo(f"To use the new one, let sqlalchemy.url ({old.where}) be {redact_url(address)} and start the site.")


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
