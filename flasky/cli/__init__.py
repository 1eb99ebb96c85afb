"""The command `flasky`: one group, whose families are imported when they are used.

`flasky --help` lists every command without importing one. A plug-in's commands are found through its declaration
(`Plugin.commands`), under the plug-in's name or names of their own, so they too are listed when the application
cannot start.
"""

from __future__ import annotations

import difflib
import io
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from flasky.cli.context import Context, PlainErrors
from flasky.cli.unknown import explain_unknown
from flasky.ini import CannotStart
from flasky.loader import declarations

#: The kernel's commands: where each is, and its line in `flasky --help`.
FAMILIES: dict[str, tuple[str, str]] = {
    "about": ("flasky.cli.about:about", "Versions, database, plug-ins and schema of this site."),
    "check": ("flasky.cli.check:check", "Find names in code and templates that exist nowhere."),
    "jobs": ("flasky.cli.jobs:jobs", "See, retry and do background jobs."),
    "db": ("flasky.cli.db:db", "See how the database stands; copy it into another one."),
    "log": ("flasky.cli.log:log", "Find what the log says about a request."),
    "mail": ("flasky.mail.cli:mail", "See, send and test mails."),
    "openapi": ("flasky.cli.openapi:openapi", "Print the OpenAPI document of what plug-ins offer to programs."),
    "plugin": ("flasky.cli.plugin:plugin", "See, make, check, enable and remove plug-ins."),
    "routes": ("flasky.cli.routes:routes", "List the routes, or show who answers a path."),
    "seed": ("flasky.cli.seed:seed", "Fill a new site with what its plug-ins bring to try them with."),
    "serve": ("flasky.cli.serve:serve", "Serve the site, as `pserve` does."),
    "settings": ("flasky.cli.settings:settings", "Show each setting, its value and where it comes from."),
    "slots": ("flasky.cli.slots:slots", "List the slots of the pages, and who fills them."),
    "templates": ("flasky.cli.templates:templates", "Show which template of a name wins, and who is behind."),
}


class Families(PlainErrors):
    """The top group: the kernel's families, then those of each enabled plug-in."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name that can be typed after `flasky`."""
        return sorted({*FAMILIES, *plugin_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None when there is none of that name."""
        target = FAMILIES[cmd_name][0] if cmd_name in FAMILIES else plugin_commands(ctx).get(cmd_name, ("", ""))[0]
        return _import(target, cmd_name) if target else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, which knows no names to suggest here: the commands are not imported to list them.

        Raises CannotStart when the INI file may be why there is no such command.
        """
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            explain_unknown(_context(ctx), name)
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            raise click.UsageError(f"No such command {name!r}.{f' Did you mean {near[0]!r}?' if near else ''}", ctx)
        return super().resolve_command(ctx, args)

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command line; also an output that takes no more is told in a sentence, with status 1.

        A letter that the terminal does not have is shown by its number.
        """
        # Whoever chose another way to deal with such letters keeps it.
        if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().main(*arguments, **options)
        except OSError as error:
            if not _is_of_output(error):
                raise
            sys.stderr.write(f"Error: The output cannot be written: {error.strerror}\n")
            # What waits for it would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line each, from the tables: no command is imported."""
        lines = {name: line for name, (_, line) in {**plugin_commands(ctx), **FAMILIES}.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(lines.items()))


def _is_of_output(error: OSError) -> bool:
    """Whether `error` comes from where click writes to the terminal, and not from a file."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return str(frames[-1][0].f_globals.get("__name__")).startswith("click.")


def plugin_commands(ctx: click.Context) -> dict[str, tuple[str, str]]:
    """The commands of the plug-ins that the INI file lists, in their one order; none when it cannot be read."""
    try:
        listed = _context(ctx).listed
    except CannotStart:
        return {}
    return {
        command.name: (command.target, command.help)
        for item in declarations(listed)
        for command in item.plugin.command_list
    }


def _context(ctx: click.Context) -> Context:
    # Before `main` has made it, when a name is looked for or listed.
    return ctx.find_object(Context) or Context(ctx.params.get("ini") or "")


def _import(target: str, name: str) -> click.Command:
    module, _, attribute = target.partition(":")
    try:
        command = getattr(import_module(module), attribute)
    except Exception as error:
        raise CannotStart(
            f"The command {name!r} ({target}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(command, click.Command):
        raise CannotStart(f"The command {name!r} ({target}) is not a click command.")
    return command


@click.group(cls=Families, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--ini",
    envvar="FLASKY_INI",
    metavar="FILE",
    help="The INI file of the site; development.ini in this folder if nothing is said.",
)
@click.version_option(package_name="flasky")
@click.pass_context
def main(ctx: click.Context, ini: str | None) -> None:
    """Look at and look after a Flasky site."""
    ctx.obj = Context(ini or "")
