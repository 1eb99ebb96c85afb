"""One attempt to migrate: which migration is at work, what is said when it fails, and what then becomes of the copy."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from flasky.errors.databases import code_of, database_status
from flasky.languages import _
from flasky.migrations.backup import Witness, back_up
from flasky.migrations.explanations import why_unavailable
from flasky.migrations.telling import CannotMigrate
from flasky.site import Site

logger = logging.getLogger(__name__)

#: How SQLite says that a new column has nothing for the rows that are there; PostgreSQL has a code for it.
_NO_VALUE = ("Cannot add a NOT NULL column", "NOT NULL constraint failed")
_NOT_NULL_VIOLATION = "23502"
_UNAVAILABLE = 503
#: Characters of a statement that are shown; one that makes a table may go on for pages.
_SHOWN = 300


class Attempt:
    """From the moment that a command has its turn to change the database until it ends."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._script: Any = None
        self._chain = ""
        self._witness: Witness | None = None
        self._copy: Path | None = None
        self._has_committed = False

    def begin(self, connection: Connection, file: Path | None) -> None:
        """Notice from now on what is committed; `connection` has the turn to write. `file` is SQLite's."""
        event.listen(connection, "commit", self._committed)
        if file is not None:
            self._witness = Witness(file)

    def back_up(self, file: Path, revisions: tuple[str, ...]) -> None:
        """Copy the SQLite `file`, which is at `revisions`."""
        # The connection has begun, so nobody writes now; another connection still reads what was committed.
        self._copy = back_up(file, revisions)
        logger.info("The database was copied to %s", self._copy)

    def noted(self, steps: Iterable[tuple[Any, str]]) -> Iterator[Any]:
        """Alembic's steps, each with its chain; remembers which one is at work."""
        for step, chain in steps:
            self._script, self._chain = getattr(step, "revision", None), chain
            yield step

    @contextmanager
    def told(self) -> Iterator[None]:
        """Around the transaction: raise CannotMigrate for what the database refuses, and tidy up after any failure."""
        try:
            yield
        except BaseException as error:
            unchanged = self._is_unchanged()
            self._remove_copy(unchanged)
            if isinstance(error, DBAPIError) and self._script is not None:
                raise CannotMigrate(*self._why(error, unchanged)) from error
            raise
        finally:
            if self._witness is not None:
                self._witness.close()

    def _committed(self, _connection: Connection) -> None:
        self._has_committed = True

    def _is_unchanged(self) -> bool:
        """Whether it is certain that nothing stayed: a migration may commit (an autocommit block), and COMMIT fail."""
        if self._witness is not None:
            return self._witness.saw_nothing()
        return not self._has_committed

    def _remove_copy(self, unchanged: bool) -> None:
        """A service that tries again and again must not fill its disk with copies of what is there anyway."""
        if self._copy is None or not unchanged or self._witness is None:
            return
        # A copy too many is no reason to hide what failed.
        with suppress(OSError):
            self._copy.unlink()
            logger.info("Nothing was changed, so the copy was removed again")

    def _why(self, error: DBAPIError, unchanged: bool) -> list[str]:
        named = {"migration": f"{self._script.revision} “{self._script.doc}”", "chain": self._chain}
        again = _("Mend ${path} and run the same command again.", mapping={"path": self._script.path})
        reason: str = str(error.orig).strip()
        if database_status(error, "POST") == _UNAVAILABLE:
            reason, again = why_unavailable(error, self._site), _("When that is mended, run the same command again.")
        told = [_("The migration ${migration} of ${chain} failed:", mapping=named), reason]
        if error.statement:
            told.append(f"  {textwrap.shorten(error.statement, _SHOWN, placeholder=' …')}")
        if code_of(error) == _NOT_NULL_VIOLATION or any(words in reason for words in _NO_VALUE):
            told.append(
                _(
                    "Rows that are there have no value for the column. Give it a server_default=…, or add it with "
                    "NULL allowed, fill it, and forbid NULL then."
                )
            )
        if unchanged:
            told.append(_("Nothing was changed."))
        else:
            told.append(_("What was committed before that stays; `flasky db status` shows where the database is."))
        return [*told, again]
