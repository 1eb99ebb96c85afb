"""`flasky settings`, and the reference that it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from flasky.settings import KERNEL_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-0c44"

Flasky = Callable[..., Result]


def test_the_reference_of_settings_is_true(flasky: Flasky) -> None:
    """docs/settings.md is what `flasky settings --markdown` writes: run that after changing a declaration."""
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert flasky("--ini", ROOT / "development.ini", "settings", "--markdown").output == written


def test_the_reference_names_every_setting_of_kernel_and_plugins(flasky: Flasky) -> None:
    from flasky.loader import declarations  # noqa: PLC0415
    from flasky.settings import parse_list  # noqa: PLC0415

    text = flasky("--ini", ROOT / "development.ini", "settings", "--markdown").output
    plugins = declarations(parse_list("main accounts"))
    for setting in (*KERNEL_SETTINGS, *(setting for item in plugins for setting in item.plugin.settings)):
        assert f"### `{setting.name}`" in text
    assert "`DEV_DATABASE_URL` in development" in text


def test_each_setting_with_its_value_and_source(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    ini = ini_file(flasky__admin="胡同 <hutong@example.com>")
    lines = {line.split()[0]: line for line in flasky("--ini", ini, "settings", MAIL_PORT="2525").output.splitlines()}
    assert "胡同 <hutong@example.com>" in lines["flasky.admin"]
    assert "site.ini line " in lines["flasky.admin"]
    assert "2525" in lines["mail.port"]
    assert "environment variable MAIL_PORT" in lines["mail.port"]
    assert lines["mail.host"].endswith("line 10, key mail.host") or "default" in lines["mail.timeout"]


def test_cfg_03_secrets_are_never_shown(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    """Neither as a table nor as JSON, neither from the INI file nor from the environment."""
    url = f"postgresql://u:{CANARY}@h/db?password={CANARY}"
    ini = ini_file(flasky__secret_key=CANARY, sqlalchemy__url=url)
    for options in ((), ("--json",)):
        result = flasky("--ini", ini, "settings", *options, MAIL_PASSWORD=CANARY)
        assert result.exit_code == 0
        assert CANARY not in result.output
        assert "(hidden)" in result.output


def test_json_has_the_types(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    rows = json.loads(flasky("--ini", ini_file(mail__port="2525", mail__tls="off"), "settings", "--json").output)
    found = {row["name"]: row for row in rows}
    assert found["mail.port"]["value"] == 2525
    assert found["mail.tls"]["value"] is False
    assert found["flasky.plugins"]["value"] == ["main", "accounts"]
    assert found["mail.port"]["source"] == "ini"


def test_a_configuration_with_faults_is_shown_and_the_faults_after_it(
    flasky: Flasky, ini_file: Callable[..., Path]
) -> None:
    """Somebody who mends a configuration sees what is right already."""
    result = flasky("--ini", ini_file(mail__port="abc"), "settings")
    assert result.exit_code == 1
    assert "owner@example.com" in result.output
    assert "key mail.port: expected a whole number, got 'abc'" in result.output


def test_the_faults_are_those_of_a_start(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    """Also those of addresses that only mail knows to be impossible."""
    environ = {"FLASKY_ADMIN": "a@b", "FLASKY_MAIL_SENDER": "Ann <ann@localhost>"}
    result = flasky("--ini", ini_file(), "settings", **environ)
    assert result.exit_code == 1
    assert (
        "environment variable FLASKY_ADMIN: Enter one mail address, such as name@example.com; got 'a@b'"
        in result.output
    )
    assert "environment variable FLASKY_MAIL_SENDER: " in result.output
