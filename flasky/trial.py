"""Trying a changed list of plug-ins on a copy of the database, before the INI file is touched.

`try_out` runs this module as a program: what a new plug-in does when it is imported, started or migrated happens in
that process and to that copy.
"""

# ruff: noqa: PLC0415 - the parent imports this module only to start the child; the child needs all of it.

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flasky.ini import CannotStart, read_ini
from flasky.settings import KERNEL_SETTINGS

_SECONDS = 300
#: The least status that means that the site itself failed.
ERROR = 500
#: PostgreSQL's codes for a database that somebody is connected to, and for a right that is missing.
_IN_USE, _NOT_ALLOWED = "55006", "42501"
_FAILS = "flasky_fails_on_purpose"

View = TypeVar("View", bound=Callable[..., Any])


def try_out(ini: Path, text: str, plugin: str) -> None:
    """Start a site with the INI file's `text` on a copy of the database, and visit `/` and the pages of `plugin`.

    Raises CannotStart, which names the point that failed. Neither `ini` nor its database is changed.
    """
    with tempfile.TemporaryDirectory(prefix="flasky-trial-") as folder:
        # Beside the original, as %(here)s is the folder of the file.
        handle, name = tempfile.mkstemp(prefix=f".{ini.stem}.trial-", suffix=".ini", dir=ini.parent)
        trial = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            with _copied_database(ini, Path(folder)) as environ:
                _run(trial, plugin, environ, ini)
        finally:
            trial.unlink(missing_ok=True)


def _run(trial: Path, plugin: str, environ: dict[str, str], ini: Path) -> None:
    point, problem = run_trial(trial, [plugin], environ)
    if point:
        problem = problem.replace(trial.name, ini.name)
        raise CannotStart(f"The trial failed when it {point}: {problem}\nNothing was changed.")


def run_trial(
    ini: Path, plugins: Iterable[str], environ: Mapping[str, str], folder: Path | None = None
) -> tuple[str, str]:
    """Start, migrate and visit the site of `ini` in a process of its own: at which point what went wrong, or two
    empty texts.

    `environ` are variables beside those of this process, `folder` is the one that the process begins in. Raises
    CannotStart when it does not come to its end.
    """
    # -P: what happens to lie in that folder is not what is installed.
    command = [sys.executable, "-P", "-m", "flasky.trial", str(ini), *plugins]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONWARNINGS": "ignore", **environ},
        )
    except subprocess.TimeoutExpired as error:
        raise CannotStart(f"The trial did not end within {_SECONDS} seconds. Nothing was changed.") from error
    said = done.stdout.strip().splitlines()
    try:
        point, problem = json.loads(said[-1])
    except (IndexError, ValueError):
        return "trial", f"its process ended with status {done.returncode}: {done.stderr[-2000:]}"
    return str(point), str(problem)


@contextmanager
def _copied_database(ini: Path, folder: Path) -> Iterator[dict[str, str]]:
    """A copy of the site's database; yields the environment variable by which a process uses it."""
    from sqlalchemy import make_url

    from flasky.database.engine import sqlite_file
    from flasky.settings import resolve

    read = read_ini(ini)
    settings, _ = resolve(KERNEL_SETTINGS, read.settings, os.environ, str(ini))
    url = make_url(settings["sqlalchemy.url"]) if "sqlalchemy.url" in settings else None
    if url is None:
        yield {}  # The trial will say that there is no database.
        return
    [setting] = [item for item in KERNEL_SETTINGS if item.name == "sqlalchemy.url"]
    variable = setting.variable(settings["flasky.environment"]) or ""
    file = sqlite_file(url)
    if file is None:
        with _postgresql_copy(url) as copy:
            yield {variable: copy}
        return
    target = folder / "trial.sqlite"
    if file.exists():
        # SQLite's own way: a plain copy would lack what is still in the journal.
        original = f"file:{quote(str(file))}?mode=ro"
        with closing(sqlite3.connect(original, uri=True)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    yield {variable: f"sqlite:///{target}"}


@contextmanager
def _postgresql_copy(url: Any) -> Iterator[str]:
    """A copy that the server makes; it can only do so while nobody else is connected to the original."""
    import secrets

    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    name = f"{url.database}_trial_{secrets.token_hex(4)}"
    driver = url.set(drivername="postgresql+psycopg")
    admin = create_engine(driver.set(database="postgres"), isolation_level="AUTOCOMMIT")
    role = ""
    try:
        with admin.connect() as connection:
            # The server's word: sqlalchemy.url need not say who it is (peer authentication, PGUSER).
            name_of_role = str(connection.scalar(text("SELECT current_user")))
            role = connection.dialect.identifier_preparer.quote_identifier(name_of_role)
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"'))
    except DBAPIError as error:
        admin.dispose()
        said = " ".join(str(error.orig).split()).rstrip(".")
        raise CannotStart(
            f"The database could not be copied for a trial: {said}. {_remedy(error.orig, role)} Nothing was changed."
        ) from error
    try:
        yield driver.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()


def _remedy(error: Any, role: str) -> str:
    """What the owner can do about a database that cannot be copied, by what the server says (SQLSTATE).

    `role` is who asked, quoted.
    """
    state = getattr(error, "sqlstate", None)
    if state == _IN_USE:
        return "Stop the site, and whatever else is connected, and try again."
    if state == _NOT_ALLOWED:
        return (
            f"The role of sqlalchemy.url needs the right CREATEDB, which an administrator of the server gives it with "
            f"ALTER ROLE {role} CREATEDB. Without it, try the plug-in on a copy of the site, "
            "then write its name into flasky.plugins here and run `alembic upgrade heads`."
        )
    return "See what the server says, and try again."


def main(arguments: list[str]) -> None:
    """The child: print, as JSON, at which point what went wrong; two empty texts when all is well."""
    ini, plugins = Path(arguments[0]), arguments[1:]
    point = "read the plug-ins and settings"
    try:
        from alembic.config import Config

        import flasky
        from alembic import command
        from flasky.site import load_site

        read = read_ini(ini)
        load_site(read.global_config, read.settings)
        _require_scripts(Config(str(ini)))
        point = "started the site"
        app = flasky.main(read.global_config, **read.settings)
        point = "migrated the copy of the database"
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            command.upgrade(Config(str(ini), stdout=nowhere), "heads")
        for path in pages(app.registry, plugins):
            point = f"asked for {path}"
            status = status_of(app, path)
            if status >= ERROR:
                raise CannotStart(f"the answer was {status}")
        point, problem = "", ""
    except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is what the trial is for
        problem = str(error) if isinstance(error, CannotStart) else f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps([point, problem]) + "\n")


def _require_scripts(config: Any) -> None:
    """Raise CannotStart where the INI file does not lead to Flasky's migrations."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        ScriptDirectory.from_config(config)
    except CommandError as error:
        raise CannotStart(str(error)) from error


def pages(registry: Any, plugins: Iterable[str]) -> list[str]:
    """`/`, and every page of the plug-ins that can be asked for without knowing more."""
    from flasky.route_views import route_views

    names = set(plugins)
    views = [item["introspectable"] for item in registry.introspector.get_category("views", [])]
    failing = {view["route_name"] for view in views if hasattr(view["callable"], _FAILS)}
    own = [
        view.pattern
        for view in route_views(registry)
        if view.plugin in names
        and view.route not in failing
        and "{" not in view.pattern
        and (not view.methods or "GET" in view.methods)
    ]
    return list(dict.fromkeys(["/", *own]))


def fails_on_purpose(view: View) -> View:
    """Mark a view whose answer is an error by design, so that no trial takes it for a broken one."""
    setattr(view, _FAILS, True)
    return view


def status_of(app: Any, path: str) -> int:
    """The status with which the site answers a visitor's GET of `path`."""
    from pyramid.request import Request

    base = app.registry.settings["flasky.base_url"]
    request = Request.blank(
        path, base_url=base, environ={"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": urlsplit(base).netloc}
    )
    status: int = request.call_application(app)[0].split(" ")[0]
    return int(status)


if __name__ == "__main__":
    main(sys.argv[1:])
