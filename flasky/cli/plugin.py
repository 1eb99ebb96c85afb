"""`flasky plugin`: which plug-ins there are; works when the site does not start."""

from __future__ import annotations

import json
from typing import Any

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ini import CannotStart
from flasky.loader import LoadedPlugin, available, load, resolve_plugins
from flasky.settings import parse_list


@click.group()
def plugin() -> None:
    """See which plug-ins there are."""


@plugin.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def list_plugins(context: Context, as_json: bool) -> None:
    """List every installed plug-in, the enabled ones first and in their order.

    Exit status 1 when the list in the INI file is wrong: the faults follow the table.
    """
    try:
        listed, place = parse_list(context.ini.settings.get("flasky.plugins", "")), context.path.name
    except CannotStart as error:
        listed, place = (), ""
        click.echo(f"{error}\nSo none is enabled.\n", err=True)
    enabled, faults = resolve_plugins(listed, place)
    rows = _rows(listed, [item.name for item in enabled])
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        heads = ("Plug-in", "Version", "Enabled", "Description")
        show_table(heads, [(row["name"], row["version"], _enabled(row), row["description"]) for row in rows])
    if faults:
        raise click.ClickException("\n".join(map(str, faults)))


def _rows(listed: tuple[str, ...], order: list[str]) -> list[dict[str, Any]]:
    names = [*order, *(name for name in dict.fromkeys([*listed, *sorted(available())]) if name not in order)]
    return [_row(name, name in listed, order) for name in names]


def _row(name: str, enabled: bool, order: list[str]) -> dict[str, Any]:
    item, problem = _read(name)
    return {
        "name": name,
        "version": item.version if item else "",
        "enabled": enabled,
        "position": order.index(name) + 1 if name in order else None,
        "description": item.plugin.description if item else problem,
        "package": item.package if item else "",
        "distribution": item.distribution if item else "",
        "works": item is not None,
    }


def _read(name: str) -> tuple[LoadedPlugin | None, str]:
    entry = available().get(name)
    if entry is None:
        return None, "not installed"
    try:
        return load(entry), ""
    except Exception as error:  # noqa: BLE001 - whatever a stranger's package raises belongs into the list
        return None, f"cannot be loaded: {type(error).__name__}: {error}"


def _enabled(row: dict[str, Any]) -> str:
    return "yes" if row["enabled"] else "no"
