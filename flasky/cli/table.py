"""Tables for a terminal: columns as wide as what stands in them, the last one as long as it likes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import click


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print `rows` under `heads`."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(heads, *lines, strict=True)]
    for line in (heads, *lines):
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def width(text: str) -> int:
    """How many columns of a terminal `text` takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
