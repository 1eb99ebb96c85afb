"""The site as a whole: settings and plug-ins are checked together, and a refusal to start is told in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from warm import WarmConsole

import flasky
from flasky.database import get_database
from flasky.server import check_base_url
from flasky.settings import ConfigurationFaults
from flasky.site import get_site, load_site

ROOT = Path(__file__).resolve().parents[1]
CANARY = "canary-91be"
_KEPT = frozenset({"PATH", "HOME", "LANG"})


def run(*command: str, environ: dict[str, str] | None = None, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command of the virtual environment with none of Flasky's variables but `environ`."""
    program = str(Path(sys.executable).parent / command[0])
    return subprocess.run(
        [program, *command[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={**_kept(), **(environ or {})},
        stdin=subprocess.DEVNULL,
    )


def _with_any_port(name: str, folder: Path) -> Path:
    """A folder with one of Flasky's INI files and a port that no other test is just listening on."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("port = 6543", "port = 0")
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def _kept() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("COV")}


@pytest.mark.parametrize(
    "command",
    [
        ("pserve", "production.ini"),
        ("pshell", "production.ini"),
        ("alembic", "-c", "production.ini", "current"),
        ("flasky", "--ini", "production.ini", "routes"),
        ("proutes", "production.ini"),
    ],
    ids=lambda command: command[0],
)
def test_parity_4_production_refuses_to_start_without_a_secret(
    command: tuple[str, ...], warm_console: WarmConsole, tmp_path: Path
) -> None:
    """CFG-01: whichever command it is, exit status 1 and one clear line per fault, no traceback.

    What the next test sees of a server that is started cold holds for the others too.
    """
    folder = _with_any_port("production.ini", tmp_path) if command[0] == "pserve" else ROOT
    done = warm_console.run(*command, folder=folder, environ=_kept())
    output = done.stdout + done.stderr
    # 255 is how Alembic ends for whatever is wrong.
    assert done.returncode == (255 if command[0] == "alembic" else 1)
    assert "Traceback" not in output
    assert "production.ini, key flasky.secret_key: a value is required in production and there is none" in output
    assert "Set the environment variable SECRET_KEY" in output
    assert len(done.stderr.strip().splitlines()) == 2


def test_parity_4a_a_port_that_is_no_number_is_one_clear_line(tmp_path: Path) -> None:
    """`MAIL_PORT=abc pserve development.ini`"""
    folder = _with_any_port("development.ini", tmp_path)
    done = run("pserve", "development.ini", environ={"MAIL_PORT": "abc"}, folder=folder)
    assert done.returncode == 1
    assert done.stderr == (
        "Flasky cannot start: 1 fault in the configuration\n"
        "  1. environment variable MAIL_PORT: expected a whole number, got 'abc'\n"
    )


def test_p22_a_bare_per_cent_sign_in_the_ini_file_is_explained_and_the_password_not_shown(
    warm_console: WarmConsole, tmp_path: Path
) -> None:
    """PasteDeploy's own error repeats the password; ours names file, line and key, and what to write."""
    text = (ROOT / "development.ini").read_text(encoding="utf-8")
    text = text.replace("%(here)s/data-dev.sqlite", "x").replace("sqlite:///x", f"postgresql://u:{CANARY}%40@h/db")
    (tmp_path / "site.ini").write_text(text, encoding="utf-8")
    line = next(number for number, content in enumerate(text.splitlines(), 1) if CANARY in content)
    for command in (("pserve", "site.ini"), ("flasky", "--ini", "site.ini", "about")):
        done = warm_console.run(*command, folder=tmp_path, environ=_kept())
        assert done.returncode == 1
        assert f"site.ini line {line}, key sqlalchemy.url in [app:main]: a % has to be written %%" in done.stderr
        assert CANARY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_p22_a_doubled_per_cent_sign_in_the_ini_file_works(tmp_path: Path) -> None:
    text = (ROOT / "development.ini").read_text(encoding="utf-8")
    text = text.replace("sqlite:///%(here)s/data-dev.sqlite", "postgresql://u:p%%40ss@h.invalid/db")
    (tmp_path / "site.ini").write_text(text, encoding="utf-8")
    site = load_site(*ini_of(tmp_path / "site.ini"), environ={})
    assert site.settings["sqlalchemy.url"] == "postgresql://u:p%40ss@h.invalid/db"


def ini_of(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The globals and the settings of an INI file."""
    from flasky.ini import read_ini  # noqa: PLC0415

    file = read_ini(path)
    return dict(file.global_config), dict(file.settings)


def test_the_error_of_a_program_is_still_printed_with_its_traceback() -> None:
    """Only refusals are told in words; a bug keeps its traceback."""
    code = "from flasky.startup import show_plainly; show_plainly(); show_plainly(); 1 / 0"
    done = run("python", "-c", code)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr


def test_faults_of_plugins_and_settings_come_together() -> None:
    with pytest.raises(ConfigurationFaults) as refusal:
        load_site({}, {"flasky.plugins": "mian", "mail.port": "x", "mian.x": "1"}, environ={})
    text = str(refusal.value)
    assert "no installed plug-in is called 'mian'. Did you mean 'main'?" in text
    assert "settings, key mail.port: expected a whole number" in text
    assert "settings, key sqlalchemy.url: a value is required" in text


@pytest.mark.parametrize(
    ("default", "main", "where"),
    [
        ("mail.port = 25", "", "site.ini line 3, key mail.port in [DEFAULT]"),
        ("mail.port = 25", "mail.port = 26", "site.ini line 3, key mail.port in [DEFAULT]"),
        ("", "set mail.port = 25", "site.ini line 6, key mail.port"),
        ("flasky.amdin = a@example.com", "", "site.ini line 3, key flasky.amdin in [DEFAULT]"),
        ("accounts.invitation_only = true", "", "site.ini line 3, key accounts.invitation_only in [DEFAULT]"),
    ],
)
def test_a_setting_that_pastedeploy_keeps_for_all_applications_is_a_fault(
    tmp_path: Path, default: str, main: str, where: str
) -> None:
    """It would be dropped without a word."""
    lines = ["[DEFAULT]", "the.port = 25", default, "[app:main]", "use = egg:flasky", main]
    lines += ["sqlalchemy.url = sqlite:////srv/data.sqlite", "flasky.plugins = accounts"]
    (tmp_path / "site.ini").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigurationFaults) as refusal:
        load_site(*ini_of(tmp_path / "site.ini"), environ={})
    [fault] = refusal.value.faults
    assert fault.where == where
    assert "Flasky does not look" in fault.problem
    assert "[app:main]" in fault.remedy


def test_the_globals_of_an_ini_file_can_be_named_and_got(tmp_path: Path) -> None:
    """What [DEFAULT] is for: `%(…)s` and PasteDeploy's `get`; and keys that are nobody's."""
    text = "[DEFAULT]\nthe.port = 25\nmail.port = 26\nother.x = 1\n[app:main]\nuse = egg:flasky\n"
    text += "sqlalchemy.url = sqlite:///%(here)s/data.sqlite\nget mail.port = the.port\nmail.host = m%(the.port)s\n"
    (tmp_path / "site.ini").write_text(text, encoding="utf-8")
    site = load_site(*ini_of(tmp_path / "site.ini"), environ={})
    assert (site.settings["mail.port"], site.settings["mail.host"]) == (25, "m25")


@pytest.mark.parametrize("name", ["development", "testing", "production"])
def test_parity_4_the_three_ini_files_are_what_they_say(name: str) -> None:
    """Each is read without a fault, names its own environment and its own database file beside itself."""
    secret = {"SECRET_KEY": "0a1b2c3d4e5f6g7h8i9j-klmnopqrstuvwxyz"}
    site = load_site(*ini_of(ROOT / f"{name}.ini"), environ=secret)
    short = {"development": "dev"}.get(name, name)
    assert site.environment == name
    assert site.in_production == (name == "production")
    assert site.settings["sqlalchemy.url"] == f"sqlite:///{ROOT}/data-{short}.sqlite"
    assert [item.name for item in site.plugins][:2] == ["main", "accounts"]


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("host = localhost\nport = 7543", "http://localhost:7543"),
        ("host = 0.0.0.0\nport = 7543", "http://localhost:7543"),
        ("host = 192.0.2.7\nport = 80", "http://192.0.2.7"),
        ("host = localhost\nport = 80", "http://localhost"),
        ("host = vm\nport = 7543", "http://vm:7543"),
        ("port = %(http_port)s", "http://localhost:7000"),
        ("listen = [::1]:7543 127.0.0.1:7544", "http://localhost:7543"),
        ("listen = *:7543", "http://localhost:7543"),
        ("port = 0", "http://localhost:6543"),
        ("port = seven", "http://localhost:6543"),
        ("port = %(nothing)s", "http://localhost:6543"),
        ("unix_socket = /run/site", "http://localhost:6543"),
    ],
)
def test_without_an_address_of_its_own_the_site_is_where_its_server_listens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, server: str, address: str
) -> None:
    """Links, mails and the Origin that is accepted do not lead to whatever else runs at the default port."""
    ini = tmp_path / "site.ini"
    ini.write_text(f"[app:main]\nuse = egg:flasky\n[server:main]\nuse = egg:flasky\n{server}\n", encoding="utf-8")
    globals_ = {"__file__": str(ini), "here": str(tmp_path), "http_port": "7000"}
    said = {"sqlalchemy.url": f"sqlite:///{tmp_path}/x.sqlite"}
    found = load_site(globals_, said, environ={})
    value = found.settings.values_by_name["flasky.base_url"]
    assert (value.value, value.source) == (address, "default")
    assert ("[server:main]" in value.where) == (address != "http://localhost:6543")
    check_base_url(found, [urlsplit(address).port or 80])
    assert not caplog.messages
    check_base_url(found, [1])
    assert f"Links in mails lead to {address}/, where this site is not: set flasky.base_url" in caplog.text
    chosen = load_site(globals_, said, environ={"FLASKY_BASE_URL": "https://example.com"})
    assert chosen.settings["flasky.base_url"] == "https://example.com"
    caplog.clear()
    check_base_url(chosen, [])
    assert not caplog.messages


def test_parity_5_two_applications_in_one_process_do_not_meet(tmp_path: Path) -> None:
    """`flasky.main` twice: settings, plug-ins, routes and databases are each one's own."""

    def make(name: str, plugins: str) -> flasky.wsgi.Application:
        url = f"sqlite:///{tmp_path}/{name}.sqlite"
        return flasky.main({}, **{"flasky.plugins": plugins, "flasky.admin": f"{name}@x.org", "sqlalchemy.url": url})

    one, two = make("one", "main accounts"), make("two", "main")
    assert one.registry is not two.registry
    assert get_site(one.registry).settings["flasky.admin"] == "one@x.org"
    assert get_site(two.registry).settings["flasky.admin"] == "two@x.org"
    assert [item.name for item in get_site(one.registry).plugins] == ["main", "accounts"]
    assert [item.name for item in get_site(two.registry).plugins] == ["main"]
    assert get_database(one.registry).engine.url != get_database(two.registry).engine.url
