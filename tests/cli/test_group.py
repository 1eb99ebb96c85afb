"""The command `flasky`: what it lists, how the INI file is named, and how it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flasky.cli import FAMILIES, main
from flasky.cli.context import Context, load_registry, pass_context
from flasky.ini import CannotStart, read_ini
from flasky.loader import LoadedPlugin, declarations
from flasky.plugin import Plugin
from flasky.testing.missing import missing

Flasky = Callable[..., Result]


def test_help_lists_every_command_with_one_line(flasky: Flasky) -> None:
    lines = flasky("--help").output.splitlines()
    for name, (_, text) in FAMILIES.items():
        assert any(line.split(maxsplit=1) == [name, text] for line in lines), name


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_listed_command_exists(flasky: Flasky, name: str) -> None:
    """A family that is listed can be imported and explains itself."""
    result = flasky(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"Usage: flasky {name}" in result.output


def test_help_imports_neither_pyramid_nor_sqlalchemy(tmp_path: Path) -> None:
    """Not with the plug-ins that ship either, and little else: a start of Python, click, and the list of plug-ins."""
    code = (
        "import sys; from flasky.cli import main; main(['--ini', sys.argv[1], '--help'], standalone_mode=False); "
        "print(sorted({'pyramid', 'sqlalchemy', 'webob'} & set(sys.modules)), len(sys.modules))"
    )
    ini = Path(__file__).parents[2] / "development.ini"
    command = [sys.executable, "-c", code, str(ini)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    heavy, _, modules = done.stdout.splitlines()[-1].rpartition(" ")
    assert heavy == "[]"
    # A count and no seconds, which depend on what else the machine does. With Pyramid it is above 900.
    assert int(modules) < 350


def test_python_m_flasky_and_the_console_script_are_the_same(tmp_path: Path) -> None:
    """PARITY row 17."""
    script = Path(sys.executable).parent / "flasky"
    outputs = [
        subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        for command in ([str(script)], [sys.executable, "-m", "flasky"])
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("Usage: flasky ")


def test_a_missing_ini_file_says_how_to_name_one(
    flasky: Flasky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = flasky("about")
    assert result.exit_code == 1
    assert "There is no development.ini in this folder. Name the INI file: `flasky --ini FILE …`" in result.output
    result = flasky("--ini", "other.ini", "about")
    assert (result.exit_code, "There is no other.ini. Name the INI file" in result.output) == (1, True)


def test_the_ini_file_is_named_by_option_variable_or_folder(
    flasky: Flasky, ini_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--ini wins over FLASKY_INI, which wins over development.ini in the current folder."""
    folder = ini_file("development.ini", flasky__admin="folder@example.com").parent
    variable = ini_file("variable.ini", flasky__admin="variable@example.com")
    option = ini_file("option.ini", flasky__admin="option@example.com")
    monkeypatch.chdir(folder)
    assert "folder@example.com" in flasky("settings").output
    assert "variable@example.com" in flasky("settings", FLASKY_INI=str(variable)).output
    assert "option@example.com" in flasky("--ini", option, "settings", FLASKY_INI=str(variable)).output


def test_an_unknown_command_is_refused(flasky: Flasky) -> None:
    result = flasky("frobnicate")
    assert result.exit_code == 2
    assert "No such command 'frobnicate'.\n" in result.output
    result = flasky("mial", "list")
    assert result.exit_code == 2
    assert "No such command 'mial'. Did you mean 'mail'?" in result.output
    result = flasky("mail", "lits")
    assert (result.exit_code, "No such command 'lits'. Did you mean 'list'?" in result.output) == (2, True)


@pytest.mark.parametrize("command", [["settings"], ["--help"]])
def test_an_output_that_is_full_is_told(ini_file: Callable[..., Path], command: list[str]) -> None:
    if not Path("/dev/full").exists():
        missing("/dev/full", "Linux has it.")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "flasky", "--ini", str(ini_file()), *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "Error: The output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[app:main]\nuse = egg:flasky\nfine\n", "site.ini line 3: this is neither a section nor `key = value`."),
        ("x = 1\n", "site.ini line 1: the file must begin with a section"),
        ("[app:main]\na = 1\na = 2\n", "site.ini line 3: the key a stands twice in [app:main]"),
        ("[app:main]\n[app:main]\n", "site.ini line 2: the section [app:main] stands twice"),
        ("[server:main]\nuse = egg:flasky\n", "has no section [app:main]"),
        (
            "[app:main]\nuse = egg:flasky\nsqlalchemy.url = %(DATABASE_URL)s\n",
            "site.ini line 3, key sqlalchemy.url in [app:main]: %(DATABASE_URL)s stands for nothing",
        ),
        ("[app:main]\nuse = egg:nothing_of_the_kind\n", "cannot be read"),
        ("[app:main]\na = 1\n", "site.ini, key use in [app:main]: it is missing. Write `use = egg:flasky`."),
        ("\ufeff[app:main]\nuse = egg:flasky\n", "site.ini begins with a byte-order mark"),
    ],
)
def test_a_broken_ini_file_is_told_with_its_line(flasky: Flasky, tmp_path: Path, text: str, problem: str) -> None:
    """P22 and the other ways to break one."""
    (tmp_path / "site.ini").write_text(text, encoding="utf-8")
    result = flasky("--ini", tmp_path / "site.ini", "about")
    assert result.exit_code == 1
    assert problem in result.output


def test_an_ini_file_that_is_no_text_is_refused(flasky: Flasky, tmp_path: Path) -> None:
    (tmp_path / "site.ini").write_bytes(b"[app:main]\nuse = egg:flasky\n# caf\xe9\n")
    result = flasky("--ini", tmp_path / "site.ini", "about")
    assert result.exit_code == 1
    assert "site.ini line 3: this is not UTF-8. Save the file as UTF-8." in result.output


def test_configuration_faults_are_lines_and_status_1(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    result = flasky("--ini", ini_file(mail__port="abc", flasky__amdin="x"), "routes")
    assert result.exit_code == 1
    assert "Flasky cannot start: 2 faults" in result.output
    assert "key flasky.amdin: there is no such setting. Did you mean flasky.admin?" in result.output


def test_a_database_without_schema_is_told_with_the_command_that_makes_it(
    flasky: Flasky, ini_file: Callable[..., Path]
) -> None:
    result = flasky("--ini", ini_file(), "mail", "list")
    assert result.exit_code == 1
    assert "There is no database" in result.output
    assert "site.ini upgrade head" in result.output


@click.group()
def polls() -> None:
    """Look after the polls."""


@polls.command()
@pass_context
def where(context: Context) -> None:
    """Say which INI file it is."""
    click.echo(context.ini.path)


@pytest.fixture
def plugin_commands(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that enables a plug-in `polls` with the given `commands`."""

    def enable(commands: str) -> None:
        item = LoadedPlugin(Plugin("polls", commands=commands, description="Polls."), "polls", "polls", "1.0")
        monkeypatch.setattr("flasky.cli.declarations", lambda _names: [item])

    return enable


def test_a_plugin_brings_commands_under_its_name(
    flasky: Flasky, ini_file: Callable[..., Path], plugin_commands: Callable[[str], None]
) -> None:
    """They are listed and run without starting the application, with the same context as the kernel's."""
    plugin_commands(f"{__name__}:polls")
    ini = ini_file()
    assert "polls      Polls." in flasky("--ini", ini, "--help").output
    assert flasky("--ini", ini, "polls", "where").output.strip() == str(ini)


@pytest.mark.parametrize(
    ("commands", "problem"),
    [
        ("no.such.module:polls", "cannot be loaded: ModuleNotFoundError"),
        ("flasky.cli:nothing", "cannot be loaded: AttributeError"),
        ("flasky.cli:FAMILIES", "is not a click command"),
    ],
)
def test_a_plugins_broken_command_is_told_and_leaves_the_others_alone(
    flasky: Flasky,
    ini_file: Callable[..., Path],
    plugin_commands: Callable[[str], None],
    commands: str,
    problem: str,
) -> None:
    plugin_commands(commands)
    ini = ini_file()
    result = flasky("--ini", ini, "polls")
    assert result.exit_code == 1
    assert f"The command 'polls' ({commands})" in result.output
    assert problem in result.output
    assert flasky("--ini", ini, "--help").exit_code == 0
    assert flasky("--ini", ini, "settings").exit_code == 0


def test_load_registry_gives_the_started_site(ini_file: Callable[..., Path], flasky: Flasky) -> None:
    assert load_registry(str(ini_file(flasky__admin="ann@example.com"))).settings["flasky.admin"] == "ann@example.com"
    with pytest.raises(CannotStart, match=r"There is no nowhere\.ini"):
        load_registry("nowhere.ini")


def test_a_conflict_of_routes_is_told_without_a_traceback(
    flasky: Flasky, ini_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that claim one name: the fault names both places."""

    def twice(config: object) -> None:
        for pattern in ("/a", "/b"):
            config.add_route("sample.twice", pattern)  # type: ignore[attr-defined]

    monkeypatch.setattr("flasky.plugins.main.includeme", twice)
    result = flasky("--ini", ini_file(), "routes")
    assert result.exit_code == 1
    assert "Flasky cannot start: 1 fault" in result.output
    assert "the route 'sample.twice' is claimed by" in result.output
    assert "test_group.py, line" in result.output


def test_a_bug_keeps_its_traceback(flasky: Flasky, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a person can mend is told in words alone."""

    def bug(_context: Context) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Context, "ini", property(bug))
    assert isinstance(flasky("settings").exception, ZeroDivisionError)


def test_every_number_on_the_command_line_has_bounds() -> None:
    """A number that no database can hold is a mistake in the command line, not an error of the driver."""
    targets = [*(target for target, _line in FAMILIES.values()), *_commands_of_plugins()]
    waiting = [
        getattr(import_module(module), name) for module, _, name in (target.partition(":") for target in targets)
    ]
    unbounded = []
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        unbounded += [
            f"{command.name} {parameter.name}"
            for parameter in command.params
            if isinstance(parameter.type, click.types.IntParamType)
            and not (isinstance(parameter.type, click.IntRange) and 0 < (parameter.type.max or 0) < 2**63)
        ]
    assert unbounded == []


def _commands_of_plugins() -> list[str]:
    return [command.target for item in declarations(["accounts", "blog"]) for command in item.plugin.command_list]


@pytest.mark.parametrize(
    "command", [("mail", "show"), ("mail", "retry"), ("jobs", "show"), ("mail", "list", "--limit")]
)
def test_a_number_that_no_database_can_hold_is_told(flasky: Flasky, command: tuple[str, ...]) -> None:
    refused = flasky(*command, "99999999999999999999")
    assert refused.exit_code == 2
    assert "99999999999999999999 is not in the range" in refused.output


@pytest.mark.parametrize("command", ["mail show", "mail retry", "jobs show"])
def test_what_is_no_id_is_told_with_where_one_stands(flasky: Flasky, command: str) -> None:
    result = flasky(*command.split(), "abc")
    assert result.exit_code == 2
    family = command.split(maxsplit=1)[0]
    assert f"'abc' is no ID: expected the number that `flasky {family} list` shows" in result.output
    assert "'abc' is not a valid integer." in flasky(family, "list", "--limit", "abc").output


@pytest.mark.parametrize(("mark", "name"), [("%", "50% off"), ("#", "c#"), ("?", "why?")])
def test_a_folder_whose_name_the_readers_of_ini_files_misread_is_told(
    flasky: Flasky, tmp_path: Path, mark: str, name: str
) -> None:
    """`%(here)s` would begin something, and what stands behind `#` or `?` would be no part of the path."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "site.ini").write_text("[app:main]\nuse = egg:flasky\n", encoding="utf-8")
    result = flasky("--ini", folder / "site.ini", "settings")
    assert result.exit_code == 1
    assert f"{folder}/site.ini cannot be used: there is a {mark} in its path" in result.output
    assert "Rename or move the folder" in result.output


def test_what_is_no_file_is_no_ini_file(flasky: Flasky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Error: . is a folder, not an INI file. Name the file in it" in flasky("--ini", ".", "settings").output
    result = flasky("--ini", "/dev/null", "settings")
    assert (result.exit_code, "Error: /dev/null is not a file" in result.output) == (1, True)
    with pytest.raises(CannotStart, match="is a folder, not an INI file"):
        read_ini(tmp_path)


def test_a_terminal_that_lacks_a_letter_shows_its_number(ini_file: Callable[..., Path]) -> None:
    ini = ini_file(flasky__mail_subject_prefix="[胡同]")
    result = CliRunner(charset="latin-1").invoke(main, ["--ini", str(ini), "settings"])
    assert result.exception is None
    assert r"[\u80e1\u540c]" in result.output


def test_an_encoding_in_which_ini_files_would_be_misread_is_refused(ini_file: Callable[..., Path]) -> None:
    """PasteDeploy reads them in the encoding of the environment."""
    ini = ini_file(flasky__mail_subject_prefix="[胡同]")
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "flasky", "--ini", str(ini), "settings"]
    done = subprocess.run(command, env={**os.environ, **plain}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Python takes files for ANSI_X3.4-1968 here")
    assert "LC_ALL=C.UTF-8 or PYTHONUTF8=1" in done.stderr
    utf8 = {**os.environ, **plain, "PYTHONUTF8": "1"}
    assert "[胡同]" in subprocess.run(command, env=utf8, capture_output=True, encoding="utf-8", check=True).stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("handler_console", "class = flasky.logs.Consol\nargs = ()", "No module named 'flasky.logs.Consol'"),
        ("handler_console", "class = flaksy.logs.Console\nargs = ()", "No module named 'flaksy'"),
        ("handler_console", "class = flasky.logs.Console\nargs = (", "this is no Python: '(' was never closed"),
        ("handler_console", "class = flasky.logs.Console\nargs = (hunter2,)", "text has to stand in quotes"),
        ("handler_console", "class = flasky.logs.LogFile\nargs = ()", "missing 1 required positional argument"),
        ("handler_console", "args = ()", "it has no key class"),
        ("handlers", "keys = console, fiel", "there is no section [handler_fiel], which its keys name"),
        ("loggers", "keys = root, nobody", "there is no section [logger_nobody], which its keys name"),
        ("formatters", "keys = readable", "there is no section [formatter_readable]"),
        ("logger_root", "level = INFO\nhandlers = file", "it names 'file', which is none of the [handlers]"),
        ("logger_root", "level = LOUD\nhandlers =", "Unknown level: 'LOUD'"),
    ],
)
def test_a_slip_in_the_sections_about_logging_is_told_with_its_section(
    flasky: Flasky, ini_file: Callable[..., Path], name: str, text: str, said: str
) -> None:
    sections = {
        "loggers": "keys = root",
        "handlers": "keys = console",
        "formatters": "keys =",
        "logger_root": "level = INFO\nhandlers = console",
        "handler_console": "class = flasky.logs.Console\nargs = ()",
        name: text,
    }
    ini = ini_file()
    logging_part = "\n".join(f"[{section}]\n{lines}\n" for section, lines in sections.items())
    site, _, _ = ini.read_text(encoding="utf-8").partition("[loggers]")
    ini.write_text(site + logging_part, encoding="utf-8")
    for command in (["check"], ["serve"]):
        result = flasky("--ini", ini, *command)
        assert result.exit_code == 1
        assert f"Error: {ini.name}, section [{name}]: " in result.output
        assert said in result.output
        assert "hunter2" not in result.output
