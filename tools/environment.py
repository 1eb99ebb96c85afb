"""Makes a virtual environment, installs the locked versions and Flasky itself, and does nothing when nothing changed.

    python3 tools/environment.py [--venv FOLDER] requirements.txt|requirements-dev.txt

What stands in its way is one line on standard error and exit status 1. What pip says goes to
install.log in the environment. One that has to be replaced stays beside the new one until that is whole,
and comes back when it cannot be. This file keeps to what Python 3.6 can read, so that an old Python
gets as far as the line that says it is old.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)

# Each holds all of the ones before it, in the same versions.
LOCKS = ("requirements.txt", "requirements-dev.txt")

# Where a person's pip installs to, and what it asks for, is for other environments (PIP_USER=1 fails in this one, and
# PIP_TARGET leaves it empty). Words on the command line win over variables and pip.conf, which also says where packages
# come from. An empty prefix or root would be a place, too: `Environment.pip` names those that are meant.
INSTALL = ("install", "--no-user", "--target=", "--root=/")
# Constraints on the command line would be added to those of pip.conf; the variable takes their place.
SETTINGS = {"PIP_REQUIRE_HASHES": "0", "PIP_CONSTRAINT": os.devnull}

# What pip's output means, the first match first: a lost network also ends in "No matching distribution".
EXPLANATIONS = (
    (
        r"No space left on device",
        "the disk is full; free some space and run the command again",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        """a downloaded package is not the one that was locked (its hash differs), so it was not installed;
        try again on another network, or compare requirements.txt with the project's history""",
    ),
    (
        r"""(?x) from\ versions:\ none | Could\ not\ fetch\ URL | NewConnectionError | NameResolutionError
        | Connection\ refused | ProxyError | Temporary\ failure\ in\ name\ resolution | Network\ is\ unreachable
        | Read\ timed\ out | ConnectTimeout""",
        """pip could not reach the package index; check the network (or the proxy and pip's own configuration)
        and run the command again""",
    ),
    (
        r"(?:Failed building wheel for |Failed to build '|based projects(?: \(|\n\W+))(?P<name>[\w.-]+)",
        """{name} has no ready-made wheel for this Python and machine, and building it failed; install a C compiler
        and Python's headers (Debian: apt install build-essential python3-dev), or use another Python""",
    ),
    (
        r"No matching distribution found for (?P<name>[\w.-]+)",
        """{name} is not to be had in the locked version for this Python; use 3.11, 3.12 or 3.13 (PYTHON=python3.12),
        or run `make upgrade` if it was withdrawn""",
    ),
)


class Refusal(Exception):
    """One line that says what is wrong and what to do."""


def main(arguments: list) -> None:
    """Bring the environment that the command line names up to date; raise Refusal when that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default=".venv", help="the folder of the environment, from the top of the project")
    parser.add_argument("lock", choices=LOCKS, help="the versions to install")
    options = parser.parse_args(arguments)
    environment = Environment(ROOT / options.venv)
    # Two commands at once (`make -j`, two terminals) wait for each other. The lock is on the
    # project's folder: the environment's own may be removed and made again.
    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        wanted = digest(options.lock)
        if environment.is_current(options.lock, wanted):
            return
        environment.check_place()
        with environment.kept():
            environment.make()
            environment.install(options.lock)
    except OSError as error:
        # The disk is full while this writes, or something is no folder.
        raise Refusal(explain("ERROR: {}: {}".format(error.filename or ROOT, error.strerror or error))) from None
    finally:
        os.close(folder)


def digest(lock: str) -> str:
    """Return one hash of everything that decides what an installation of this lock file contains."""
    content = hashlib.sha256()
    for name in ("setup.py", "pyproject.toml", *LOCKS[: LOCKS.index(lock) + 1]):
        content.update(name.encode() + b"\0" + read(ROOT / name) + b"\0")
    return content.hexdigest()


def read(path: Path) -> bytes:
    """Return the bytes of a file of the project, or say that it is missing."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal("{} cannot be read ({}): is this a whole clone?".format(path, error.strerror)) from None


def explain(output: str) -> str:
    """Return in one sentence why pip failed, from what it printed."""
    for pattern, explanation in EXPLANATIONS:
        found = re.search(pattern, output)
        if found:
            return " ".join(explanation.split()).format(**found.groupdict())
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    return errors[-1][len("ERROR:") :].strip().rstrip(".") if errors else "pip failed"


class Environment:
    """A virtual environment, with a note in it of what was installed there, for which Python and place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Where the one that is to be replaced waits.
        self.former = folder.with_name(folder.name + "-former")
        self.python = folder / "bin" / "python"
        self.note = folder / "flasky.json"
        self.log = folder / "install.log"
        # A virtual environment cannot be moved: its commands name the folder they were made in.
        self.place = str(folder)

    def is_current(self, lock: str, wanted: str) -> bool:
        """Tell whether this lock file is installed here with the hash `wanted`, for the Python that is asked for."""
        note = self.read_note()
        return (
            note.get("place") == self.place
            and note.get("installed", {}).get(lock) == wanted
            and self.serves(note.get("version"))
            and self.python.exists()
        )

    def check_place(self) -> None:
        """Raise Refusal when this person cannot write where the environment is, or is to be."""
        for folder in (self.folder.parent, self.folder):
            if folder.is_dir():
                try:
                    tempfile.TemporaryFile(dir=str(folder)).close()
                except OSError as error:
                    raise Refusal(
                        "The folder {} cannot be written ({}), and what Flasky needs is installed there: "
                        "use a clone that is yours (git clone {} elsewhere)".format(folder, error.strerror, ROOT)
                    ) from None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around `make` and `install`: the environment that they replace is removed, or comes back if they fail."""
        if not self.is_begun():
            # Left by a run that was killed when it had the new one whole: nobody is to get it back.
            shutil.rmtree(str(self.former), ignore_errors=True)
        try:
            yield
        except BaseException:
            if self.former.exists():
                if self.log.exists():
                    shutil.copyfile(str(self.log), str(self.former / self.log.name))
                shutil.rmtree(str(self.folder), ignore_errors=True)
                self.former.rename(self.folder)
            raise
        shutil.rmtree(str(self.former), ignore_errors=True)

    def is_begun(self) -> bool:
        """Tell whether what stands here, or does not yet, is the rest of one of ours that was never whole."""
        note = self.read_note()
        return not note.get("installed") if note else not (self.folder.is_dir() and any(self.folder.iterdir()))

    def set_aside(self) -> None:
        """Make room for a new environment; what stands there may be the rest of one that was never whole."""
        if self.former.exists() and self.is_begun():
            shutil.rmtree(str(self.folder), ignore_errors=True)
        elif self.folder.exists():
            shutil.rmtree(str(self.former), ignore_errors=True)
            self.folder.rename(self.former)

    def make(self) -> None:
        """Make the environment, or keep the one that is there; a broken one is made again when it is ours."""
        version = self.version()
        ours = bool(self.read_note())
        whole = version is not None and (not ours or self.read_note().get("place") == self.place)
        if whole and self.serves(version):
            return
        if self.folder.exists() and any(self.folder.iterdir()) and not ours:
            state = "cannot be used" if version is None else "is Python {}".format(version)
            raise Refusal("{0} {1}, and was not made by this command: remove it (rm -r {0})".format(self.folder, state))
        try:
            import ensurepip  # noqa: F401, PLC0415 - only here: Debian leaves it out of its Python
        except ImportError:
            raise Refusal(
                "Python {0} at {1} cannot make virtual environments (it has no ensurepip): "
                "install that part of it (Debian: apt install python{0}-venv)".format(running(), sys.executable)
            ) from None
        print("Making {} with Python {} ...".format(self.folder.name, running()), flush=True)
        self.set_aside()
        # The note comes first, so that an interrupted start is known as ours and made again.
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_note({})
        self.run([sys.executable, "-m", "venv", "--without-pip", str(self.folder)])
        self.run([str(self.python), "-m", "ensurepip", "--default-pip"])

    def install(self, lock: str) -> None:
        """Install the locked versions, then Flasky itself without asking for anything else."""
        print(
            "Installing {} into {} (this takes about a minute, once) ...".format(lock, self.folder.name),
            flush=True,
        )
        installed = self.read_note().get("installed", {})
        self.write_note({})
        # setuptools is among the locked versions: no isolated build, which would fetch its own.
        self.run([*self.pip(), "--requirement", str(ROOT / lock)])
        self.run([*self.pip(), "--no-build-isolation", "--no-deps", "--editable", str(ROOT)])
        for name in LOCKS[: LOCKS.index(lock) + 1]:
            installed[name] = digest(name)
        self.write_note(installed)

    def pip(self) -> list:
        """Return how pip installs into this environment: without questions or a look for a newer pip."""
        here = "--prefix={}".format(self.folder)
        return [str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input", *INSTALL, here]

    def run(self, command: list) -> None:
        """Run a command with its output in the log; a failure is explained from that."""
        result = subprocess.run(
            command,
            check=False,
            env={**os.environ, **SETTINGS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        output = result.stdout.decode("utf-8", "replace")
        if self.folder.is_dir():
            with self.log.open("a", encoding="utf-8") as log:
                log.write("$ {}\n{}".format(" ".join(command), output))
        if result.returncode != 0:
            where = ". All of the output: {}".format(self.log) if self.log.exists() else ""
            raise Refusal(explain(output) + where)

    def serves(self, version: "str | None") -> bool:
        """Tell whether a Python of this version will do: the one asked for, or any when none was."""
        if version is None or tuple(int(part) for part in version.split(".")) < OLDEST:
            return False
        return not os.environ.get("PYTHON") or version == running()

    def version(self) -> "str | None":
        """Return the version of the environment's Python, or None when it does not run or has no pip."""
        script = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
        try:
            result = subprocess.run(
                [str(self.python), "-c", script], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            return None
        return result.stdout.decode().strip() if result.returncode == 0 else None

    def read_note(self) -> dict:
        """Return the note, or an empty one when there is none that can be read."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def write_note(self, installed: dict) -> None:
        """Note for which place and Python the environment was made, and the hash of each lock file in it."""
        note = {"place": self.place, "version": self.version() or running(), "installed": installed}
        self.note.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")


def running() -> str:
    """Return the version of the Python that runs this, as in 3.12."""
    return "{}.{}".format(*sys.version_info[:2])


if __name__ == "__main__":
    try:
        if sys.version_info < OLDEST:
            raise Refusal("Flasky needs Python 3.11 or newer, and {} is Python {}".format(sys.executable, running()))
        main(sys.argv[1:])
    except Refusal as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again to go on.")
