"""The databases that the suite makes: files of SQLite, or databases beside one on a PostgreSQL server."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Protocol

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from flasky.ini import CannotStart
from flasky.settings import parse_database_url


class Databases(Protocol):
    """Makes databases, each by its URL."""

    def new(self, folder: Path) -> str:
        """An empty database for a site in `folder`."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Put what is in `source` into `target`, and nothing else. Nobody may be connected to either."""
        ...

    def close(self) -> None:
        """Take all of them away."""
        ...


class Files:
    """SQLite: a file in the folder of each site, which goes with the folder."""

    def new(self, folder: Path) -> str:
        """A file that is not there yet: whoever migrates makes it."""
        return f"sqlite:///{folder / 'data.sqlite'}"

    def copy(self, source: str, target: str) -> None:
        """Copy the file."""
        shutil.copyfile(str(make_url(source).database), str(make_url(target).database))

    def close(self) -> None:
        """Nothing: the workbench's folder goes."""


class OnServer:
    """PostgreSQL: databases of their own on the server of `url`, whose role has the right CREATEDB."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._names: list[str] = []

    def new(self, _folder: Path) -> str:
        """A database with a name that nobody has."""
        name = f"flasky_check_{secrets.token_hex(6)}"
        self._run(f'CREATE DATABASE "{name}"')
        self._names.append(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def copy(self, source: str, target: str) -> None:
        """Let the server make it anew from the other."""
        here, there = make_url(target).database, make_url(source).database
        self._run(f'DROP DATABASE "{here}"', f'CREATE DATABASE "{here}" TEMPLATE "{there}"')

    def close(self) -> None:
        """Drop them, whoever is still connected."""
        if self._names:
            self._run(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in self._names))
        self._names = []

    def _run(self, *statements: str) -> None:
        engine = create_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        except DBAPIError as error:
            said = " ".join(str(error.orig).split())
            # 42501, insufficient_privilege: only then is it a matter of rights.
            remedy = " Its role needs the right CREATEDB." if getattr(error.orig, "sqlstate", "") == "42501" else ""
            raise CannotStart(f"The server on which the check makes its databases said: {said}.{remedy}") from error
        finally:
            engine.dispose()


def databases_at(url: str) -> Databases:
    """Where the suite works: on the server of a PostgreSQL URL, or in files when there is none. Raises CannotStart."""
    if not url:
        return Files()
    try:
        if parse_database_url(url).startswith("postgresql"):
            return OnServer(url)
    except ValueError as error:
        raise CannotStart(f"--database: {error}") from error
    raise CannotStart("--database: name one on a PostgreSQL server, as postgresql://user:password@host/name")
