"""A site in a process of its own, for browsers and for faults: it can be stopped, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

_START_SECONDS = 30


def free_port() -> int:
    """A TCP port that nothing listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class LiveSite:
    """`pserve` with an INI file; its output is in `log`."""

    def __init__(self, ini: Path, port: int, environ: Mapping[str, str] | None = None) -> None:
        self.ini = ini
        self.url = f"http://127.0.0.1:{port}"
        self.log = ini.with_suffix(".log")
        self.environ = dict(environ or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return when it answers; raises RuntimeError with its output when it does not."""
        self.process = self.launch()
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._answers():
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the site did not start:\n{self.log.read_text(encoding='utf-8')}")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start `pserve` and return its process, which need not answer yet."""
        command = [sys.executable, "-m", "pyramid.scripts.pserve", str(self.ini)]
        with self.log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **self.environ}
            )

    def stop(self, seconds: float = 35) -> int:
        """End the server politely (SIGTERM); returns its exit status."""
        return self._signal(signal.SIGTERM, seconds)

    def kill(self) -> int:
        """End the server at once (SIGKILL), as a crash would."""
        return self._signal(signal.SIGKILL, 10)

    def restart(self) -> None:
        """Kill it if it runs, and start it again."""
        self.kill()
        self.start()

    def _signal(self, number: int, seconds: float) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        self.process = None
        return status

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/", timeout=5):  # noqa: S310 - our own server
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
