"""The real thing: a new environment, pip, wheels of Flasky and of plug-ins, from installing to nothing left.

Third-party packages are those of the environment that runs the tests, linked into a folder that a .pth file names:
without Flasky itself, which has to come from its wheel.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sqlite3
import subprocess
import sys
import sysconfig
import venv
import zipfile
from contextlib import closing
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from flasky.conformance.workbench import Workbench
from flasky.scaffolding import make_plugin
from flasky.testing.ini import write_ini
from flasky.testing.plugin import TEST_SETTINGS

ROOT = Path(__file__).resolve().parents[2]
#: The files of Flasky itself in an environment.
OF_FLASKY = re.compile(r"site-packages/flasky(-[\d.]+\.dist-info)?(/|$)|bin/flasky$")
#: What pip adds to what was in the wheel.
OF_PIP = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}


class Machine:
    """A new environment in `folder`, with a site in it, and what its owner types."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder, self._wheels = folder, wheels
        self.environment = folder / "environment"
        venv.create(self.environment, with_pip=False)
        self.packages = Path(sysconfig.get_path("purelib", vars={"base": str(self.environment)}))
        self._share()
        self._environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "FLASKY_", "COVERAGE_", "PYTEST_")) and not name.endswith("_DATABASE_URL")
        }

    def _share(self) -> None:
        shared = self.folder / "shared"
        shared.mkdir()
        for item in Path(sysconfig.get_path("purelib")).iterdir():
            if "flasky" not in item.name and item.suffix != ".pth":
                (shared / item.name).symlink_to(item)
        (self.packages / "shared.pth").write_text(f"{shared}\n")

    def run(self, *command: str) -> str:
        """Run a program of the environment, and return what it says."""
        return self._done([str(self.environment / "bin" / command[0]), *command[1:]])

    def pip(self, *arguments: str) -> str:
        """Run pip for the environment."""
        # pip's own way to serve an environment that has none; it runs in that environment's Python.
        command = [sys.executable, "-m", "pip", "--python", str(self.environment), *arguments]
        return self._done([*command, "--disable-pip-version-check"])

    def _done(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self._environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, *names: str) -> None:
        """`pip install`, without an index."""
        offline = ("--no-index", "--no-build-isolation", "--find-links", str(self._wheels))
        self.pip("install", "--no-compile", *offline, *names)

    def files(self) -> set[str]:
        """Everything that is installed."""
        found = [*self.packages.rglob("*"), *(self.environment / "bin").iterdir()]
        return {str(file.relative_to(self.environment)) for file in found if "__pycache__" not in file.parts}


def pack(distribution: Distribution, wheels: Path) -> None:
    """Make a wheel of what pip has built and unpacked."""
    name = f"{distribution.name.replace('-', '_')}-{distribution.version}"
    record = ""
    with zipfile.ZipFile(wheels / f"{name}-py3-none-any.whl", "w") as wheel:
        for file in distribution.files or ():
            if file.parts[0] == ".." or file.suffix == ".pyc" or file.name in OF_PIP:
                continue
            content = Path(str(distribution.locate_file(file))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += f"{file.as_posix()},sha256={digest},{len(content)}\n"
            wheel.writestr(file.as_posix(), content)
        wheel.writestr(f"{name}.dist-info/RECORD", f"{record}{name}.dist-info/RECORD,,\n")


@pytest.fixture
def machine(workbench: Workbench, sample_packages: Path, tmp_path: Path) -> Machine:
    """The environment, and wheels of Flasky and the samples beside it; nothing is installed yet."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for folder in (workbench.installed(ROOT), sample_packages):
        for distribution in distributions(path=[str(folder)]):
            pack(distribution, wheels)
    return Machine(tmp_path, wheels)


def test_from_pip_install_to_pip_uninstall(machine: Machine) -> None:
    """By the owner's commands in that environment, and nothing of a plug-in is left in the end."""
    made = make_plugin("book_club", machine.folder)
    before = machine.files()
    machine.install("flasky", str(made), "flasky-poster")
    for folder in ("flasky", "flasky_book_club", "flasky_poster", "flasky_board"):  # poster requires board
        assert (machine.packages / folder / "__init__.py").is_file()

    settings = {**TEST_SETTINGS, "flasky.plugins": "main accounts"}
    ini = write_ini(machine.folder / "site.ini", {**settings, "sqlalchemy.url": f"sqlite:///{machine.folder}/d.sqlite"})
    # What docs/operations/plugins.md says of a site whose Flasky came by pip.
    ini.write_text(re.sub("(?m)^script_location = .*$", "script_location = flasky:_alembic", ini.read_text()))
    text = ini.read_text()
    site = ("--ini", str(ini))
    machine.run("flasky", *site, "plugin", "enable", "book_club")
    machine.run("python", "-m", "alembic", "-c", str(ini), "upgrade", "heads")
    assert "Nothing here yet." in machine.run("python", "-c", ASK, str(ini), "/book_club")
    machine.run("flasky", *site, "plugin", "disable", "book_club")
    assert "Removed." in machine.run("flasky", *site, "plugin", "remove", "book_club", "--yes")
    machine.pip("uninstall", "--yes", "flasky-book-club", "flasky-poster", "flasky-board")

    assert ini.read_text() == text
    assert [file for file in machine.files() - before if not OF_FLASKY.search(file)] == []
    with closing(sqlite3.connect(machine.folder / "d.sqlite")) as database:
        rows = database.execute("SELECT name FROM sqlite_master UNION SELECT version_num FROM alembic_version")
        assert [name for (name,) in rows if "book_club" in name] == []


ASK = """\
import sys
import flasky
from flasky.ini import read_ini
from webtest import TestApp
ini, *paths = sys.argv[1:]
read = read_ini(ini)
client = TestApp(flasky.main(read.global_config, **read.settings), extra_environ={"HTTP_HOST": "localhost"})
for path in paths:
    print(client.get(path).text)
"""
