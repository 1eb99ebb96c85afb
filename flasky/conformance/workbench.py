"""Where the suite works: a folder with databases and installed distributions, which several plug-ins can share."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config

import flasky
from alembic import command
from flasky.conformance.databases import databases_at
from flasky.database import get_database
from flasky.ini import CannotStart, read_ini
from flasky.testing.ini import write_ini
from flasky.trial import status_of
from flasky.wsgi import Application

_SECONDS = 300
#: What the made-up site has beside its plug-ins and its database. No mail leaves it: nothing listens on port 1.
_SETTINGS: Mapping[str, Any] = {
    "flasky.environment": "testing",
    "flasky.base_url": "http://localhost",
    "flasky.admin": "owner@example.com",
    "mail.host": "127.0.0.1",
    "mail.port": "1",
    "mail.tls": "false",
}
#: The environment variable that would name another database.
DATABASE_VARIABLE = "TESTING_DATABASE_URL"
#: Not part of a source: what tools and builds leave behind.
_NOT_SOURCE = shutil.ignore_patterns(
    ".git",
    ".venv*",
    ".*_cache",
    ".tox",
    ".nox",
    ".coverage*",
    "__pycache__",
    "*.egg-info",
    "build",
    "dist",
    "*.sqlite*",
)
_OFFLINE = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]


class Workbench:
    """Makes sites in `folder`, and remembers what takes long to make."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None, server: str = "") -> None:
        """`settings` are INI settings that a plug-in of the site cannot do without; `server` is the URL of a database
        on a PostgreSQL server, beside which those of the sites are made: without one they are files of SQLite.
        """
        self.folder = folder
        self._databases = databases_at(server)
        self._settings = {**_SETTINGS, **(settings or {})}
        self._installed: dict[Path, Path] = {}
        self._made = 0
        self._remembered: dict[Any, Any] = {}

    def once(self, key: Any, find: Callable[[], Any]) -> Any:
        """What `find` returned when it was first asked for `key`: several rules or plug-ins want to know the same."""
        if key not in self._remembered:
            self._remembered[key] = find()
        return self._remembered[key]

    def place(self, name: str) -> Path:
        """A new empty folder."""
        self._made += 1
        folder = self.folder / f"{self._made}-{name}"
        folder.mkdir(parents=True)
        return folder

    def database(self, folder: Path) -> str:
        """The URL of an empty database for a site in `folder`. Raises CannotStart."""
        return self._databases.new(folder)

    def close(self) -> None:
        """Take the databases away that are not in the folder."""
        self._databases.close()

    def write_site(self, folder: Path, name: str, plugins: tuple[str, ...], database: str) -> Path:
        """Write the INI file of a site with these plug-ins and the database of this URL, and return it.

        Settings of a plug-in that is not enabled are left out.
        """
        settings = {
            key: value
            for key, value in self._settings.items()
            if key in _SETTINGS or key.partition(".")[0] in plugins or key.startswith("flasky.")
        }
        given = {"flasky.plugins": " ".join(plugins), "sqlalchemy.url": database}
        return write_ini(folder / f"{name}.ini", {**settings, **given})

    def migrated(self, plugins: tuple[str, ...], target: str) -> None:
        """Put the database of a new site with these plug-ins at the URL `target`: migrated, and visited once."""

        def make() -> str:
            folder = self.place("pristine")
            database = self.database(folder)
            ini = self.write_site(folder, "site", plugins, database)
            self.upgrade(ini)
            application = start(ini)
            status_of(application, "/")
            stop(application)
            return database

        self._databases.copy(self.once(("pristine", plugins), make), target)

    def alembic(self, ini: Path) -> Config:
        """Alembic's configuration of the site of `ini`; it remembers the site, which is read once."""
        config: Config = self.once(("alembic", ini), lambda: Config(str(ini), stdout=io.StringIO()))
        return config

    def upgrade(self, ini: Path, revision: str = "heads") -> None:
        """Run `alembic upgrade` for the site of `ini`. Raises what Alembic or a migration raises."""
        with own_database():
            command.upgrade(self.alembic(ini), revision)

    def downgrade(self, ini: Path, revision: str) -> None:
        """Run `alembic downgrade` for the site of `ini`. Raises what Alembic or a migration raises."""
        with own_database():
            command.downgrade(self.alembic(ini), revision)

    def installed(self, *sources: Path) -> Path:
        """Let pip build the distributions in `sources` and install them into a clean folder; returns that folder.

        Raises CannotStart with what pip says.
        """
        if sources[0] not in self._installed:
            # A build leaves its traces in the source, so it gets a copy.
            copies = [self.place("source") / source.name for source in sources]
            for source, copy in zip(sources, copies, strict=True):
                shutil.copytree(source, copy, ignore=_not_source)
            target = self.place("installed")
            arguments = [sys.executable, "-m", "pip", "install", *_OFFLINE, "--target", str(target), *map(str, copies)]
            done = subprocess.run(  # noqa: S603 - pip, with folders that we made
                arguments, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            if done.returncode:
                raise CannotStart(f"pip could not build and install it: {done.stderr.strip()[-2000:]}")
            # Who is imported from there says that it was installed from the copy.
            self._installed.update(dict.fromkeys([*sources, *copies], target))
        return self._installed[sources[0]]


def _not_source(folder: str, names: list[str]) -> set[str]:
    environments = {name for name in names if Path(folder, name, "pyvenv.cfg").is_file()}
    return _NOT_SOURCE(folder, names) | environments


def start(ini: Path) -> Application:
    """The site that `ini` describes. Raises CannotStart and whatever a start raises."""
    read = read_ini(ini)
    with own_database():
        return flasky.main(read.global_config, **read.settings)


def stop(application: Application) -> None:
    """Close what the site holds open."""
    get_database(application.registry).dispose()


@contextmanager
def own_database() -> Iterator[None]:
    """Let nobody find the database that an environment variable names: it comes before what an INI file says."""
    kept = os.environ.pop(DATABASE_VARIABLE, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[DATABASE_VARIABLE] = kept
