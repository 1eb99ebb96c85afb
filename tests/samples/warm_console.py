"""Console scripts without the second that their imports take: a warm process that forks for each command.

It reads a line of JSON for each command (arguments, folder, environment, files for input, output and errors) and
answers with the exit status (tests/samples/warm.py asks it). With `goes_on`, for a server, it answers with the process
id at once, and to a line with that id as `of` with the exit status, or `null` as long as there is none. `nofile` limits
how many files it may open. Arguments that begin with `-m` run a module. What was imported before is the libraries and
Flasky's kernel, never a plug-in: those are read anew by each command. Every command is a process of its own and ends
like one.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import runpy
import sys
from importlib.metadata import entry_points
from pathlib import Path

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


def _run(job: dict) -> None:
    source = os.open(job["input"], os.O_RDONLY)
    output = os.open(
        job["output"], os.O_WRONLY | os.O_CREAT | (os.O_APPEND if job.get("goes_on") else os.O_TRUNC), 0o600
    )
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
        for line in jobs:
            sys.stdout.write(f"{json.dumps(_answer(json.loads(line)))}\n")
            sys.stdout.flush()


def _answer(job: dict) -> int | None:
    """The process id or the exit status that is asked for."""
    if "of" in job:
        return _ended(job["of"], os.WNOHANG)
    child = os.fork()
    if child == 0:
        _run(job)
    return child if job.get("goes_on") else _ended(child, 0)


def _ended(child: int, options: int) -> int | None:
    found, status = os.waitpid(child, options)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    main()
