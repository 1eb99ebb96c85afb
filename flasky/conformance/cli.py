"""`flasky plugin check NAME` and `flasky plugin messages NAME`: for who writes a plug-in."""

# ruff: noqa: PLC0415 - the suite brings Pyramid, SQLAlchemy and Alembic, which listing commands must not wait for.

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flasky.cli.context import Context, pass_context
from flasky.ini import CannotStart

if TYPE_CHECKING:
    from flasky.conformance.rule import Outcome
    from flasky.conformance.subject import Subject

_SIGNS = {"passed": "ok", "failed": "FAILED", "not applicable": "-"}
_COMMENT = "# Written by `flasky plugin messages`; translate here, then run it again."


@click.command()
@click.argument("name")
@click.option(
    "--database",
    "server",
    default="",
    metavar="URL",
    help="Check what concerns tables on this PostgreSQL server too, in databases made beside the one that is named.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def check(context: Context, name: str, server: str, as_json: bool) -> None:
    """Check whether the plug-in NAME keeps what every plug-in promises, rule by rule.

    It need not be enabled: the site that it is checked in is a made-up one, on a database of its own. What the INI file
    sets for the plug-in is taken over. Exit status 1 when a rule is broken.
    """
    from flasky.conformance import suite

    rows, version, broken = [], "", 0
    for kind, url, rules in (("sqlite", "", suite.RULES), ("postgresql", server, suite.RULES_OF_DATABASES)):
        if kind == "postgresql" and not url:
            continue
        if url and not as_json:
            click.echo("On PostgreSQL:")
        with _subject(context, name, url) as subject:
            version = subject.item.version
            for rule in rules:
                outcome = rule.check(subject)
                broken += outcome.failed
                rows.append({**outcome.as_json(), "database": kind})
                if not as_json:
                    _show(outcome)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        count = f"{broken} rule{'' if broken == 1 else 's'} broken." if broken else "No rule is broken."
        click.echo(f"{name} {version}: {count}")
    if broken:
        raise click.exceptions.Exit(1)


@contextmanager
def _subject(context: Context, name: str, server: str) -> Iterator[Subject]:
    """The plug-in on a workbench of its own, which is cleared away."""
    from flasky.conformance.subject import Subject
    from flasky.conformance.workbench import Workbench

    with tempfile.TemporaryDirectory(prefix="flasky-check-") as folder, ExitStack() as clearing:
        bench = Workbench(Path(folder), _settings(context, name), server)
        clearing.callback(bench.close)
        subject = Subject(name, bench)
        clearing.callback(subject.close)
        yield subject


def _settings(context: Context, name: str) -> dict[str, Any]:
    """What the INI file sets for the plug-in; nothing when there is no INI file."""
    try:
        ini = context.ini.settings
    except CannotStart:
        return {}
    return {key: value for key, value in ini.items() if key.startswith(f"{name}.")}


def _show(outcome: Outcome) -> None:
    reason = f" ({outcome.status}: {outcome.reason})" if outcome.reason else ""
    click.echo(f"{_SIGNS[outcome.status]:6} {outcome.rule.name:12}  {outcome.rule.sentence}{reason}")
    for finding in outcome.findings:
        click.echo(f"       {finding}")
    if outcome.failed:
        click.echo(f"       What to do: {outcome.rule.remedy}")


@click.command()
@click.argument("name")
def messages(name: str) -> None:
    """Bring the catalogs of the plug-in NAME in step with its code and templates, and compile them.

    Each language that Flasky speaks, and each other one that the plug-in has a folder for, gets its .po file.
    """
    from flasky.conformance.declaration import languages_of
    from flasky.languages.catalogs import catalog_path, extract, problems_of, update
    from flasky.loader import available, load
    from flasky.ownership import home

    if name not in available():
        raise CannotStart(f"No installed plug-in is called {name!r}. `flasky plugin list` shows all.")
    package = home(load(available()[name]).package)
    texts, languages = extract(package), languages_of(package)
    for path in update(package, texts, languages, _COMMENT):
        click.echo(f"Wrote {path}")
    for language in languages if len(texts) else ():
        path = catalog_path(package, language)
        for problem in problems_of(path, texts, language):
            click.echo(f"{path}: {problem.text}", err=True)
