"""The site's configuration as a whole: its INI settings and its plug-ins, checked together before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flasky.loader import LoadedPlugin, resolve_plugins
from flasky.settings import (
    KERNEL_SETTINGS,
    ConfigurationFaults,
    Fault,
    Place,
    Setting,
    Settings,
    parse_list,
    resolve,
)
from flasky.startup import show_plainly

if TYPE_CHECKING:
    from pyramid.registry import Registry

_REGISTRY_KEY = "flasky.site"

#: Words that people leave in a configuration and that everybody knows (CFG-01).
_KNOWN_SECRETS = ("hard to guess string", "seekrit", "changeme", "change me", "secret", "development")
_LEAST_SECRET_LENGTH = 32
_LEAST_SECRET_VARIETY = 10


@dataclass(frozen=True)
class Site:
    """The resolved configuration: settings, and the enabled plug-ins in their one order."""

    settings: Settings
    plugins: tuple[LoadedPlugin, ...]

    @property
    def environment(self) -> str:
        """development, testing or production."""
        environment: str = self.settings["flasky.environment"]
        return environment

    @property
    def in_production(self) -> bool:
        """Whether the site serves the public."""
        return self.environment == "production"

    @property
    def ini_file(self) -> str:
        """The INI file that the site was started from; empty for one made in Python."""
        return self.settings.ini_file


def load_site(
    global_config: Mapping[str, Any], ini: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> Site:
    """Resolve plug-ins and settings. Raises ConfigurationFaults with every fault of both.

    `global_config` is what PasteDeploy passes on: ``__file__`` names the INI file and ``here`` its folder.
    `environ` are the environment variables, those of the process if nothing is given.
    """
    site, faults = read_site(global_config, ini, os.environ if environ is None else environ)
    if faults:
        show_plainly()
        raise ConfigurationFaults(faults)
    return site


def read_site(
    global_config: Mapping[str, Any], ini: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Site, list[Fault]]:
    """What `load_site` reads, and its faults: for commands that show a configuration which is not right yet."""
    ini_file = str(global_config.get("__file__") or "")
    place = Place(ini_file).name
    listed = ini.get("flasky.plugins", "")
    names = parse_list(listed) if isinstance(listed, str) else tuple(listed)
    plugins, faults = resolve_plugins(names, place)
    settings, setting_faults = resolve(declared_settings(plugins), ini, environ, ini_file, names)
    faults.extend(setting_faults)
    if settings.get("flasky.environment") == "production":
        faults.extend(production_faults(settings, ini, environ, place))
    return Site(settings, tuple(plugins)), faults


def declared_settings(plugins: list[LoadedPlugin]) -> tuple[Setting, ...]:
    """The settings of the kernel, then of each plug-in."""
    return (*KERNEL_SETTINGS, *(setting for item in plugins for setting in item.plugin.settings))


def production_faults(
    settings: Settings, ini: Mapping[str, Any], environ: Mapping[str, str], place: str
) -> list[Fault]:
    """What may stand in a development INI but not in production (CFG-01, CFG-04)."""
    faults = []
    for name in ("flasky.secret_key", "flasky.secret_key_fallbacks"):
        secrets = settings.get(name, ())
        for secret in [secrets] if isinstance(secrets, str) else secrets:
            if secret and (problem := weak_secret(secret)):
                faults.append(
                    Fault(f"{place}, key {name}", problem, "See docs/settings.md for how to make one")
                )
    if str(settings.get("sqlalchemy.url", "")) in {"sqlite://", "sqlite:///:memory:"}:
        problem = "a database in memory is lost when the process ends"
        faults.append(Fault(f"{place}, key sqlalchemy.url", problem, "Name a file, or a PostgreSQL server"))
    for key, value in ini.items():
        if key.startswith(("pyramid.debug_", "pyramid.reload")) and str(value).strip().lower() in {
            "true",
            "1",
            "on",
        }:
            faults.append(Fault(f"{place}, key {key}", "this is for development only", "Set it to false"))
        if key == "pyramid.includes" and "debugtoolbar" in str(value):
            faults.append(
                Fault(f"{place}, key {key}", "the debug toolbar is for development only", "Take it out")
            )
    for variable in sorted(environ):
        if variable.startswith(("PYRAMID_DEBUG_", "PYRAMID_RELOAD_")):
            problem = "a development switch is set in production"
            faults.append(Fault(f"environment variable {variable}", problem, "Unset it"))
    return faults


def weak_secret(secret: str) -> str:
    """Say why `secret` is too weak to sign with, or return an empty text. The secret is never repeated."""
    if any(word == secret.strip().lower() for word in _KNOWN_SECRETS):
        return "this value is in every list of well-known secrets"
    if len(secret) < _LEAST_SECRET_LENGTH:
        return f"the secret has {len(secret)} characters, at least {_LEAST_SECRET_LENGTH} are needed"
    if len(set(secret)) < _LEAST_SECRET_VARIETY:
        return "the secret repeats too few different characters"
    return ""


def set_site(registry: Registry, site: Site) -> None:
    """Keep the site where every request finds it."""
    registry[_REGISTRY_KEY] = site


def get_site(registry: Registry) -> Site:
    """The site that this application was made from."""
    site: Site = registry[_REGISTRY_KEY]
    return site
