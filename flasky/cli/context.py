"""What every command begins with: the INI file that was named, and the site that it describes.

A command takes it with `pass_context`::

    @click.command()
    @pass_context
    def count(context: Context) -> None:
        with context.session() as db:
            click.echo(db.scalar(select(func.count()).select_from(User)))

Whatever keeps the site from starting is told in words (`CannotStart`), and the exit status is 1.
"""

# ruff: noqa: PLC0415 - Pyramid and SQLAlchemy are imported when a command needs the site, not to list commands.

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flasky.ini import CannotStart, IniFile, read_ini, set_up_logging
from flasky.settings import parse_list

if TYPE_CHECKING:
    from pyramid.registry import Registry
    from sqlalchemy.orm import Session

    from flasky.site import Site
    from flasky.wsgi import Application

DEFAULT_INI = "development.ini"


class Context:
    """The INI file of this command line, and what it leads to, each made once and only when asked for."""

    def __init__(self, path: str = "") -> None:
        """`path` is what --ini or FLASKY_INI said; empty means `DEFAULT_INI` in the current folder."""
        self.path = Path(path or DEFAULT_INI)
        self.was_named = bool(path)

    @cached_property
    def ini(self) -> IniFile:
        """The INI file. Raises CannotStart when it cannot be read."""
        if self.path.is_dir():
            raise CannotStart(f"{self.path} is a folder, not an INI file. Name the file in it: `flasky --ini FILE …`.")
        if not self.path.exists():
            how = "" if self.was_named else " in this folder"
            raise CannotStart(
                f"There is no {self.path}{how}. Name the INI file: `flasky --ini FILE …`, or FLASKY_INI=FILE."
            )
        return read_ini(self.path)

    @property
    def listed(self) -> tuple[str, ...]:
        """The names of plug-ins that the INI file lists, right or wrong. Raises CannotStart when it cannot be read."""
        return parse_list(self.ini.settings.get("flasky.plugins", ""))

    @cached_property
    def site(self) -> Site:
        """The settings and plug-ins, without starting the application. Raises CannotStart with every fault."""
        from flasky.site import load_site

        return load_site(self.ini.global_config, self.ini.settings)

    @cached_property
    def application(self) -> Application:
        """The WSGI application, started, with the logging of the INI file. Raises CannotStart."""
        import flasky

        set_up_logging(self.ini.path)
        return flasky.main(self.ini.global_config, **self.ini.settings)

    @property
    def registry(self) -> Registry:
        """The registry of the started application. Raises CannotStart."""
        return self.application.registry

    def refuse_made_up_data(self, *, force: bool) -> None:
        """Stop a command that adds made-up data to a site that is not for development, unless it is to do so anyway.

        Raises click.ClickException, which names the option `--force`.
        """
        if self.site.environment != "development" and not force:
            raise click.ClickException(
                f"This site is for {self.site.environment}: made-up data does not belong here. --force adds it anyway."
            )

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """A session that may write, outside of any request; closed at the end, committed only by `commit()`."""
        from flasky.database import get_database

        with get_database(self.registry).writer() as session:
            yield session


pass_context = click.make_pass_decorator(Context, ensure=True)


def load_registry(ini: str = "") -> Registry:
    """The registry of the site that the INI file `ini` describes. Raises CannotStart."""
    return Context(ini).registry


class PlainErrors(click.Group):
    """A group whose commands end with words and exit status 1 when the site does not start or its database fails."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CannotStart as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if (words := _in_words(error, ctx)) is None:
                raise
            raise click.ClickException(words) from error


def _in_words(error: Exception, ctx: click.Context) -> str | None:
    """What went wrong with the database or with the site's configuration in Python; None for anything else."""
    from pyramid.exceptions import ConfigurationError
    from sqlalchemy.exc import DBAPIError

    from flasky.cli.advice import advice

    context = ctx.find_object(Context)
    if isinstance(error, DBAPIError) and context is not None:
        return f"The database says: {error.orig}\n{advice(error, context.site)}"
    if isinstance(error, ConfigurationError):
        return f"Flasky cannot start: {error}"
    return None
