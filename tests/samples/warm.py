"""Commands without the second or two that their imports take: forks of a process that has imported Flasky's kernel.

Each is a process of its own that ends like one (tests/samples/warm_console.py). For tests of what a command does; that
it starts, as pip installed it, is shown by others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: How many seconds a command may take where nothing else is said: one that wrongly goes on does not hang the tests.
SECONDS = 180


def unwatched(environ: Mapping[str, str]) -> dict[str, str]:
    """These variables without those by which coverage begins in a new process.

    What forks run is lost to it (they end without its knowing), and pip, mypy and the like run nothing of Flasky:
    watching would double their time for nothing.
    """
    return {name: value for name, value in environ.items() if not name.startswith("COVERAGE_")}


class WarmConsole:
    """The warm process. It starts when the first command is run."""

    def __init__(self, environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> None:
        """`environ` and `folder` are what the process itself starts with: they say where Flasky is imported from."""
        self._environ = unwatched(environ)
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, *arguments: str, folder: Path, environ: Mapping[str, str], typed: str = "", timeout: float = SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a console script, or `-m` and a module, in `folder` with these variables and no others.

        `typed` is its input. Its output is the two streams apart. Raises subprocess.TimeoutExpired, with what it said,
        when it did not end within `timeout` seconds; it is ended then.
        """
        with tempfile.TemporaryDirectory(prefix="flasky-warm-") as name:
            files = {stream: Path(name) / stream for stream in ("input", "output", "errors")}
            files["input"].write_text(typed, encoding="utf-8")
            try:
                status = self.status(*arguments, folder=folder, environ=environ, files=files, timeout=timeout)
            except subprocess.TimeoutExpired as error:
                said = [file.read_text(encoding="utf-8") for file in files.values() if file.exists()]
                raise subprocess.TimeoutExpired(arguments, timeout, "".join(said)) from error
            output, errors = (files[stream].read_text(encoding="utf-8") for stream in ("output", "errors"))
            return subprocess.CompletedProcess(arguments, status, output, errors)

    def status(
        self,
        *arguments: str,
        folder: Path,
        environ: Mapping[str, str],
        files: Mapping[str, Path],
        timeout: float = SECONDS,
    ) -> int:
        """Run a command like `run` with files for `input`, `output` and `errors` (where left out, they go to the
        output), and return its exit status, negative for the signal that ended it."""
        process = self._begin({"arguments": arguments, "folder": str(folder), "environ": dict(environ)}, files)
        try:
            return process.wait(timeout)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait(SECONDS)

    def start(
        self,
        *arguments: str,
        environ: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        folder: Path | None = None,
        nofile: int = 0,
    ) -> Forked:
        """Start a console script that goes on until it is ended; what it says comes to the end of the file `output`.

        Its errors come there too, where no file is given for them. `nofile` is how many files it may open, where that
        is not as many as this process may.
        """
        job = {"arguments": arguments, "folder": str(folder or Path.cwd()), "environ": dict(environ), "nofile": nofile}
        files = {"input": Path(os.devnull), "output": output, **({"errors": errors} if errors else {})}
        return self._begin(job, files)

    def _begin(self, job: Mapping[str, object], files: Mapping[str, Path]) -> Forked:
        pid = self.ask({**job, **{stream: str(file) for stream, file in files.items()}})
        assert pid is not None
        return Forked(self, pid)

    def ask(self, job: Mapping[str, object]) -> int | None:
        """Send a line to the warm process and return its answer."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        answer: int | None = json.loads(process.stdout.readline())
        return answer

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_console.py"))],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End the warm process."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(10)
            self._process = None


class Forked:
    """A process that a warm one started, for whoever would hold a `subprocess.Popen`."""

    def __init__(self, console: WarmConsole, pid: int) -> None:
        self._console = console
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None as long as it runs."""
        if self.returncode is None:
            self.returncode = self._console.ask({"of": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end and return the exit status; raises subprocess.TimeoutExpired after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended: the number may be another's by then."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def forked_trials(
    console: WarmConsole, others: Callable[..., subprocess.CompletedProcess[str]]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """What to put in the place of `subprocess.run`, `others`, so that trials of plug-ins (flasky/trial.py) are forks.

    A fork begins in the folder, with the variables and the time that it is given, and is held to `-P`, which a fork
    would not miss: it looks for no module where it begins.
    """

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if "flasky.trial" not in command:
            return others(command, **options)
        assert command[1:4] == ["-P", "-m", "flasky.trial"], f"a trial finds what lies in its folder: {command}"
        folder = Path(options["cwd"] or Path.cwd())
        return console.run(*command[2:], folder=folder, environ=options["env"], timeout=options["timeout"])

    return run
