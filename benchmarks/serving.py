"""Servers under measurement: one process an application, all on the same server with the same settings.

As a program (`python -m benchmarks.serving NAME FOLDER PORT THREADS`) it is such a server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket
from typing import Any

from benchmarks.applications import APPLICATIONS, blog_settings

THREADS = 4
START_SECONDS = 30
#: What is not compared with others: not on the server that all have, but on the one that comes with it.
AS_SHIPPED = "Flasky blog as shipped"


@dataclass
class Server:
    """A running server: its name, port and process."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """The CPU time that the process has used so far, user and system, from /proc."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss_mib(self) -> float:
        """The process's proportional set size in MiB, from /proc."""
        for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("this system does not tell a process's PSS")


@contextmanager
def serving(name: str, folder: Path, threads: int = THREADS) -> Any:
    """A `Server` with the application called `name`, until the block ends."""
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.serving", name, str(folder), str(port), str(threads)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        _wait_for(port, process)
        yield Server(name, port, process)
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("a server of the benchmark did not start")


def serve_fastapi(folder: Path, port: int) -> None:
    """Serve the ASGI peer on uvicorn, as its own documentation does."""
    import uvicorn

    from benchmarks.peers.fastapi_app import make

    uvicorn.run(make(folder), host="127.0.0.1", port=port, log_level="error", access_log=False)


def serve_as_shipped(folder: Path, port: str, threads: str) -> None:
    """Serve the blog as `pserve` does: on Flasky's own server, with its mails and jobs."""
    import flasky
    from flasky.server import make_server

    # Members who write as fast as they can reach the limits of an hour within seconds.
    limits = {"blog.comments_per_hour": "100000", "blog.comments_per_day": "100000"}
    serve = make_server({}, host="127.0.0.1", port=port, threads=threads)
    serve(flasky.main({}, **blog_settings(folder), **limits))


def main(name: str, folder: str, port: str, threads: str) -> None:
    """Serve one application until killed."""
    if name == "FastAPI":
        serve_fastapi(Path(folder), int(port))
        return
    if name == AS_SHIPPED:
        serve_as_shipped(Path(folder), port, threads)
        return
    import waitress

    application = APPLICATIONS[name](Path(folder))
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=int(threads), _quiet=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
