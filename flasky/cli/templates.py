"""`flasky templates NAME`: which template of that name wins, and which are behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ini import CannotStart

if TYPE_CHECKING:
    from pyramid.registry import Registry


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def templates(context: Context, name: str | None, as_json: bool) -> None:
    """Show which template called NAME wins and which are behind it; without NAME, every one that overrides another.

    Exit status 1 when no enabled plug-in has NAME.
    """
    known = layers(context.registry)
    if name is not None and name not in known:
        raise CannotStart(f"No enabled plug-in has a template {name!r}.")
    chosen = {name: known[name]} if name else {key: files for key, files in known.items() if len(files) > 1}
    rows = [
        {"name": key, "place": f"behind {place}" if place else "wins", "owner": owner, "file": file}
        for key, files in chosen.items()
        for place, (owner, file) in enumerate(files)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        show_table(("Template", "Place", "Owner", "File"), [tuple(row.values()) for row in rows])
    else:
        click.echo("No template overrides another.")


def layers(registry: Registry) -> dict[str, list[tuple[str, str]]]:
    """Owner and file of each template, the one that wins first, by name."""
    from flasky.templating import template_folders  # noqa: PLC0415 - templates are imported when they are needed

    found: dict[str, list[tuple[str, str]]] = {}
    for owner, folder in template_folders(registry):
        for file in folder.rglob("*"):
            if file.is_file():
                name = file.relative_to(folder).as_posix()
                found.setdefault(name, []).append((owner.removeprefix("plug-in ").lower(), str(file)))
    return dict(sorted(found.items()))
