"""A command that is not found because of the INI file: the reason is told, and no other command is suggested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from made_plugins import make_plugin

Flasky = Callable[..., Result]

_NAMED = "Name the INI file: `flasky --ini FILE …`, or FLASKY_INI=FILE."


def _known_later(name: str) -> str:
    return f"Commands of plug-ins are known when this is mended; Flasky itself has none called {name!r}.\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function that installs a plug-in that is made up: its name, and as options what it declares and does."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    # For the trial of a plug-in that is to be enabled.
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def install(name: str, declaration: str = "", top: str = "") -> Path:
        return make_plugin(folder, name, "pass", top=top, declaration=declaration)

    return install


def _declared(name: str, *commands: str) -> str:
    """The declaration of a plug-in with commands of these names."""
    listed = "".join(f"Command({command!r}, 'flasky_none.cli:none', 'Do it.')," for command in commands)
    return f"from flasky.plugin import Command\nplugin = Plugin({name!r}, commands=({listed}))"


@pytest.mark.parametrize("name", ["blog", "user", "mial"])
def test_a_missing_ini_file_is_told_before_a_command_is_refused(
    flasky: Flasky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = flasky(name, "list")
    told = f"Error: There is no development.ini in this folder. {_NAMED}\n{_known_later(name)}"
    assert (result.exit_code, result.output) == (1, told)
    result = flasky("--ini", "nope.ini", name, "--help")
    told = f"Error: There is no nope.ini. {_NAMED}\n{_known_later(name)}"
    assert (result.exit_code, result.output) == (1, told)
    result = flasky(name, FLASKY_INI="nope.ini")
    assert (result.exit_code, result.output) == (1, told)


def test_a_broken_ini_file_is_told_before_a_command_is_refused(flasky: Flasky, tmp_path: Path) -> None:
    (tmp_path / "site.ini").write_text("[app:main]\nuse = egg:flasky\nfine\n", encoding="utf-8")
    result = flasky("--ini", tmp_path / "site.ini", "blog", "seed")
    told = f"Error: site.ini line 3: this is neither a section nor `key = value`.\n{_known_later('blog')}"
    assert (result.exit_code, result.output) == (1, told)


@pytest.mark.parametrize(("name", "owner"), [("blog", "blog"), ("user", "accounts")])
def test_a_command_of_a_plugin_that_is_not_enabled_is_told_with_what_enables_it(
    flasky: Flasky, ini_file: Callable[..., Path], name: str, owner: str
) -> None:
    ini = ini_file(flasky__plugins="main")
    result = flasky("--ini", ini, name, "list")
    told = f"Error: The command {name!r} belongs to the plug-in {owner!r}, which is not enabled in site.ini."
    remedy = f"Enable it: flasky --ini {ini} plugin enable {owner}"
    assert (result.exit_code, result.output) == (1, f"{told} {remedy}\n")


def test_the_command_that_is_told_enables_the_plugin(
    flasky: Flasky, ini_file: Callable[..., Path], installed: Callable[..., Path]
) -> None:
    package = installed("polls", "commands='flasky_polls.cli:polls'")
    (package / "cli.py").write_text("import click\npolls = click.Group('polls', help='Look after polls.')\n")
    ini = ini_file(flasky__plugins="main")
    told = flasky("--ini", ini, "polls").output
    _, _, command = told.strip().rpartition("Enable it: flasky ")
    enabled = flasky(*command.split())
    assert enabled.exit_code == 0, enabled.output
    assert "Look after polls." in flasky("--ini", ini, "polls", "--help").output


def test_each_plugin_that_would_bring_a_command_is_told(
    flasky: Flasky, ini_file: Callable[..., Path], installed: Callable[..., Path]
) -> None:
    for name in ("polls", "votes"):
        installed(name, top=_declared(name, "ask", f"{name}_more"))
    ini = ini_file(flasky__plugins="main")
    lines = flasky("--ini", ini, "ask").output.splitlines()
    assert sorted(line.rpartition(" plugin ")[2] for line in lines) == ["enable polls", "enable votes"]
    result = flasky("--ini", ini, "votes_more")
    assert (result.exit_code, "belongs to the plug-in 'votes'" in result.output) == (1, True)
    # Its name is no command if it declares others.
    result = flasky("--ini", ini, "votes")
    assert (result.exit_code, "No such command 'votes'" in result.output) == (2, True)


def test_a_plugin_that_is_listed_and_cannot_be_loaded_is_told(
    flasky: Flasky, ini_file: Callable[..., Path], installed: Callable[..., Path]
) -> None:
    """Which commands it has is not known."""
    installed("polls", top="raise RuntimeError('no luck')")
    result = flasky("--ini", ini_file(flasky__plugins="main polls"), "polls")
    assert result.exit_code == 1
    assert "the plug-in 'polls' (flasky_polls:plugin) cannot be loaded: RuntimeError: no luck" in result.output
    assert result.output.endswith(_known_later("polls"))
    result = flasky("--ini", ini_file(flasky__plugins="main accounts blgo"), "blog")
    assert result.exit_code == 1
    assert "no installed plug-in is called 'blgo'. Did you mean 'blog'?" in result.output
    # Nothing can be enabled before that is mended.
    assert result.output.endswith(_known_later("blog"))


def test_other_faults_of_the_list_and_broken_plugins_beside_it_hide_no_command(
    flasky: Flasky, ini_file: Callable[..., Path], installed: Callable[..., Path]
) -> None:
    installed("broken", top="raise RuntimeError('no luck')")
    installed("lonely", "requires=('nobody',)")
    result = flasky("--ini", ini_file(flasky__plugins="main main lonely"), "mial")
    assert (result.exit_code, "No such command 'mial'. Did you mean 'mail'?" in result.output) == (2, True)


def test_a_plugin_that_is_not_enabled_is_not_imported_by_a_command_that_is_found(
    flasky: Flasky, ini_file: Callable[..., Path], installed: Callable[..., Path], tmp_path: Path
) -> None:
    mark = tmp_path / "imported"
    installed("polls", top=f"{_declared('polls', 'ask')}\nfrom pathlib import Path\nPath({str(mark)!r}).touch()")
    ini = ini_file(flasky__plugins="main accounts")
    for command in (["--help"], ["settings"], ["user", "--help"], ["user", "lits"]):
        flasky("--ini", ini, *command)
    assert not mark.exists()
    flasky("--ini", ini, "ask")
    assert mark.exists()
