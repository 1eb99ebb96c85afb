"""`flasky serve`: the site of the INI file, served as `pserve` does it."""

from __future__ import annotations

import click

from flasky.cli.context import Context, pass_context


@click.command()
@click.option("--reload", is_flag=True, help="Start again whenever a file of the site changes.")
@pass_context
def serve(context: Context, reload: bool) -> None:
    """Serve the site, as `pserve` does."""
    from pyramid.scripts.pserve import main as pserve  # noqa: PLC0415 - Pyramid is imported when it is needed

    arguments = ["pserve", str(context.ini.path), *(["--reload"] if reload else [])]
    raise SystemExit(pserve(arguments))
