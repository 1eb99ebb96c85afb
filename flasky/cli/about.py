"""`flasky about`: what somebody who helps has to know about a site."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from flasky.cli.context import Context, pass_context
from flasky.database.engine import make_read_engine
from flasky.migrations.state import schema_state
from flasky.settings import redact_url

if TYPE_CHECKING:
    from flasky.site import Site

_LIBRARIES = ("pyramid", "sqlalchemy", "alembic", "waitress", "jinja2", "pyramid-tm", "pyramid-mailer", "psycopg")

_VERSION_QUERIES = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def about(context: Context, as_json: bool) -> None:
    """Show versions, database, plug-ins and schema of this site. Holds no secret: it can be pasted into a report."""
    facts = collect(context.site)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    click.echo(f"Flasky {facts['flasky']}, {facts['environment']}, {facts['ini']}")
    click.echo(f"Python {facts['python']} on {facts['system']}")
    click.echo(f"Database: {facts['database']['kind']} {facts['database']['version']}, {facts['database']['url']}")
    click.echo(f"Schema: {facts['schema']['state']}. {facts['schema']['message']}".rstrip())
    click.echo("Plug-ins: " + (", ".join(f"{item['name']} {item['version']}" for item in facts["plugins"]) or "none"))
    click.echo("Libraries: " + ", ".join(f"{name} {number}" for name, number in facts["libraries"].items()))


def collect(site: Site) -> dict[str, Any]:
    """Everything that `flasky about` shows."""
    return {
        "flasky": version("flasky"),
        "environment": site.environment,
        "ini": site.ini_file,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "database": _database(site),
        "schema": _schema(site),
        "plugins": [{"name": item.name, "version": item.version} for item in site.plugins],
        "libraries": {name: number for name in _LIBRARIES if (number := _version(name))},
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _database(site: Site) -> dict[str, str]:
    url = site.settings["sqlalchemy.url"]
    kind = make_url(url).get_backend_name()
    facts = {"kind": kind, "url": redact_url(url)}
    engine = make_read_engine(url)
    try:
        with engine.connect() as connection:
            number = connection.execute(text(_VERSION_QUERIES[kind])).scalar_one()
        return {**facts, "version": str(number)}
    except SQLAlchemyError as error:
        return {**facts, "version": f"(cannot be reached: {getattr(error, 'orig', None) or type(error).__name__})"}
    finally:
        engine.dispose()


def _schema(site: Site) -> dict[str, str]:
    state = schema_state(site)
    return {"state": str(state.kind), "message": f"{state.message} {state.command}".strip()}
