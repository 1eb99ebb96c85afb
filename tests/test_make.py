"""The commands of the Makefile, and what runs the same ones: continuous integration and the hooks before a commit."""

import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import environment
import pytest

from flasky.testing.ini import write_ini
from flasky.testing.live import free_port
from flasky.testing.missing import missing

ROOT = Path(__file__).resolve().parent.parent


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make at the top of the project and return what it said."""
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=surroundings(**variables), capture_output=True, text=True, check=False
    )


def surroundings(**variables: str) -> dict[str, str]:
    """Return the environment for a command: this one's, without any way to a package index.

    It is not measured for coverage either, which would be measured with its speed.
    """
    ours = ("PYTHON", "MAKE", "COVERAGE_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**clean, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **variables}


@pytest.fixture
def installed() -> None:
    """The environment that `make` uses is up to date, so that a test does not change it while others run in it."""
    lock = "requirements-dev.txt"
    if not environment.Environment(ROOT / ".venv").is_current(lock, environment.digest(lock)):
        missing("An environment made by `make test`", "Run `make test` once.")


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    """A development site of its own, on a free port and a new SQLite file."""
    settings = {
        "flasky.environment": "development",
        "flasky.plugins": "main accounts",
        "sqlalchemy.url": f"sqlite:///{tmp_path}/data-dev.sqlite",
    }
    return write_ini(tmp_path / "development.ini", settings, port=free_port())


def port_of(ini: Path) -> int:
    """Return the port that an INI file names."""
    found = re.search(r"^port = (\d+)$", ini.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return int(found[1])


def test_make_alone_lists_every_command() -> None:
    """Somebody who types `make` is told what there is; nothing is installed or changed by that."""
    shown = make()
    assert shown.returncode == 0
    assert shown.stderr == ""
    listed = set(re.findall(r"^  make (\S+) +\S", shown.stdout, re.MULTILINE))
    assert listed >= {"serve", "test", "lint", "bench", "lock", "messages", "help"}
    assert shown.stdout == make("help").stdout


class Serving:
    """`make serve` as a person runs it, in a process group of its own."""

    def __init__(self, ini: Path) -> None:
        self.output = ini.with_suffix(".out")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "serve", f"INI={ini}"],
                cwd=ROOT,
                env=surroundings(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def answer(self, url: str, seconds: float) -> int:
        """Return the status of the first answer, or fail with the output when none comes in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=seconds) as response:  # noqa: S310 - our own server
                    return int(response.status)
            except OSError:
                time.sleep(0.02)  # polls; the deadline decides
        raise AssertionError(f"no answer within {seconds} s:\n{self.output.read_text(encoding='utf-8')}")

    def interrupt(self) -> None:
        """Press Ctrl-C: the whole group gets the signal, as from a terminal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(40)


def cost_of_serving(ini: Path) -> tuple[float, str]:
    """Start `make serve`, wait for its first answer and end it; returns its CPU seconds and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    serving = Serving(ini)
    try:
        assert serving.answer(f"http://localhost:{port_of(ini)}/", seconds=20) == 200
    finally:
        serving.interrupt()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, serving.output.read_text(encoding="utf-8")


@pytest.mark.usefixtures("installed")
def test_make_serve_answers_without_installing_and_without_a_network(ini: Path) -> None:
    """PARITY 2: the second `make serve` installs nothing, makes the schema and answers within three seconds."""
    # The first leaves compiled modules behind, where PYTHONDONTWRITEBYTECODE is not set as it may be for the tests.
    compiled = [str(ROOT / ".venv/bin/python"), "-m", "compileall", "-q", "flasky", "tools"]
    subprocess.run(compiled, cwd=ROOT, env=surroundings(), check=True)
    # Other tests run at the same time and can only make it dearer: the processor's seconds, the least of three tries.
    costs = []
    while len(costs) < 3 and (not costs or min(costs) >= 3):
        spent, output = cost_of_serving(ini)
        costs.append(spent)
        assert "Making" not in output
        assert "Installing" not in output
        told = output.partition("Flasky is at ")[0].splitlines()
        assert len(set(told)) == len(told), "each migration once"
        assert all("Running upgrade" in line for line in told), "and nothing where none waits"
    assert min(costs) < 3


@pytest.mark.usefixtures("installed")
def test_make_serve_on_a_busy_port_says_so(ini: Path) -> None:
    """Somebody else listens there: one line, not a traceback."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port_of(ini)))
        other.listen()
        refused = make("serve", f"INI={ini}")
    assert refused.returncode != 0
    assert str(port_of(ini)) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_slip_in_the_name_of_a_test_is_told(tmp_path: Path) -> None:
    """pytest ends without a word about it where its processes work side by side."""
    pytest_of_no_tests = tmp_path / "pytest"
    pytest_of_no_tests.write_text("#!/bin/sh\nexit 5\n")
    pytest_of_no_tests.chmod(0o755)
    refused = make("--assume-old=dev", "test", f"BIN={tmp_path}", TESTS="tests/nowhere.py")
    assert refused.returncode != 0
    assert refused.stderr.startswith("No test was found: is there a slip in TESTS=tests/nowhere.py?\n")


def test_an_ini_file_with_a_blank_in_its_name_is_one_argument() -> None:
    commands = make("--dry-run", "serve", "INI=my site.ini").stdout.splitlines()
    assert shlex.split(commands[-1])[-2:] == ["tools/serve.py", "my site.ini"]


@pytest.mark.parametrize("chosen", ["python9.9", "/nowhere/python3"])
def test_make_with_a_python_that_is_not_there_is_one_line(chosen: str) -> None:
    """A misspelt PYTHON=… is named, and nothing is made with another one."""
    refused = make("serve", PYTHON=chosen)
    assert refused.returncode != 0
    lines = [line for line in refused.stderr.splitlines() if not line.startswith("make")]
    assert lines == [f"PYTHON={chosen} cannot be run: give the name or the path of a Python 3.11 or newer."]


def test_hooks_before_a_commit_are_the_linters_of_make_lint() -> None:
    """What passes before a commit passes in CI, and nothing is fetched for it."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = {re.sub(r" --force-exclude$", " .", line) for line in re.findall(r"^ +entry: (.*)$", text, re.MULTILINE)}
    linters = set(make("--dry-run", "lint").stdout.splitlines()) - set(make("--dry-run", "dev").stdout.splitlines())
    assert entries == linters
    assert set(re.findall(r"^ +language: (.*)$", text, re.MULTILINE)) == {"system"}
    assert re.findall(r"repo: (.*)$", text, re.MULTILINE) == ["local"]


def test_continuous_integration_runs_the_same_script_on_every_supported_python() -> None:
    """The workflow adds nothing of its own to .ci/run; the script can be run."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"^ +python: (.*)$", workflow, re.MULTILINE) == ['["3.11", "3.12", "3.13"]']
    assert "run: bash .ci/run" in workflow
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_a_test_from_outside_of_the_repository_can_be_run_with_the_suite(pytestconfig: pytest.Config) -> None:
    """Somebody may name a file of their own beside those here."""
    suite = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    outside = SimpleNamespace(path=Path("/elsewhere/test_it.py"), get_closest_marker=lambda _name: None)
    suite.pytest_collection_modifyitems([outside])
    assert suite._is_watched(outside)


def test_files_at_the_top_can_be_named_by_a_newcomer() -> None:
    """PARITY 1: what `ls` shows after a clone is known from any other Python project."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    shown = {name.split("/")[0] for name in listed.splitlines() if not name.startswith(".")}
    assert shown <= {
        *("alembic", "benchmarks", "docs", "flasky", "tests", "tools"),
        *("development.ini", "testing.ini", "production.ini"),
        *("setup.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "Makefile", "MANIFEST.in"),
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md"),
    }


def test_alembic_folder_does_not_hide_the_library() -> None:
    """With an __init__.py in it, `import alembic` at the top of the project would find the folder."""
    assert not (ROOT / "alembic" / "__init__.py").exists()
    script = "import alembic; print(alembic.__version__)"
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
