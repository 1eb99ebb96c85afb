"""Numbers on the command line: given, no larger than what a database can hold; and said, with what they count."""

from __future__ import annotations

from typing import Any

import click

#: What SQLite and PostgreSQL take as a number of rows; a larger one is an error of their drivers.
LARGEST = 2**63 - 1


class Number(click.IntRange):
    """A number between two others; what is none is called by a word that people know."""

    name = "integer"


class RowID(Number):
    """The id of a row, as the command `list` beside the one that takes it shows it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a UsageError says where one stands."""
        if isinstance(value, str) and not value.lstrip("+-").isdecimal():
            family = ctx.parent.command_path if ctx and ctx.parent else "flasky"
            self.fail(f"{value!r} is no ID: expected the number that `{family} list` shows.", param, ctx)
        return super().convert(value, param, ctx)


#: The id of a row.
ID = RowID(0, LARGEST)
#: How many rows to show.
LIMIT = Number(1, LARGEST)


def counted(number: int, one: str, several: str = "") -> str:
    """`number` and what it counts: “1 post”, “2 posts”; `several` is the plural when it is not `one` with an s."""
    return f"{number} {one if number == 1 else several or one + 's'}"
