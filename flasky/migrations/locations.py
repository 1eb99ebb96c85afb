"""Where revisions are: one folder for what ships with Flasky, and one for each plug-in that brings its own.

Each folder is a chain of its own, with the plug-in's name as its branch label (`flasky` for what ships), and the
chains are independent: what a plug-in requires comes first because of the plug-ins' one order, not because of
`depends_on` (docs/decisions/0040-plugin-migrations.md has the reason).
"""

from __future__ import annotations

import configparser
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from alembic.util.pyfiles import coerce_resource_to_filename

from flasky.ini import APP_SECTION, CannotStart, explain, read_ini
from flasky.loader import LoadedPlugin
from flasky.migrations.scripts import script_location
from flasky.migrations.telling import told_plainly
from flasky.settings import ConfigurationFaults
from flasky.site import Site, load_site

#: The branch label of what ships.
SHIPPED = "flasky"
#: The distribution whose plug-ins migrate in ``alembic/``.
_DISTRIBUTION = "flasky"

_SITE = "flasky.site"


class Location(NamedTuple):
    """A folder of revisions and whose it is."""

    owner: str
    folder: Path


def site_of(config: Config) -> Site:
    """The site that Alembic's INI file describes, environment variables included.

    Raises CommandError, which Alembic prints as it is, with every fault of the configuration.
    """
    site = config.attributes.get(_SITE)
    if not isinstance(site, Site):
        try:
            ini = read_ini(str(config.config_file_name))
            site = load_site(ini.global_config, ini.settings)
        except (CannotStart, ConfigurationFaults) as error:
            raise CommandError(str(error)) from error
        config.attributes[_SITE] = site
    return site


def config_of(site: Site) -> Config | None:
    """Alembic's configuration of a site that was started from an INI file; None for one made in Python."""
    return Config(site.ini_file, attributes={_SITE: site}) if site.ini_file else None


def describes_a_site(config: Config) -> bool:
    """Whether Alembic's INI file is one of Flasky's."""
    return config.config_file_name is not None and config.file_config.has_option(APP_SECTION, "flasky.plugins")


def check_scripts(config: Config) -> None:
    """Raise CommandError where the INI file of a site does not lead to Flasky's scripts, with the line that does.

    Alembic says less, or advises `alembic init`, whose scripts know nothing of the site.
    """
    with told_plainly(config):
        try:
            named = config.get_alembic_option("script_location")
            if not _leads_to_scripts(config, named):
                file = Path(str(config.config_file_name))
                problem = f"there is no folder {named}" if named else "it does not say where the migrations are"
                raise CommandError(
                    f"{file.name}: {problem}. Under [alembic], write: script_location = {script_location()}"
                )
        except configparser.Error as error:
            raise CommandError(explain(error, str(config.config_file_name))) from error


def _leads_to_scripts(config: Config, named: Any) -> bool:
    """Whether there is what an INI file names; other projects' files are Alembic's to judge."""
    if named is None and config.config_file_name is not None and not Path(config.config_file_name).exists():
        raise CommandError(f"There is no INI file {config.config_file_name}. Name the site's: alembic -c FILE …")
    if not describes_a_site(config):
        return True
    try:
        return named is not None and coerce_resource_to_filename(str(named)).is_dir()
    except ModuleNotFoundError:
        return False


def add_locations(script: ScriptDirectory, config: Config) -> None:
    """Let `script` look for revisions also in the folders of the enabled plug-ins."""
    if not describes_a_site(config):
        return
    with told_plainly(config):
        script.version_locations = [str(location.folder) for location in locations(site_of(config), script)]


def locations(site: Site, script: ScriptDirectory) -> list[Location]:
    """Every folder of revisions: what ships first, then the plug-ins in their one order."""
    shipped = Location(SHIPPED, Path(script.dir, "versions").absolute())
    return [shipped, *(Location(item.name, folder_of(item)) for item in site.plugins if item.plugin.migrations)]


def folder_of(item: LoadedPlugin) -> Path:
    """The folder that a plug-in's declaration names as ``package:folder``. Raises CommandError if it cannot be."""
    package, colon, folder = str(item.plugin.migrations).partition(":")
    if not colon or not folder:
        raise CommandError(
            f"The plug-in {item.name!r} says migrations={item.plugin.migrations!r}; "
            f"it must be package:folder, as in {item.package}:migrations."
        )
    try:
        place = files(package) / folder
    except (ModuleNotFoundError, TypeError) as error:
        raise CommandError(f"The plug-in {item.name!r} has no package {package!r} for its migrations.") from error
    return Path(str(place)).absolute()


def has_own_chain(site: Site, name: str) -> bool:
    """Whether the plug-in `name` brings a folder of revisions of its own."""
    return any(item.name == name and item.plugin.migrations for item in site.plugins)


def chain_of(site: Site, owner: str) -> str:
    """The chain in which the tables of `owner` are migrated: its own, or that of what ships.

    Raises CommandError for a plug-in of another distribution that does not say where its migrations are.
    """
    for item in site.plugins:
        if item.name != owner:
            continue
        if item.plugin.migrations:
            return owner
        if item.distribution != _DISTRIBUTION:
            raise CommandError(
                f"The plug-in {owner!r} has models but no folder for migrations. "
                f'Add migrations="{item.package}:migrations" to its declaration.'
            )
    return SHIPPED


def chain_of_script(found: list[Location], script: Script) -> str:
    """Which chain a revision is part of."""
    folder = Path(script.path).resolve().parent
    return next((item.owner for item in found if item.folder.resolve() == folder), SHIPPED)


def check_independence(site: Site, script: ScriptDirectory) -> None:
    """Raise CommandError when a revision names one of another chain.

    Alembic keeps no row for a revision that another one depends on, so a dependency across chains would lose track
    of what was applied as soon as the depending plug-in is disabled.
    """
    found = locations(site, script)
    owners = {item.revision: chain_of_script(found, item) for item in script.walk_revisions()}
    for item in script.walk_revisions():
        for other in (*_names(item.down_revision), *_names(item.dependencies)):
            named = script.get_revision(other)
            if named is not None and owners[named.revision] != owners[item.revision]:
                raise CommandError(
                    f"{item.path}: revision {item.revision} of {owners[item.revision]!r} builds on {other} of "
                    f"{owners[named.revision]!r}. Take that out: what a plug-in requires is migrated before it "
                    "because its declaration says requires=(…)."
                )


def _names(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
