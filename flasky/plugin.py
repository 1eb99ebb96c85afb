"""The declaration of a plug-in: plain data that is read without starting the application.

A plug-in is an installed package that offers, under the entry-point group ``flasky.plugins``, a `Plugin`
standing in its ``__init__.py`` beside an ordinary Pyramid ``includeme(config)``::

    from flasky.plugin import Plugin

    plugin = Plugin(name="polls", requires=("accounts",), models="flasky_polls.models")

    def includeme(config):
        config.add_route("polls.index", "/polls")
        config.scan("flasky_polls.views")

Importing that package must cost nothing: models and views are named here, not imported.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from flasky.prefixes import parse_prefix
from flasky.settings import Setting

ENTRY_POINT_GROUP = "flasky.plugins"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_COMMANDS = re.compile(r"[\w.]+:\w+", re.ASCII)

#: Names that would be taken for the settings or the commands of the kernel and its libraries.
RESERVED_NAMES = frozenset(
    {"about", "check", "db", "flasky", "jinja2", "jobs", "log", "mail", "openapi", "plugin", "pyramid", "retry"}
    | {"routes", "seed", "serve", "settings", "slots", "sqlalchemy", "templates", "tm"}
)


class Command(NamedTuple):
    """A command: what is typed after ``flasky``, where it is (``package.cli:group``), its line in ``flasky --help``."""

    name: str
    target: str
    help: str


class Plugin(NamedTuple):
    """What a plug-in says of itself.

    `name` is its one name: in the INI file, in front of its settings, routes and permissions. `requires` are
    plug-ins that must be enabled and come before it, `after` are plug-ins that come before it if they are
    enabled, `conflicts` are plug-ins it cannot run beside. `requires_flasky` is a PEP 440 version specifier.
    `models` is the dotted name of the module that holds its SQLAlchemy models, `migrations` the place of its
    Alembic revisions as ``package:folder``; what ships with Flasky migrates in ``alembic/`` and says nothing.
    `commands` is a click command, normally a group, as ``package.cli:group``: it becomes ``flasky <name> …``. A
    plug-in that deals with several things lists a `Command` for each, under names of their own. `prefix` is a path
    that every route of it comes below, unless the site decides otherwise (`flasky.prefix.<name>`). `fixtures` is the
    dotted name of a module with pytest fixtures for the tests of other plug-ins, their names beginning with its own.
    """

    name: str
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    requires_flasky: str = ""
    settings: tuple[Setting, ...] = ()
    models: str | None = None
    migrations: str | None = None
    commands: str | tuple[Command, ...] = ()
    description: str = ""
    prefix: str = ""
    fixtures: str | None = None

    @property
    def command_list(self) -> tuple[Command, ...]:
        """Its commands, each with its name."""
        if isinstance(self.commands, str):
            line = self.description or f"Commands of the plug-in {self.name}."
            return (Command(self.name, self.commands, line),)
        return self.commands

    def faults(self) -> list[str]:
        """What is wrong with the declaration itself, a sentence each."""
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(
                f"the name {self.name!r} must be lower-case letters, digits and underscores, starting with a letter"
            )
        if self.name in RESERVED_NAMES:
            found.append(f"the name {self.name!r} belongs to Flasky itself or to a library below it")
        for command in self.command_list:
            if not _COMMANDS.fullmatch(command.target):
                found.append(f"its commands {command.target!r} must be named as in package.cli:group")
            if not _NAME.fullmatch(command.name) or command.name in RESERVED_NAMES:
                found.append(f"its command cannot be called {command.name!r}")
        try:
            parse_prefix(self.prefix)
        except ValueError as error:
            found.append(f"its prefix {self.prefix!r}: {error}")
        prefix = f"{self.name}."
        found.extend(
            f"its setting {setting.name!r} must be named {prefix}something"
            for setting in self.settings
            if not setting.name.startswith(prefix)
        )
        return found
