"""`flasky plugin new`: what it makes passes its own tests, lint and type check at once, with Flasky from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flasky.cli import main

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]


def new(name: str, folder: Path) -> Result:
    """Run `flasky plugin new`."""
    return CliRunner().invoke(main, ["plugin", "new", name, "--path", str(folder)])


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with Flasky from its wheel, and a new plug-in from its own."""
    source, target = tmp_path / "source", tmp_path / "site-packages"
    source.mkdir()
    for name in ("setup.py", "MANIFEST.in", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for name in ("alembic", "flasky"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert new("book_club", tmp_path).exit_code == 0
    plugin = tmp_path / "flasky-book-club"
    command = [sys.executable, "-m", "pip", "install", *OFFLINE, "--target", str(target), str(source), str(plugin)]
    subprocess.run(command, check=True, timeout=120)
    return target


def test_what_it_makes_passes_its_own_checks_at_once(installed: Path, tmp_path: Path) -> None:
    """The wheel of Flasky has its migrations: the plug-in's tests run on a migrated database."""
    assert (installed / "flasky" / "_alembic" / "env.py").is_file()
    assert not (installed / "flasky" / "_alembic" / "__init__.py").exists()
    folder = tmp_path / "flasky-book-club"
    environ = {**os.environ, "PYTHONPATH": str(installed), "MYPYPATH": str(installed), "PYTEST_ADDOPTS": ""}
    for name in ("FLASKY_INI", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        environ.pop(name, None)
    python = [sys.executable, "-m"]
    checks = {
        "pytest": [*python, "pytest", "-q", "-p", "no:cacheprovider"],
        "mypy": [*python, "mypy", "--no-error-summary", "--cache-dir", str(tmp_path / "mypy")],
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
    assert "6 passed" in said["pytest"][0]


def test_a_name_that_cannot_be_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    assert "must be lower-case letters" in new("Polls-2", tmp_path).output
    assert "belongs to Flasky itself" in new("mail", tmp_path).output
    assert "is installed already" in new("accounts", tmp_path).output
    assert list(tmp_path.iterdir()) == []
    assert new("polls", tmp_path).exit_code == 0
    second = new("polls", tmp_path)
    assert (second.exit_code, "is there already" in second.output) == (1, True)
