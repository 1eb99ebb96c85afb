"""`flasky plugin`: see, make, check, enable and remove plug-ins; seeing works when the site does not start."""

# ruff: noqa: PLC0415 - what starts a site, or changes a database, is imported by the command that does so.

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import counted
from flasky.cli.statistics import stats
from flasky.cli.table import show_table
from flasky.conformance.cli import check, messages
from flasky.ini import CannotStart
from flasky.loader import LoadedPlugin, available, load, resolve_plugins, rivals
from flasky.prefixes import prefix_setting
from flasky.settings import ConfigurationFaults, Fault, Place
from flasky.targets import missing_modules

if TYPE_CHECKING:
    from flasky.removal import Plan


@click.group()
def plugin() -> None:
    """See, make, check, enable and remove plug-ins."""


plugin.add_command(stats)


plugin.add_command(check)
plugin.add_command(messages)


@plugin.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def list_plugins(context: Context, as_json: bool) -> None:
    """List every installed plug-in, the enabled ones first and in their order.

    Exit status 1 when the list in the INI file is wrong: the faults follow the table.
    """
    try:
        listed, place = context.listed, context.path.name
    except CannotStart as error:
        listed, place = (), ""
        click.echo(f"{error}\nSo none is enabled.\n", err=True)
    enabled, faults = resolve_plugins(listed, place)
    rows = _rows(listed, [item.name for item in enabled])
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        heads = ("Plug-in", "Version", "Enabled", "Description")
        show_table(heads, [(row["name"], row["version"], _enabled(row), _described(row)) for row in rows])
    if faults:
        raise click.ClickException("\n".join(map(str, faults)))


def _rows(listed: tuple[str, ...], order: list[str]) -> list[dict[str, Any]]:
    names = [*order, *(name for name in dict.fromkeys([*listed, *sorted(available())]) if name not in order)]
    return [_row(name, name in listed, order) for name in names]


def _row(name: str, enabled: bool, order: list[str]) -> dict[str, Any]:
    item, problem = _read(name)
    contested = rivals().get(name, ())
    return {
        "name": name,
        "version": item.version if item else "",
        "enabled": enabled,
        "position": order.index(name) + 1 if name in order else None,
        "description": item.plugin.description if item else problem,
        "offered_by": list(contested),
        "package": item.package if item else "",
        "distribution": item.distribution if item else "",
        "works": item is not None,
    }


def _read(name: str) -> tuple[LoadedPlugin | None, str]:
    entry = available().get(name)
    if entry is None:
        return None, "not installed"
    try:
        return load(entry), ""
    except Exception as error:  # noqa: BLE001 - whatever a stranger's package raises belongs into the list
        return None, f"cannot be loaded: {type(error).__name__}: {error}"


def _described(row: dict[str, Any]) -> str:
    """What the plug-in says of itself, behind what its owner has to know first."""
    several = f"(offered by {' and by '.join(row['offered_by'])}) " if row["offered_by"] else ""
    return f"{several}{row['description']}"


def _enabled(row: dict[str, Any]) -> str:
    return "yes" if row["enabled"] else "no"


@plugin.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def show(context: Context, name: str, as_json: bool) -> None:
    """Show what the plug-in NAME is, and everything that it contributes.

    When the site does not start, or the plug-in is not enabled, only what its declaration says.
    """
    item, problem = _read(name)
    if item is None:
        raise CannotStart(f"The plug-in {name!r} is {problem}. `flasky plugin list` shows all.")
    found, why = _contributions(context, item)
    if as_json:
        about = {**_about(item), "complete": not why, "contributions": [one.as_json() for one in found]}
        click.echo(json.dumps(about, indent=2, ensure_ascii=False))
        return
    for key, value in _about(item).items():
        if value:
            click.echo(f"{key.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}")
    click.echo()
    show_table(("Kind", "Name", "Where"), [(one.kind, one.name, one.where) for one in found])
    if why:
        click.echo(f"\n{why}", err=True)


def _about(item: LoadedPlugin) -> dict[str, Any]:
    declared = item.plugin
    return {
        "name": item.name,
        "version": item.version,
        "description": declared.description,
        "distribution": item.distribution,
        "package": item.package,
        "requires": list(declared.requires),
        "after": list(declared.after),
        "conflicts": list(declared.conflicts),
        "requires_flasky": declared.requires_flasky,
        "models": declared.models or "",
        "migrations": declared.migrations or "",
        "prefix": declared.prefix,
        "fixtures": declared.fixtures or "",
    }


def _contributions(context: Context, item: LoadedPlugin) -> tuple[list[Any], str]:
    from flasky.ownership import contributions, declared
    from flasky.settings import Settings
    from flasky.site import Site

    try:
        if any(other.name == item.name for other in context.site.plugins):
            found = [one for one in contributions(context.registry) if one.plugin == item.name]
            return sorted([*found, *_tables_without_models(context, item, found)]), ""
        why = f"The plug-in {item.name!r} is not enabled: this is what its declaration says."
    except CannotStart as error:
        why = f"This is what the declaration says; the rest is known only when the site starts.\n{error}"
    try:
        return [one for one in declared(Site(Settings({}), (item,))) if one.plugin == item.name], why
    except Exception as error:  # noqa: BLE001 - models that cannot be imported, and this command works all the same
        return [], f"{why}\nIts models cannot be imported: {type(error).__name__}: {error}"


def _tables_without_models(context: Context, item: LoadedPlugin, found: list[Any]) -> Iterator[Any]:
    """What the database holds of a plug-in's that only its migrations describe, as an index for searching."""
    from flasky.migrations.status import database_status
    from flasky.ownership import Contribution

    modelled = {one.name for one in found if one.kind == "table"}
    for row in database_status(context.site).plugins:
        if row.plugin == item.name:
            yield from (Contribution(item.name, "table", name) for name in row.tables if name not in modelled)


@plugin.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """Say everything that keeps the site from starting: plug-in, place, what is wrong, what to do.

    Exit status 1 when there is something.
    """
    faults = find_faults(context)
    if as_json:
        rows = [
            {"plugin": fault.plugin, "where": fault.where, "problem": fault.problem, "remedy": fault.remedy}
            for fault in faults
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for number, fault in enumerate(faults, 1):
            click.echo(f"{number}. {fault.plugin or 'site'}: {fault.problem}\n   where: {fault.where}")
            if fault.remedy:
                click.echo(f"   remedy: {fault.remedy}")
        click.echo(f"{counted(len(faults), 'fault')}." if faults else "The site starts.")
    if faults:
        raise click.exceptions.Exit(1)


def find_faults(context: Context) -> list[Fault]:
    """Every fault of the site that the INI file describes, also what keeps only a command of a plug-in from working."""
    from flasky.ownership import home

    found = []
    try:
        context.registry  # noqa: B018 - starts the site
    except ConfigurationFaults as error:
        found = [_owned(fault) for fault in error.faults]
    except CannotStart as error:
        return [Fault(str(context.path), str(error), "Mend the INI file")]
    # Nothing of these is needed for a start.
    for item in resolve_plugins(context.listed, context.path.name)[0]:
        found += missing_modules(item, str(home(item.package) / "__init__.py"))
    return found


def _owned(fault: Fault) -> Fault:
    """A fault of a setting belongs to the plug-in that the setting's name begins with."""
    _, key, name = fault.where.rpartition(", key ")
    section = name.partition(".")[0]
    if fault.plugin or not key or section not in available():
        return fault
    return Fault(fault.where, fault.problem, fault.remedy, section)


@plugin.command()
@click.argument("name")
@click.option(
    "--path", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where; here if not said."
)
@click.option("--description", default="", help="What it is, in a line; its name if not said.")
@click.option("--author", default="", help="As in 'Ann <ann@example.com>'; nobody if not said.")
@click.option("--licence", default="MIT", help="An SPDX expression; MIT if not said.")
def new(name: str, path: Path, description: str, author: str, licence: str) -> None:
    """Make a distribution with a plug-in called NAME: a page, a table, a mail, a setting, a permission, tests.

    Its own `pytest`, `ruff check`, `ruff format --check` and `mypy` pass at once.
    """
    from flasky.scaffolding import make_plugin

    folder = make_plugin(name, path, description=description, author=author, licence=licence)
    click.echo(f"Made {folder}. What comes next:")
    click.echo(f"  pip install -e {folder}\n  flasky plugin enable {name}")


@plugin.command()
@click.argument("name")
@pass_context
def enable(context: Context, name: str) -> None:
    """Add the plug-in NAME to the list in the INI file, after a trial on a copy of the database."""
    from flasky.ini_list import with_plugin

    if name in context.listed:
        raise CannotStart(f"The plug-in {name!r} is enabled already.")
    _change(context, name, with_plugin)
    item, _ = _read(name)
    click.echo(f"The plug-in {name!r} is enabled from the next start of the site on.")
    if item is not None and item.plugin.migrations:
        click.echo(f"Make its tables first: alembic -c {context.path} upgrade heads")


@plugin.command()
@click.argument("name")
@pass_context
def disable(context: Context, name: str) -> None:
    """Take the plug-in NAME out of the list in the INI file, after a trial; its data stays."""
    from flasky.ini_list import without_plugin

    if name not in context.listed:
        raise CannotStart(f"The plug-in {name!r} is not enabled.")
    _change(context, name, without_plugin)
    click.echo(f"The plug-in {name!r} is disabled from the next start of the site on. Its data stays.")


def _change(context: Context, name: str, change: Callable[[str, str], str]) -> None:
    """Change the list of plug-ins in the INI file if a site with the changed one works. Raises CannotStart."""
    from flasky.ini_list import replace_file
    from flasky.trial import try_out

    file = context.ini.path
    with file.open(encoding="utf-8", newline="") as source:
        text = source.read()
    changed = change(text, name)
    try_out(file, changed, name)
    replace_file(file, changed)


@plugin.command()
@click.argument("name", required=False)
@click.option("--yes", is_flag=True, help="Do it; without, only the plan is shown.")
@click.option("--dump", "dump_file", type=click.Path(dir_okay=False, path_type=Path), help="Where the rows are kept.")
@click.option(
    "--restore", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Put the rows of a dump back."
)
@click.option("--json", "as_json", is_flag=True, help="The plan for programs.")
@pass_context
def remove(
    context: Context, name: str | None, yes: bool, dump_file: Path | None, restore: Path | None, as_json: bool
) -> None:
    """Take the tables of the disabled plug-in NAME away, after writing their rows to a file.

    It need not be installed any more. `--restore DUMP` puts the rows back once the plug-in is enabled and migrated.
    """
    from flasky import removal

    if restore is not None:
        with removal.connected(context.site) as connection:
            counts = removal.restore(connection, restore, context.site)
        for table, count in counts.items():
            click.echo(f"{table}: {count} rows put back")
        return
    if name is None:
        raise click.UsageError("Name the plug-in, or a dump with --restore.")
    if name in context.listed:
        raise CannotStart(f"The plug-in {name!r} is enabled. First: flasky --ini {context.path} plugin disable {name}")
    file = dump_file or _dump_file(context, name)
    if _removed(context, name, file, do=yes, as_json=as_json):
        click.echo(
            f"Removed. The rows are in {file}; `flasky plugin remove --restore {file}` puts them back.", err=True
        )


def _removed(context: Context, name: str, file: Path, *, do: bool, as_json: bool) -> bool:
    """Show the plan, and carry it out if that was said and there is something; the rows are in `file` then."""
    from flasky import removal

    is_certain = True
    try:
        with removal.connected(context.site) as connection:
            planned = removal.plan(connection, name, context.site)
            # A plan would look as if it could be done.
            removal.check(planned)
            _show_plan(context, planned, as_json)
            if planned.is_empty:
                return False
            if not do:
                click.echo("Nothing was changed. Add --yes to do it.", err=True)
                return False
            removal.lock(connection, planned, context.site)
            # Nobody writes from here on; whoever did since the plan was shown has their rows in the dump, too.
            planned = removal.plan(connection, name, context.site)
            removal.dump(connection, planned, file)
            try:
                removal.remove(connection, planned)
            except BaseException:
                # Rows that are still in the database need no file beside it.
                file.unlink()
                raise
            is_certain = False
    except BaseException:
        if not is_certain:
            # The answer to a COMMIT may be lost although it was done.
            click.echo(
                f"It may be removed or not: `flasky plugin remove {name}` says. The rows are in {file} in any case.",
                err=True,
            )
        raise
    return True


def _dump_file(context: Context, name: str) -> Path:
    from datetime import UTC, datetime

    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return context.ini.path.parent / f"{name}.{moment}.dump.json"


def _show_plan(context: Context, planned: Plan, as_json: bool) -> None:
    files, lines = _files(planned.plugin), _lines(context, planned.plugin)
    if as_json:
        shown = {**planned.as_json(), "files": files, "lines": lines}
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    if lines:
        click.echo(f"Take these lines out of {context.path} yourself: {', '.join(lines)}")
    if planned.is_empty:
        click.echo(f"Nothing in the database belongs to a plug-in called {planned.plugin!r}.")
    else:
        _show_data(planned)
    if files["distribution"]:
        click.echo(f"Its files stay until: pip uninstall {files['distribution']} ({files['package']})")


def _show_data(planned: Plan) -> None:
    heads = ("Table", "Rows", "Refers to", "Referred to by")
    rows = [(one.name, one.rows, ", ".join(one.refers_to), ", ".join(one.referred_to_by)) for one in planned.tables]
    show_table(heads, rows)
    if planned.types:
        click.echo(f"Types: {', '.join(planned.types)}")
    click.echo(f"Rows of Alembic's table: {', '.join(planned.revisions) or 'none'}")
    for one in planned.names:
        click.echo(f"Rows of others that name something of its: {one.rows} in {one.table}.{one.column}")


def _files(name: str) -> dict[str, str]:
    """The distribution that a plug-in is installed from and the folder of its package, also when it is ill.

    Nothing for what ships: to uninstall that would be to uninstall the site.
    """
    from importlib.util import find_spec

    from flasky.ownership import KERNEL

    entry = available().get(name)
    distribution = entry.dist.name if entry and entry.dist else ""
    if distribution == KERNEL:
        return {"distribution": "", "package": ""}
    folder = ""
    # A package above it that cannot be imported.
    with suppress(Exception):
        spec = find_spec(entry.module) if entry else None
        folder = str(Path(str(spec.origin)).parent) if spec else ""
    return {"distribution": distribution, "package": folder}


def _lines(context: Context, name: str) -> list[str]:
    """The lines of the INI file that nobody reads any more: the plug-in's settings, and where its pages were."""
    place = Place(str(context.path))
    keys = [key for key in context.ini.settings if key.startswith(f"{name}.") or key == prefix_setting(name, "").name]
    return [place.key(key) for key in keys]
