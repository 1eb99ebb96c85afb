"""A copy of an SQLite file before a migration changes it, and the knowledge whether one did."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from alembic.util import CommandError


def back_up(file: Path, revisions: tuple[str, ...]) -> Path:
    """Copy the committed state of the SQLite database `file` into a new file beside it, and return that one.

    Its name tells the revisions that the copy is at and the moment in UTC. It goes through SQLite's own backup
    interface: a plain copy of a database in WAL mode lacks what is still in the journal (F27). Nothing stands under
    the final name before the copy is whole. Raises CommandError when it cannot be made: nothing is changed then.
    """
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    at = "+".join(sorted(revisions)) or "none"
    copy = file.with_name(f"{file.name}.before-migration.{at}.{moment}")
    number = 1
    while copy.exists():
        number += 1
        copy = file.with_name(f"{file.name}.before-migration.{at}.{moment}-{number}")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    try:
        with (
            closing(_reader(file)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            # As private as the original from the first byte on.
            shutil.copymode(file, unfinished)
            source.backup(target)
        unfinished.rename(copy)
    except (sqlite3.Error, OSError) as error:
        room = f"It needs {file.stat().st_size:,} bytes there, {shutil.disk_usage(file.parent).free:,} are free."
        raise CommandError(
            f"The database cannot be copied to {copy.parent} before it is migrated: {error}. {room} "
            "Nothing was changed. Make room, or let whoever runs this write there, and run the same command again."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return copy


class Witness:
    """Tells whether another connection, of whatever process, has committed anything to an SQLite file since."""

    def __init__(self, file: Path) -> None:
        self._connection = _reader(file)
        self._before = self._version()

    def saw_nothing(self) -> bool:
        """Whether it is certain that the file says what it said."""
        now = self._version()
        return now is not None and now == self._before

    def close(self) -> None:
        """End it; before the connection that migrates, which empties the journal as the last to leave."""
        self._connection.close()

    def _version(self) -> int | None:
        try:
            [(version,)] = self._connection.execute("PRAGMA data_version").fetchall()
        except sqlite3.Error:
            return None
        return int(version)


def _reader(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True)
