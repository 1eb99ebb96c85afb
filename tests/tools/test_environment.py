"""`tools/environment.py` and `tools/find-python`: real virtual environments, made from packages on disk only."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import environment
import pytest
from unprivileged import permissions_count

ROOT = Path(__file__).resolve().parent.parent.parent
RUNNING = "{}.{}".format(*sys.version_info[:2])

# Builds the small project without setuptools, which a test must not fetch.
BACKEND = """
from zipfile import ZipFile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "small-1.0-py3-none-any.whl"
    with ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n")
        wheel.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("small-1.0.dist-info/RECORD", "")
    return name
"""


class Project:
    """A small project with the real tools, and a folder of packages instead of an index."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wheels = root / "wheels"
        self.wheels.mkdir(parents=True)
        shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "setup.py").write_text("")
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(
            "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
        )
        self.lock("requirements.txt", self.wheel("runs", "1.0"))
        self.lock("requirements-dev.txt", self.wheel("runs", "1.0"), self.wheel("tests", "1.0"))

    def wheel(self, name: str, version: str) -> str:
        """Make a package and return its line for a lock file."""
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        if not path.exists():
            info = f"{name}-{version}.dist-info"
            with ZipFile(path, "w") as wheel:
                wheel.writestr(f"{name}.py", "")
                wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
                wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
                wheel.writestr(f"{info}/RECORD", "")
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    def lock(self, name: str, *lines: str) -> None:
        """Write a lock file."""
        (self.root / name).write_text("".join(f"{line}\n" for line in lines))

    def install(self, lock: str = "requirements.txt", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command as the Makefile does, without any index."""
        variables = {"PIP_FIND_LINKS": str(self.wheels), **variables}
        return self.run([sys.executable, "tools/environment.py", lock], **variables)

    def run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, with no index and no Python chosen unless `variables` say so."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "COV"))}
        settings = {**clean, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", **variables}
        return subprocess.run(command, cwd=self.root, env=settings, capture_output=True, text=True, check=False)

    def has(self, module: str) -> bool:
        """Tell whether the environment of the project can import a module."""
        return self.run([".venv/bin/python", "-c", f"import {module}"]).returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that nothing was installed for yet."""
    return Project(tmp_path / "project")


def test_environment_is_made_once_and_again_when_something_changed(project: Project) -> None:
    """PARITY 2, SUP-01: installs once, then does nothing at all; a changed lock installs, a changed package never."""
    line = project.wheel("runs", "1.0")
    project.lock("requirements.txt", line[:-64] + "0" * 64)
    for _try in range(2):
        refused = project.install()
        assert refused.returncode == 1, "and a failed run does not count as done the next time"
        assert "hash differs" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not project.has("runs")

    project.lock("requirements.txt", line)
    # What somebody has set for other places does not count here.
    elsewhere = project.root / "elsewhere"
    settings = project.root / "pip.conf"
    (project.root / "constraints.txt").write_text("runs==9\n")
    places = "".join(f"{name} = {elsewhere}\n" for name in ("target", "prefix", "root"))
    constraint = f"constraint = {project.root}/constraints.txt\n"
    settings.write_text(f"[global]\nuser = true\nrequire-hashes = true\n{places}{constraint}")
    first = project.install(PIP_CONFIG_FILE=str(settings), PIP_USER="1", PIP_PREFIX=str(elsewhere))
    assert (first.returncode, first.stderr) == (0, "")
    assert project.has("runs")
    assert not elsewhere.exists()
    assert not project.has("tests"), "what tests it is not installed to serve it"

    log = (project.root / ".venv" / "install.log").read_bytes()
    second = project.install(PIP_FIND_LINKS="/nowhere")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert (project.root / ".venv" / "install.log").read_bytes() == log, "nothing was run"

    project.lock("requirements.txt", project.wheel("runs", "2.0"))
    project.lock("requirements-dev.txt", project.wheel("runs", "2.0"), project.wheel("tests", "1.0"))
    changed = project.install("requirements-dev.txt")
    assert changed.returncode == 0, changed.stderr
    assert "Installing" in changed.stdout
    assert "Making" not in changed.stdout
    assert project.has("tests")
    assert project.install().stdout == "", "the larger set holds the smaller one"


@pytest.mark.parametrize("here", [True, False], ids=["in place", "moved"])
def test_environment_of_a_moved_project_is_made_again(project: Project, *, here: bool) -> None:
    """The commands in a virtual environment name its folder: after `mv` none of them would start."""
    folder = project.root / ".venv"
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    place = folder if here else folder.parent.with_name("before") / ".venv"
    (folder / "flasky.json").write_text(json.dumps({"place": str(place), "version": RUNNING}))
    # Without ensurepip making one anew stops at once, before anything is removed.
    (project.root / "ensurepip.py").write_text("raise ImportError")
    (project.root / "requirements.txt").write_text("nothing==1\n")
    result = project.install(PYTHONPATH=str(project.root))
    assert ("cannot make virtual environments" in result.stderr) is not here
    assert ("Installing" in result.stdout) is here


@pytest.mark.parametrize("cut_off", [False, True], ids=["once", "after a start that was cut off"])
def test_environment_stays_until_another_one_is_whole(project: Project, *, cut_off: bool) -> None:
    """A moved folder, or another Python, and no network: what was there is there again, with what pip said."""
    folder = project.root / ".venv"
    former = folder.with_name(".venv-former")
    note = json.dumps({"place": "/before/.venv", "version": RUNNING, "installed": {"requirements.txt": "0"}})
    whole = former if cut_off else folder
    whole.mkdir()
    (whole / "flasky.json").write_text(note)
    if cut_off:
        folder.mkdir()
        (folder / "flasky.json").write_text(json.dumps({"place": str(folder), "installed": {}}))
    # Stands in for Python's own, and fails half-way as a full disk makes it fail.
    (project.root / "venv.py").write_text(
        "import os, sys\nos.mkdir(sys.argv[-1] + '/bin')\nsys.exit('ERROR: something stood in the way.')\n"
    )
    refused = project.install(PYTHONPATH=str(project.root))
    assert refused.returncode == 1
    assert refused.stderr == f"something stood in the way. All of the output: {folder / 'install.log'}\n"
    assert (folder / "flasky.json").read_text() == note
    assert "stood in the way" in (folder / "install.log").read_text()
    assert not former.exists()


@pytest.mark.parametrize("ours", [True, False], ids=["installed in", "somebody else's"])
def test_environment_that_was_left_behind_replaces_none_that_is_there(project: Project, *, ours: bool) -> None:
    """A run that was killed when all but the removal was done: the next one that fails leaves what there is."""
    folder = project.root / ".venv"
    former = folder.with_name(".venv-former")
    former.mkdir()
    (former / "flasky.json").write_text(json.dumps({"place": str(folder), "installed": {"requirements.txt": "0"}}))
    folder.mkdir()
    (folder / "precious").write_text("mine")
    if ours:
        python = folder / "bin" / "python"
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        note = {"place": str(folder), "version": RUNNING, "installed": {"requirements.txt": "0"}}
        (folder / "flasky.json").write_text(json.dumps(note))
        (project.root / "requirements.txt").write_text("nothing==1\n")
    for _try in range(2):
        refused = project.install()
        assert refused.returncode == 1
        assert (folder / "precious").read_text() == "mine"
    assert not former.exists()


@pytest.mark.parametrize("there", [False, True], ids=["folder of the project", "environment"])
def test_place_that_cannot_be_written_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    """A clone of somebody else's, or an environment that root made: no word of a log that is not there."""
    monkeypatch.setattr(environment, "ROOT", project.root)
    folder = project.root / ".venv" if there else project.root
    folder.mkdir(exist_ok=True)
    folder.chmod(0o555)
    with permissions_count(), pytest.raises(environment.Refusal) as refused:
        environment.main(["requirements.txt"])
    assert str(refused.value).startswith(f"The folder {folder} cannot be written (Permission denied)")
    assert "install.log" not in str(refused.value)


def test_something_else_in_the_place_of_the_environment_is_one_line(project: Project) -> None:
    (project.root / ".venv").write_text("mine")
    refused = project.install()
    assert refused.returncode == 1
    assert refused.stderr == f"{project.root / '.venv'}: Not a directory\n"


def test_full_disk_is_one_line_also_where_it_is_met_here(project: Project) -> None:
    """Not pip meets it, but what notes down what pip said."""
    folder = project.root / ".venv"
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {RUNNING}\n")
    python.chmod(0o755)
    (folder / "flasky.json").write_text(json.dumps({"place": str(folder), "version": RUNNING}))
    (folder / "install.log").symlink_to("/dev/full")
    refused = project.install()
    assert refused.returncode == 1
    assert refused.stderr == "the disk is full; free some space and run the command again\n"


def test_environment_of_somebody_else_is_never_removed(project: Project) -> None:
    """A .venv that cannot be used and was not made here may hold somebody's work: say so, leave it."""
    folder = project.root / ".venv"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    refused = project.install()
    assert refused.returncode == 1
    assert f"{folder} cannot be used, and was not made by this command: remove it" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert (folder / "precious").read_text() == "mine"


def test_python_without_ensurepip_is_one_line(project: Project) -> None:
    """Debian's Python cannot make environments before python3-venv is installed."""
    (project.root / "ensurepip.py").write_text("raise ImportError")
    refused = project.install(PYTHONPATH=str(project.root))
    assert refused.returncode == 1
    assert f"apt install python{RUNNING}-venv" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (project.root / ".venv").exists()


def test_missing_lock_file_is_one_line(project: Project) -> None:
    """Half a clone is named as that."""
    (project.root / "requirements.txt").unlink()
    refused = project.install()
    assert refused.returncode == 1
    assert "requirements.txt cannot be read" in refused.stderr
    assert refused.stderr.count("\n") == 1


# The line that matters of each, as pip 23 to 26 print it.
OUTPUTS = {
    "compiler": (
        (
            "  error: command 'gcc' failed: No such file or directory\n"
            "  ERROR: Failed building wheel for cffi\nERROR: Could not build wheels for cffi\n"
        ),
        "cffi has no ready-made wheel",
    ),
    "compiler, newer pip": (
        (
            "error: failed-wheel-build-for-install\n\n"
            "× Failed to build installable wheels for some pyproject.toml based projects\n╰─> greenlet\n"
        ),
        "greenlet has no ready-made wheel",
    ),
    "network": (
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(...)'\n"
            "ERROR: Could not find a version that satisfies the requirement alembic==1 (from versions: none)\n"
            "ERROR: No matching distribution found for alembic==1\n"
        ),
        "could not reach the package index",
    ),
    "version": (
        (
            "ERROR: Could not find a version that satisfies the requirement alembic==1 (from versions: 0.9)\n"
            "ERROR: No matching distribution found for alembic==1\n"
        ),
        "alembic is not to be had in the locked version",
    ),
    "disk": (
        "ERROR: Could not install packages due to an OSError: No space left on device\n",
        "disk is full",
    ),
    "unknown": ("Collecting x\nERROR: something new\n", "something new"),
    "sentence": ("ERROR: User site-packages are not visible.\n", "are not visible"),
    "silent": ("", "pip failed"),
}


@pytest.mark.parametrize(("output", "expected"), OUTPUTS.values(), ids=OUTPUTS)
def test_failure_of_pip_is_explained_in_one_line(output: str, expected: str) -> None:
    """A missing compiler, a lost network, a full disk: what to do, not forty lines of pip."""
    explanation = environment.explain(output)
    assert expected in explanation
    assert "\n" not in explanation
    assert not explanation.endswith("."), "a sentence follows"


def stand_in(path: Path, version: str | None) -> Path:
    """Write a program that claims to be a Python of this version, or fails like a version manager's stand-in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if version is None:
        script = "#!/bin/sh\necho 'the command exists in other versions' >&2\nexit 127\n"
    else:
        numbers = ", ".join(version.split("."))
        script = (
            f"#!{sys.executable}\nimport sys\nsys.version_info = ({numbers}, 0)\nsys.executable = {str(path)!r}\n"
            "sys.argv = sys.argv[2:3] + sys.argv[3:]\ncode = sys.argv.pop(0)\nsys.argv.insert(0, '-c')\nexec(code)\n"
        )
    path.write_text(script)
    path.chmod(0o755)
    return path


def find_python(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run tools/find-python where only the Pythons under `tmp_path` exist."""
    settings = {"PATH": f"{tmp_path}/first:{tmp_path}/second", "HOME": str(tmp_path / "home"), **variables}
    command = ["/bin/sh", str(ROOT / "tools" / "find-python"), *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)


def test_python_that_only_pretends_to_be_there_is_passed_over(tmp_path: Path) -> None:
    """A version manager's stand-in is on PATH and fails when it is run."""
    stand_in(tmp_path / "first" / "python3", None)
    real = stand_in(tmp_path / "second" / "python3", "3.12")
    assert find_python(tmp_path).stdout.strip() == str(real)


def test_tested_python_is_preferred_to_a_newer_one(tmp_path: Path) -> None:
    """A newer Python than all tested ones serves only when it is the only one."""
    newer = stand_in(tmp_path / "first" / "python3", "3.15")
    assert find_python(tmp_path).stdout.strip() == str(newer)
    tested = stand_in(tmp_path / "second" / "python3.11", "3.11")
    assert find_python(tmp_path).stdout.strip() == str(tested)


def test_old_python_alone_is_one_line(tmp_path: Path) -> None:
    """A machine with only an old Python learns which one it needs."""
    stand_in(tmp_path / "first" / "python3", "3.9")
    refused = find_python(tmp_path)
    assert refused.returncode == 1
    assert "needs Python 3.11 or newer" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_python_that_was_asked_for_is_used_or_refused(tmp_path: Path) -> None:
    """PYTHON=… is obeyed, never silently replaced."""
    old = stand_in(tmp_path / "first" / "python3.9", "3.9")
    stand_in(tmp_path / "first" / "python3", "3.11")
    chosen = stand_in(tmp_path / "second" / "python3.13", "3.13")
    assert find_python(tmp_path, PYTHON=str(chosen)).stdout.strip() == str(chosen)
    assert "is Python 3.9.0, and Flasky needs 3.11" in find_python(tmp_path, PYTHON=str(old)).stderr
    assert "PYTHON=python4 cannot be run" in find_python(tmp_path, PYTHON="python4").stderr


def test_python_of_a_version_manager_is_found(tmp_path: Path) -> None:
    """`python3.12` is a stand-in that fails, and the real one is in the version manager's folder."""
    stand_in(tmp_path / "first" / "python3.12", None)
    managed = stand_in(tmp_path / "home" / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3", "3.12")
    assert find_python(tmp_path, PYTHON="python3.12").stdout.strip() == str(managed)
    assert find_python(tmp_path, "3.12").stdout.strip() == str(managed)
    missing = find_python(tmp_path, "3.13")
    assert (missing.returncode, missing.stdout) == (0, "")
