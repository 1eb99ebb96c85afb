"""What a declaration names beside models and migrations, and whether it is there: its commands and its fixtures.

Both are imported only when somebody wants them, so that a misspelt one keeps no site from starting, and nobody notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

from flasky.loader import LoadedPlugin
from flasky.settings import Fault


def targets(item: LoadedPlugin) -> Iterator[tuple[str, str]]:
    """Each field of the declaration with what it names: `package.cli:group`, `package.fixtures`."""
    for command in item.plugin.command_list:
        yield "commands", command.target
    if item.plugin.fixtures:
        yield "fixtures", item.plugin.fixtures


def missing_modules(item: LoadedPlugin, where: str) -> list[Fault]:
    """The targets whose module is not there, found without importing it. `where` is the place of the faults."""
    found = []
    for name, target in targets(item):
        module = target.partition(":")[0]
        if not _is_there(module):
            problem = f"the plug-in {item.name!r} declares {name}={target!r}, but there is no module {module}"
            found.append(Fault(where, problem, "Mend its declaration", item.name))
    return found


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except Exception:  # noqa: BLE001 - a package above it that cannot be imported is a stranger's code
        return False


def broken_targets(item: LoadedPlugin) -> Iterator[tuple[str, str]]:
    """The targets that cannot be imported, each with what is wrong with it."""
    import click  # noqa: PLC0415 - only needed for this

    for name, target in targets(item):
        module, colon, attribute = target.partition(":")
        try:
            thing = getattr(import_module(module), attribute) if colon else import_module(module)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module raises is what is wrong
            yield target, f"{name}={target!r} cannot be imported: {type(error).__name__}: {error}"
            continue
        if colon and not isinstance(thing, click.Command):
            yield target, f"{name}={target!r} is no click command"
