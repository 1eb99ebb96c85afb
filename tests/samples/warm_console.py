"""Console scripts without the second that their imports take: a warm process that forks for each command.

It reads a line of JSON for each command (arguments, folder, environment, files for input, output and errors) and
answers with the process id at once, and to a line with that id as `of` with the exit status, or `null` as long as there
is none (tests/samples/warm.py asks it). `nofile` limits how many files it may open. Arguments that begin with `-m` run
a module, with `python` a file. What was imported before is the libraries and Flasky's kernel, never a plug-in: those
are read anew by each command. Every command is a process of its own and ends like one; so is a trial of plug-ins that a
command makes (flasky/trial.py), which is forked, too.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import runpy
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO

from warm import WarmConsole, forked_trials

from flasky.kernel import ROOMS

_WARM = (
    "PIL.Image",
    "alembic.config",
    "argon2",
    "babel.dates",
    "click",
    "confusable_homoglyphs.confusables",
    "cryptography.fernet",
    "email_validator",
    "flasky.migrations.environment",
    "flasky.shell",
    "flasky.templating",
    "limits",
    "markdown_it",
    "nh3",
    "plaster_pastedeploy",
    "psycopg",
    "pyotp",
    "pyramid.scripts.pserve",
    "pyramid.scripts.pshell",
    "pyramid_jinja2",
    "pyramid_mailer",
    "pyramid_retry",
    "pyramid_tm",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "waitress",
    "wtforms",
    "zxcvbn",
    *ROOMS,
)


class _Trials(WarmConsole):
    """A fork of this process as it is now, before the command: who forks from it has what the command has not changed.

    Trials are forked from it from now on.
    """

    def __init__(self) -> None:
        jobs, asked = os.pipe()
        answered, answers = os.pipe()
        self._helper = os.fork()
        if self._helper == 0:
            os.close(asked)
            os.close(answered)
            _serve(os.fdopen(jobs), os.fdopen(answers, "w"))
            os._exit(0)
        os.close(jobs)
        os.close(answers)
        self._asked, self._answered = os.fdopen(asked, "w"), os.fdopen(answered)
        subprocess.run = forked_trials(self, subprocess.run)

    def ask(self, job: Mapping[str, object]) -> int | None:
        self._asked.write(json.dumps(job) + "\n")
        self._asked.flush()
        answer: int | None = json.loads(self._answered.readline())
        return answer

    def stop(self) -> None:
        self._asked.close()
        os.waitpid(self._helper, 0)


def _run(job: dict) -> None:
    trials = _Trials() if {"plugin", "pytest"} & set(job["arguments"][:4]) else None
    source = os.open(job["input"], os.O_RDONLY)
    output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    errors = os.open(job["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) if "errors" in job else output
    os.dup2(source, 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    if job.get("nofile"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (job["nofile"], job["nofile"]))
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environ"])
    # As a new interpreter would: what this process was itself started with stands behind.
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [path for path in given if path and path not in sys.path]
    # A package that was installed since the warm process began.
    importlib.invalidate_caches()
    # A module that a test writes anew within the same second, as long as before, would be taken for the old one.
    sys.dont_write_bytecode = True
    name = job["arguments"][0]
    status = 0
    try:
        if name == "-m":
            module = job["arguments"][1]
            sys.argv[:] = job["arguments"][1:]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        elif name == "python":
            file = job["arguments"][1]
            sys.argv[:] = job["arguments"][1:]
            sys.path.insert(0, str(Path(file).resolve().parent))
            runpy.run_path(file, run_name="__main__")
        else:
            [script] = entry_points(group="console_scripts", name=name)
            command = script.load()
            # In place: the functions of Pyramid's scripts hold this list as the default of an argument.
            sys.argv[:] = [str(Path(sys.executable).with_name(name)), *job["arguments"][1:]]
            ended = command()
            status = ended if isinstance(ended, int) else 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException as error:  # noqa: BLE001 - what the interpreter itself would do
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if trials is not None:
        trials.stop()
    os._exit(status & 0xFF)


def main() -> None:
    """Serve until the input ends."""
    for module in _WARM:
        importlib.import_module(module)
    loaded = [name for name in sys.modules if name.startswith("flasky.plugins.")]
    if loaded:
        raise RuntimeError(f"a command would not see changes of {', '.join(loaded)}")
    # Not sys.stdin, which would keep in its buffer what belongs to the commands.
    with os.fdopen(os.dup(0), encoding="utf-8") as jobs:
        _serve(jobs, sys.stdout)


def _serve(jobs: IO[str], answers: IO[str]) -> None:
    for line in jobs:
        answers.write(f"{json.dumps(_answer(json.loads(line)))}\n")
        answers.flush()


def _answer(job: dict) -> int | None:
    """The process id or the exit status that is asked for."""
    if "of" in job:
        found, status = os.waitpid(job["of"], os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None
    child = os.fork()
    if child == 0:
        _run(job)
    return child


if __name__ == "__main__":
    main()
