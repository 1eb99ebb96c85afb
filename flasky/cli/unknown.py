"""Why a command may not be found although it is installed, told before a name is taken for a misspelt one."""

from __future__ import annotations

from flasky.cli.context import Context
from flasky.ini import CannotStart
from flasky.loader import available, declarations, resolve_plugins


def explain_unknown(context: Context, name: str) -> None:
    """Raise CannotStart when the INI file of `context` may be why there is no command `name`, with what to do.

    Returns when nothing that is installed brings it. Declarations of plug-ins that are not enabled are imported.
    """
    if fault := _fault(context):
        raise CannotStart(
            f"{fault}\nCommands of plug-ins are known when this is mended; Flasky itself has none called {name!r}."
        )
    others = declarations(sorted(set(available()) - set(context.listed)))
    owners = [item.name for item in others if any(command.name == name for command in item.plugin.command_list)]
    if owners:
        raise CannotStart("\n".join(_not_enabled(context, name, owner) for owner in owners))


def _fault(context: Context) -> str:
    """What keeps the commands of enabled plug-ins from being known: the INI file, or that some cannot be loaded."""
    try:
        loaded, faults = resolve_plugins(context.listed, context.path.name)
    except CannotStart as error:
        return str(error)
    lost = set(context.listed) - {item.name for item in loaded}
    return "\n".join(str(fault) for fault in faults if fault.plugin in lost)


def _not_enabled(context: Context, name: str, owner: str) -> str:
    return (
        f"The command {name!r} belongs to the plug-in {owner!r}, which is not enabled in {context.path.name}. "
        f"Enable it: flasky --ini {context.path} plugin enable {owner}"
    )
