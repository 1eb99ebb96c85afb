"""Numbers on the command line: no larger than what a database can hold."""

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
