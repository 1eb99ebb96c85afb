"""`flasky serve --safe` and `--without`: a site that a plug-in broke is served all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from warm import Forked, WarmConsole

from flasky.testing.live import free_port
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate


@pytest.fixture
def serve(
    samples: Path, ini_file: Callable[..., Path], warm_console: WarmConsole
) -> Iterator[Callable[..., tuple[int, str, Path]]]:
    """A function that serves a site with these options; the status of `/`, what was said, and the INI file."""
    running: list[subprocess.Popen[bytes] | Forked] = []

    def started(plugins: str, *options: str, cold: bool = False) -> tuple[int, str, Path]:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        ini = ini_file(port=port, flasky__plugins=plugins, flasky__base_url=url, flasky__mail_deliver="false")
        migrate({**TEST_SETTINGS, "sqlalchemy.url": f"sqlite:///{ini.parent}/data.sqlite"})
        said = ini.with_suffix(".said")
        said.touch()
        arguments = ("--ini", str(ini), "serve", *options)
        environ = {**os.environ, "PYTHONPATH": str(samples)}
        process: subprocess.Popen[bytes] | Forked
        if cold:
            with said.open("wb") as output:
                command = [sys.executable, "-m", "flasky", *arguments]
                process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)
        else:
            process = warm_console.start("flasky", *arguments, environ=environ, output=said)
        running.append(process)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{url}/", timeout=10) as page:  # noqa: S310 - our own server
                    return page.status, said.read_text(), ini
            except urllib.error.HTTPError as error:
                return error.code, said.read_text(), ini
            except OSError:
                time.sleep(0.05)  # polls; the deadline decides
        return 0, said.read_text(), ini

    yield started
    for process in running:
        process.terminate()
        process.wait(40)


def test_without_leaves_out_what_requires_it_too(serve: Callable[..., tuple[int, str, Path]]) -> None:
    """Nothing of the plug-in that is named is imported: it may be gone, or broken in every way."""
    status, said, ini = serve(
        "main accounts board poster nothere", "--without", "nothere", "--without", "board", cold=True
    )
    assert status == 200, said
    assert "Left out: nothere, board, poster." in said
    assert "flasky.plugins = main accounts board poster nothere\n" in ini.read_text()


def test_safe_serves_only_what_ships(serve: Callable[..., tuple[int, str, Path]]) -> None:
    status, said, ini = serve("main accounts board echo", "--safe")
    assert status == 200, said
    assert "Left out: board, echo." in said
    # It tells its numbers where `flasky plugin stats` looks for those of the site.
    assert [folder.name for folder in (ini.parent / "run").iterdir()] == [ini.stem]
