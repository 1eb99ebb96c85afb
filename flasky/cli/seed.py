"""The command `flasky seed`: fill a new site with what its plug-ins bring to try them with."""

# ruff: noqa: PLC0415 - Pyramid and SQLAlchemy are imported when a command needs the site, not to list commands.

from __future__ import annotations

import difflib

import click

from flasky.cli.context import Context, pass_context


@click.command()
@click.argument("plugins", metavar="[PLUGIN]...", nargs=-1)
@click.option("--force", is_flag=True, help="Also on a site that is not for development.")
@pass_context
def seed(context: Context, plugins: tuple[str, ...], *, force: bool) -> None:
    """Add the seed data of every plug-in, or of those named, in their order.

    It can be run again: what is there stays, what is missing is added. Each seed is a transaction of its own.
    """
    from flasky.seeds import seeds, sow

    context.refuse_made_up_data(force=force)
    enabled = [item.name for item in context.site.plugins]
    for name in plugins:
        if name not in enabled:
            near = difflib.get_close_matches(name, enabled, n=1)
            remedy = f"Did you mean {near[0]}?" if near else f"Enabled are: {', '.join(enabled)}."
            raise click.ClickException(f"No enabled plug-in is called {name}. {remedy}")
    found = list(seeds(context.registry, plugins))
    for owner, item in found:
        said = sow(context.registry, item)
        click.echo(f"{owner}: {item.name}: {said or 'nothing to add'}")
    if not found:
        click.echo("There are no seeds." if not plugins else f"{', '.join(plugins)}: no seeds.")
