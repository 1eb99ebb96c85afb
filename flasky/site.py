"""The site's configuration as a whole: its INI settings and its plug-ins, checked together before anything starts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flasky.ini import APP_SECTION, SERVER_SECTION, line_numbers, server_address
from flasky.loader import LoadedPlugin, available, resolve_plugins
from flasky.prefixes import left_over_prefixes, prefix_setting
from flasky.settings import (
    GUARDED_SECTIONS,
    KERNEL_SETTINGS,
    ConfigurationFaults,
    Fault,
    Place,
    Setting,
    Settings,
    parse_base_url,
    parse_list,
    resolve,
)
from flasky.startup import show_plainly

if TYPE_CHECKING:
    from pyramid.registry import Registry

_REGISTRY_KEY = "flasky.site"

#: Development and tests sign with this where no secret is set. It stands in public: production refuses it (CFG-01).
DEVELOPMENT_SECRET = "flasky-development-secret-known-to-everybody"  # noqa: S105 - never used in production

#: Words that people leave in a configuration and that everybody knows (CFG-01).
_KNOWN_SECRETS = (
    DEVELOPMENT_SECRET,
    "hard to guess string",
    "seekritseekrit",
    "seekrit",
    "changethis",
    "changeme",
    "change me",
    "password",
    "development",
    "itsaseekreet",
    "not-so-secret",
    "secret_key",
    "secret-key",
    "secret key",
    "secret",
    "dev",
)
#: What a line of an example says of itself, without the signs between its words. No secret that was made at random has
#: these letters in this order: none of them is shorter than seven.
_ASKS_TO_BE_CHANGED = re.compile(
    "(?:change|replace)(?:me|this|it|before|inproduction)|tobe(?:changed|replaced)|beforeuse|knowntoeverybody"
    "|(?:goes|key|secret|string|text|value)here|(?:enter|insert|paste|put|type|write)(?:along|arandom|asecret|some|your)"
    "|your(?:own)?(?:key|random|secret)"
    "|(?:my|not|nota|some|super|the|this|top|very)secret|secretkey|example(?:key|only|secret|token|value)|placeholder"
    "|generate(?:a|it|me|one|this|with|your)|(?:long|some)random|random(?:bytes|characters|letters|string|text)"
    "|opensslrand|tokenhex|tokenurlsafe|(?:dont|donot)use|notforproduction"
)
_LEAST_SECRET_LENGTH = 32
_LEAST_SECRET_VARIETY = 10


@dataclass(frozen=True)
class Site:
    """The resolved configuration: settings, and the enabled plug-ins in their one order."""

    settings: Settings
    plugins: tuple[LoadedPlugin, ...]

    @cached_property
    def by_package(self) -> dict[str, LoadedPlugin]:
        """The enabled plug-ins by the names of their packages."""
        return {item.package: item for item in self.plugins}

    @cached_property
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
    # From here on, whatever refuses to start does so in words.
    show_plainly()
    site, faults = read_site(global_config, ini, os.environ if environ is None else environ)
    if faults:
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
    # A plug-in that is switched off leaves its lines behind, as in `polls.size`: they must not keep the site down.
    left = left_over_prefixes(ini, [item.name for item in plugins], lambda: {*available(), *names})
    read = {key: value for key, value in ini.items() if key not in left}
    declared = declared_settings(plugins)
    settings, setting_faults = resolve(declared, read, environ, ini_file, names)
    _take_server_address(settings, global_config)
    faults.extend(_global_faults(declared, global_config, ini, names))
    faults.extend(setting_faults)
    faults.extend(_mail_faults(settings))
    faults.extend(_database_faults(settings, place))
    if settings.get("flasky.environment") == "production":
        faults.extend(production_faults(settings, ini, environ, place))
    return Site(settings, tuple(plugins)), faults


def _global_faults(
    declared: tuple[Setting, ...], global_config: Mapping[str, Any], ini: Mapping[str, Any], names: tuple[str, ...]
) -> list[Fault]:
    """Settings that PasteDeploy keeps for all applications of the INI file and hands to none: [DEFAULT], `set`.

    It drops the same key of [app:main] with them. What is got from there by PasteDeploy's `get` is in `ini`.
    """
    known, sections = {setting.name for setting in declared}, {*GUARDED_SECTIONS, *names}
    ours = (key for key in global_config if key in known or ("." in key and key.partition(".")[0] in sections))
    if not (dropped := [key for key in ours if key not in ini]):
        return []
    ini_file = str(global_config.get("__file__") or "")
    lines, place = line_numbers(ini_file, "DEFAULT"), Place(ini_file)
    problem = "it is set for all applications of the file, where Flasky does not look"
    remedy = f"Write it below [{APP_SECTION}], without `set`, and there alone"
    return [
        Fault(
            f"{place.name} line {lines[key]}, key {key} in [DEFAULT]" if key in lines else place.key(key),
            problem,
            remedy,
        )
        for key in dropped
    ]


def _take_server_address(settings: Settings, global_config: Mapping[str, Any]) -> None:
    """Without an address that somebody set, the site is where its INI file has the server listen, for commands too.

    It stays a default: in production one must be set.
    """
    base = settings.values_by_name.get("flasky.base_url")
    if not settings.ini_file or base is None or base.source != "default":
        return
    # What is no address is the server's to refuse.
    with suppress(ValueError):
        if address := parse_base_url(server_address(settings.ini_file, global_config)):
            where = f"{Place(settings.ini_file).name}, section [{SERVER_SECTION}]"
            settings.values_by_name["flasky.base_url"] = base._replace(value=address, where=where)


def declared_settings(plugins: list[LoadedPlugin]) -> tuple[Setting, ...]:
    """The settings of the kernel, where each plug-in is, then the settings of each."""
    moved = (prefix_setting(item.name, item.plugin.prefix) for item in plugins)
    return (*KERNEL_SETTINGS, *moved, *(setting for item in plugins for setting in item.plugin.settings))


def production_faults(
    settings: Settings, ini: Mapping[str, Any], environ: Mapping[str, str], place: str
) -> list[Fault]:
    """What may stand in a development INI but not in production (CFG-01, CFG-04)."""
    return [
        *_secret_faults(settings, place),
        *_address_faults(settings, place),
        *_switch_faults(ini, environ, place),
    ]


def _secret_faults(settings: Settings, place: str) -> list[Fault]:
    faults = []
    for name in ("flasky.secret_key", "flasky.secret_key_fallbacks"):
        secrets = settings.get(name, ())
        for secret in [secrets] if isinstance(secrets, str) else secrets:
            if secret and (problem := weak_secret(secret)):
                remedy = "See docs/settings.md for how to make one"
                faults.append(Fault(f"{place}, key {name}", problem, remedy))
    return faults


def _address_faults(settings: Settings, place: str) -> list[Fault]:
    value = settings.values_by_name.get("flasky.base_url")
    if value is None or value.source != "default":
        return []
    remedy = "Set flasky.base_url in the INI file or the environment variable FLASKY_BASE_URL"
    return [Fault(f"{place}, key flasky.base_url", "the public address of the site is not set", remedy)]


def _database_faults(settings: Settings, place: str) -> list[Fault]:
    """A database in memory: no two processes see the same one, so `alembic upgrade` cannot make its tables."""
    value = settings.values_by_name.get("sqlalchemy.url")
    if value is None or settings.get("flasky.environment") == "testing":
        return []
    scheme, _, path = str(value.value).partition("://")
    if not (scheme.startswith("sqlite") and path.strip("/") in {"", ":memory:"}):
        return []
    where = value.where if value.source == "environment" else f"{place}, key sqlalchemy.url"
    problem = "a database in memory is lost when the process ends"
    return [Fault(where, problem, "Name a file, or a PostgreSQL server")]


def _mail_faults(settings: Settings) -> list[Fault]:
    """The site's own addresses that no mail could be sent with: told at start and not with the first mail."""
    faults = []
    for name in ("flasky.mail_sender", "flasky.admin"):
        value = settings.values_by_name.get(name)
        if value is None or not value.value or value.source == "default":
            continue
        # Only where there is something to look at: commands that send no mail start faster without.
        from flasky.mail.addresses import InvalidAddress, split_sender  # noqa: PLC0415 - see above

        try:
            split_sender(value.value)
        except InvalidAddress as error:
            faults.append(Fault(value.where, f"{str(error).rstrip('.')}; got {value.value!r}"))
    return faults


def _switch_faults(ini: Mapping[str, Any], environ: Mapping[str, str], place: str) -> list[Fault]:
    """Pyramid's development switches, under both names that it knows, and from the environment (P33)."""
    faults = []
    for key, value in ini.items():
        name = key.removeprefix("pyramid.")
        if name.startswith(("debug_", "reload_")) and is_switched_on(value):
            problem = "this switch is for development only"
            faults.append(Fault(f"{place}, key {key}", problem, "Set it to false"))
        if name == "includes" and "debugtoolbar" in str(value):
            problem = "the debug toolbar is for development only"
            faults.append(Fault(f"{place}, key {key}", problem, "Take it out"))
    for variable, text in sorted(environ.items()):
        if variable.startswith(("PYRAMID_DEBUG_", "PYRAMID_RELOAD_")) and is_switched_on(text):
            problem = "a development switch is set in production"
            faults.append(Fault(f"environment variable {variable}", problem, "Unset it"))
    return faults


def is_switched_on(value: object) -> bool:
    """Whether Pyramid takes `value` for true."""
    return str(value).strip().lower() in {"t", "true", "y", "yes", "on", "1"}


def weak_secret(secret: str) -> str:
    """Say why `secret` is too weak to sign with, or return an empty text. The secret is never repeated."""
    text = secret.strip().lower()
    if text in _KNOWN_SECRETS:
        return "this value is in every list of well-known secrets"
    if len(secret) < _LEAST_SECRET_LENGTH:
        return f"the secret has {len(secret)} characters, at least {_LEAST_SECRET_LENGTH} are needed"
    if len(set(secret)) < _LEAST_SECRET_VARIETY:
        return "the secret repeats too few different characters"
    if secret in (secret + secret)[1:-1]:
        return "the secret is one short text repeated"
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    if max(steps.count(1), steps.count(-1)) > len(secret) // 2:
        return "the secret follows the alphabet"
    for word in _KNOWN_SECRETS:
        text = text.replace(word, "")
    if len(text) < _LEAST_SECRET_LENGTH // 2:
        return "the secret is made of well-known words"
    if _ASKS_TO_BE_CHANGED.search(re.sub(r"[\W_]", "", secret.lower())):
        return "the secret is an example that says of itself that it has to be changed"
    return ""


def set_site(registry: Registry, site: Site) -> None:
    """Keep the site where every request finds it."""
    registry[_REGISTRY_KEY] = site


def get_site(registry: Registry) -> Site:
    """The site that this application was made from."""
    site: Site = registry[_REGISTRY_KEY]
    return site
