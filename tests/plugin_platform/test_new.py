"""`flasky plugin new`: what it makes passes its own tests, lint and type check at once, with Flasky from a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from warm import unwatched

from flasky.cli import main
from flasky.conformance.suite import RULES
from flasky.conformance.workbench import Workbench

ROOT = Path(__file__).resolve().parents[2]


ABOUT = ("--description", 'Clubs for "readers"', "--author", "Ann Ö <ann@example.com>", "--licence", "BSD-3-Clause")


def new(name: str, folder: Path, *options: str) -> Result:
    """Run `flasky plugin new`."""
    return CliRunner().invoke(main, ["plugin", "new", name, "--path", str(folder), *options])


@pytest.fixture
def installed(workbench: Workbench, tmp_path: Path) -> list[Path]:
    """Two folders: Flasky from its wheel, and a new plug-in from its own."""
    assert new("book_club", tmp_path, *ABOUT).exit_code == 0
    return [workbench.installed(source) for source in (ROOT, tmp_path / "flasky-book-club")]


def test_what_it_makes_passes_its_own_checks_at_once(installed: list[Path], tmp_path: Path) -> None:
    """The wheel of Flasky has its migrations: the plug-in's tests run on a migrated database. The conformance suite is
    part of its tests."""
    migrations = installed[0] / "flasky" / "_alembic"
    assert (migrations / "env.py").is_file()
    assert not (migrations / "__init__.py").exists()
    path = os.pathsep.join(map(str, installed))
    folder = tmp_path / "flasky-book-club"
    environ = {**unwatched(os.environ), "PYTHONPATH": path, "MYPYPATH": path, "PYTEST_ADDOPTS": ""}
    for name in ("FLASKY_INI", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        environ.pop(name, None)
    python = [sys.executable, "-m"]
    checks = {
        # Not the rule about the wheel, which would build and try once more what is installed here.
        "pytest": [*python, "pytest", "-q", "-p", "no:cacheprovider", "-k", "not wheel"],
        # What mypy knows of the libraries stays from run to run; it looks whether a text is still the one it knows.
        "mypy": [*python, "mypy", "--no-error-summary", "--cache-dir", str(ROOT / ".mypy_cache" / "plugin")],
        "ruff check": [*python, "ruff", "check", "--no-cache", "."],
        "ruff format": [*python, "ruff", "format", "--no-cache", "--check", "."],
    }
    running = {
        name: subprocess.Popen(
            command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for name, command in checks.items()
    }
    said = {name: (process.communicate(timeout=120)[0], process.returncode) for name, process in running.items()}
    assert {name: status for name, (_, status) in said.items()} == dict.fromkeys(checks, 0), said
    assert f"{6 + len(RULES)} passed, 1 deselected" in said["pytest"][0]
    [made] = distributions(path=[str(installed[1])])
    about = [made.metadata[name] for name in ("Summary", "Author-email", "License-Expression")]
    assert about == ['Clubs for "readers"', "Ann Ö <ann@example.com>", "BSD-3-Clause"]
    package = folder / "flasky_book_club"
    made = {file.relative_to(folder) for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert [str(file) for file in made if not (installed[1] / file).is_file()] == []
    assert any(file.suffix == ".jinja2" for file in made)
    workflow = (folder / ".github" / "workflows" / "check.yml").read_text()
    for command in ("pytest", "ruff check", "ruff format --check", "mypy"):
        assert command in workflow


def test_a_name_that_cannot_be_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    assert "must be lower-case letters" in new("Polls-2", tmp_path).output
    assert "belongs to Flasky itself" in new("mail", tmp_path).output
    assert "is installed already" in new("accounts", tmp_path).output
    assert list(tmp_path.iterdir()) == []
    assert "Expected one line" in new("polls", tmp_path, "--author", "Ann\nBob").output
    assert list(tmp_path.iterdir()) == []
    assert new("polls", tmp_path).exit_code == 0
    declared = tomllib.loads((tmp_path / "flasky-polls" / "pyproject.toml").read_text())["project"]
    assert (declared["description"], declared["license"], "authors" in declared) == ("Polls.", "MIT", False)
    second = new("polls", tmp_path)
    assert (second.exit_code, "is there already" in second.output) == (1, True)
