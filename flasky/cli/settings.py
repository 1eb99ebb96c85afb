"""`flasky settings`: every setting, its value, and where it comes from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.table import show_table
from flasky.loader import declarations
from flasky.settings import KERNEL_SETTINGS, ConfigurationFaults, Setting, Value, parse_list
from flasky.site import read_site

_INTRODUCTION = """\
# Settings

Written by `flasky settings --markdown > docs/settings.md`; a test keeps it true.

Each setting is read from its environment variable, then from `[app:main]` of the INI file, then from its default, and
goes through the same check wherever it was found. An empty environment variable counts as none. Everything that is
wrong is reported together when the site starts, and a key that nobody knows is an error, as is a setting below
`[DEFAULT]` or after `set`, which PasteDeploy hands to no application, and a value that is not UTF-8. In an INI
file a `%` is written `%%`, and `%(here)s` is the folder of the file. A flag is `true`, `on`, `yes` or `1`, or `false`,
`off`, `no` or `0`; a list is words between spaces or commas.

Keep secrets in environment variables, or in an INI file that only its owner can read (`chmod 600`).
`flasky settings` shows the values that a site has, without the secrets, and where each comes from.
"""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--markdown", is_flag=True, help="The reference of all settings, as in docs/settings.md.")
@pass_context
def settings(context: Context, as_json: bool, markdown: bool) -> None:
    """Show each setting, its value and where it comes from. Secrets are hidden."""
    if markdown:
        click.echo(reference(context.ini.settings.get("flasky.plugins", "")), nl=False)
        return
    site, faults = read_site(context.ini.global_config, context.ini.settings, os.environ)
    values = site.settings.describe()
    if as_json:
        click.echo(json.dumps([_plain(value) for value in values], indent=2, ensure_ascii=False))
    else:
        show_table(("Setting", "Value", "From"), [(value.setting.name, value.shown, value.where) for value in values])
    if faults:
        raise ConfigurationFaults(faults)


def _plain(value: Value) -> dict[str, object]:
    return {
        "name": value.setting.name,
        "value": value.shown if value.setting.secret or isinstance(value.value, str) else value.value,
        "source": value.source,
        "where": value.where,
        "secret": value.setting.secret,
    }


def reference(plugins: str) -> str:
    """The reference of the kernel's settings and of those of `plugins` (names, as in the INI file), as Markdown."""
    parts = [_INTRODUCTION, "\n## Flasky\n", *map(_entry, KERNEL_SETTINGS)]
    for item in declarations(parse_list(plugins)):
        if item.plugin.settings:
            parts.append(f"\n## Plug-in `{item.name}`\n")
            parts.extend(map(_entry, item.plugin.settings))
    return "".join(parts)


def _entry(setting: Setting) -> str:
    facts = [f"Type: {setting.type_name}."]
    facts.append("No default." if not setting.default else f"Default: `{setting.default}`.")
    if setting.env:
        facts.append(f"Environment: {_variables(setting)}.")
    if setting.required:
        facts.append(f"Required{_where_required(setting)}.")
    if setting.secret:
        facts.append("Secret: never shown.")
    return f"\n### `{setting.name}`\n\n{_escape(setting.help)}\n\n{' '.join(facts)}\n"


def _variables(setting: Setting) -> str:
    if isinstance(setting.env, str):
        return f"`{setting.env}`"
    pairs: Iterable[tuple[str, str]] = (setting.env or {}).items()
    return ", ".join(f"`{variable}` in {environment}" for environment, variable in pairs)


def _where_required(setting: Setting) -> str:
    return "" if isinstance(setting.required, bool) else f" in {' and '.join(setting.required)}"


def _escape(text: str) -> str:
    return re.sub(r"([<>])", r"\\\1", text)
