"""Numbers on the command line: no larger than what a database can hold."""

from __future__ import annotations

import click

#: What SQLite and PostgreSQL take as a number of rows; a larger one is an error of their drivers.
LARGEST = 2**63 - 1

#: The id of a row.
ID = click.IntRange(0, LARGEST)
#: How many rows to show.
LIMIT = click.IntRange(1, LARGEST)
