"""`flasky slots`: the slots of the pages, which templates show them, and who fills them in which order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.ownership import owner_of_module

if TYPE_CHECKING:
    from pyramid.registry import Registry


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def slots(context: Context, as_json: bool) -> None:
    """List each slot of the pages, where it is shown, and who fills it in which order."""
    rows = slot_rows(context.registry)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    lines = []
    for row in rows:
        where = ", ".join(row["shown_by"]) or "shown nowhere"
        for number, item in enumerate(row["filled_by"] or [{}]):
            first = (row["slot"], where) if number == 0 else ("", "")
            lines.append((*first, *(str(item.get(key, "")) for key in ("plugin", "order", "name", "permission"))))
    show_table(("Slot", "Shown by", "Filled by", "Order", "With", "Permission"), lines)


def slot_rows(registry: Registry) -> list[dict[str, Any]]:
    """Each slot as plain data, by name."""
    from flasky.slots import slots as filled_slots  # noqa: PLC0415 - templates are imported when they are needed
    from flasky.templating import shown_slots  # noqa: PLC0415 - see above

    shown, filled = shown_slots(registry), filled_slots(registry)
    return [
        {
            "slot": name,
            "shown_by": shown.get(name, []),
            "filled_by": [
                {
                    "plugin": owner_of_module(registry, item.package)[0],
                    "name": item.name,
                    "with": item.shown_filling,
                    "order": item.order,
                    "permission": item.permission or "",
                }
                for item in filled.get(name, ())
            ],
        }
        for name in sorted({*shown, *filled})
    ]
