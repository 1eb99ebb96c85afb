"""Telling a person on a terminal why a command was refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.config import Config
from alembic.util import CommandError

from flasky.errors.exceptions import in_english

#: What Alembic itself ends with.
_STATUS = 255


class CannotMigrate(CommandError):
    """What the database refused, in lines that may be marked for translation: a page in development shows them too."""

    def __init__(self, *told: str) -> None:
        super().__init__("\n".join(map(in_english, told)))
        self.told = told


@contextmanager
def told_plainly(config: Config) -> Iterator[None]:
    """On the command line print a refusal as it stands and end; in a program let the CommandError through.

    Alembic would print it twice, and join the lines of a list to one paragraph.
    """
    try:
        yield
    except CommandError as error:
        options = config.cmd_opts
        if options is None or options.raiseerr:
            raise
        sys.stderr.write(f"{error}\n")
        sys.exit(_STATUS)
