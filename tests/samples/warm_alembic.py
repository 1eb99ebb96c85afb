"""The command `alembic` without the second that its imports take: a warm process that forks for each command.

It reads a line of JSON for each command (arguments, folder, environment, path, output files) and answers with the exit
status; where there are several output files, the command runs as many times at once, and the statuses have a space
between. Every command is a process of its own and ends like one.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

import alembic.config

import flasky.migrations.environment
import flasky.migrations.state  # noqa: F401 - warm
from flasky.kernel import ROOMS

_WARM = (
    "flasky.migrations.scripts",
    "logging.config",
    "plaster_pastedeploy",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    *ROOMS,
)


def _run(job: dict, file: str) -> None:
    output = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(job["folder"])
    os.environ.update(job["environ"])
    sys.path[:0] = job["path"]
    # Modules are rewritten from command to command: what was compiled within the same second, for a text of the same
    # length, would be taken for the new one.
    sys.dont_write_bytecode = True
    status = 0
    try:
        if job["arguments"][0] == "--program":
            exec(job["arguments"][1], {"__name__": "__main__"})  # noqa: S102 - the test's own text
        else:
            alembic.config.main(argv=job["arguments"], prog="alembic")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - what the interpreter itself would do
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


def main() -> None:
    """Serve until the input ends."""
    for module in _WARM:
        importlib.import_module(module)
    for line in sys.stdin:
        job = json.loads(line)
        children = []
        for file in job["outputs"]:
            child = os.fork()
            if child == 0:
                _run(job, file)
            children.append(child)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        sys.stdout.write(" ".join(map(str, statuses)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
