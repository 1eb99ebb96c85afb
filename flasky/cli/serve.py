"""`flasky serve`: the site of the INI file, served as `pserve` does it, if need be without some of its plug-ins."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path

import click

from flasky.cli.context import Context, pass_context
from flasky.ini import CannotStart, reduced_prefix, set_up_logging
from flasky.ini_list import without_plugin
from flasky.loader import available, declarations
from flasky.settings import parse_list

#: The distribution whose plug-ins are safe.
_SHIPPED = "flasky"


@click.command()
@click.option("--reload", is_flag=True, help="Start again whenever a file of the site changes.")
@click.option("--safe", is_flag=True, help="Only with the plug-ins that ship with Flasky.")
@click.option("--without", multiple=True, metavar="NAME", help="Without this plug-in, and without what requires it.")
@pass_context
def serve(context: Context, reload: bool, safe: bool, without: tuple[str, ...]) -> None:
    """Serve the site, as `pserve` does.

    With --safe or --without a site that a plug-in broke can be served; the INI file stays as it is.
    """
    from pyramid.scripts.pserve import main as pserve  # noqa: PLC0415 - Pyramid is imported when it is needed

    with reduced(context.ini.path, _left_out(context, safe, without)) as ini:
        # pserve does this, too, and has a traceback for what is wrong there.
        set_up_logging(ini)
        arguments = ["pserve", str(ini), *(["--reload"] if reload else [])]
        raise SystemExit(pserve(arguments))


def _left_out(context: Context, safe: bool, without: tuple[str, ...]) -> list[str]:
    """The enabled plug-ins that are not to run. Nothing of a plug-in that is left out by name is imported."""
    enabled = parse_list(context.ini.settings.get("flasky.plugins", ""))
    if unknown := sorted(set(without) - set(enabled)):
        raise CannotStart(f"Not enabled, so they cannot be left out: {', '.join(unknown)}.")
    gone = list(without)
    if safe:
        offered = available()
        gone += [name for name in enabled if name not in offered or _distribution(offered[name]) != _SHIPPED]
    requires = {item.name: item.plugin.requires for item in declarations(set(enabled) - set(gone))}
    while more := [name for name, needs in requires.items() if name not in gone and set(needs) & set(gone)]:
        gone += more
    return list(dict.fromkeys(gone))


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else ""


@contextmanager
def reduced(file: Path, gone: list[str]) -> Iterator[Path]:
    """The INI file; if something is left out, a copy of it without that, for as long as the site is served."""
    if not gone:
        yield file
        return
    click.echo(f"Left out: {', '.join(gone)}.", err=True)
    text = file.read_text(encoding="utf-8")
    for name in gone:
        text = without_plugin(text, name)
    # Beside the original, as %(here)s is the folder of the file.
    handle, copy = tempfile.mkstemp(prefix=reduced_prefix(file), suffix=".ini", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            target.write(text)
        yield Path(copy)
    finally:
        Path(copy).unlink(missing_ok=True)
