"""How a process tells others its numbers: a small file of its own, written anew every few seconds.

No request waits for it: a thread looks whether something has changed. docs/decisions/0063-numbers-of-processes.md says
why files.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from pyramid.config import Configurator
from pyramid.registry import Registry

from flasky.events import ServingBegins
from flasky.ini import site_name
from flasky.queues.owner import is_gone
from flasky.site import get_site
from flasky.statistics.numbers import Process, ProcessNumbers, read_numbers

logger = logging.getLogger(__name__)

#: How old what others read may be.
SECONDS = 2.0

_REGISTRY_KEY = "flasky.statistics.process"


class Sharing(threading.Thread):
    """Writes the numbers of this process into `folder` until the process ends."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        super().__init__(name="statistics", daemon=True)
        self._process = get_process(registry)
        self.file = folder / f"{os.getpid()}.json"
        self._stop_event = threading.Event()
        self._written = ""

    def run(self) -> None:
        """Write what has changed, every few seconds."""
        while not self._stop_event.wait(SECONDS):
            if not self.write():
                return

    def write(self) -> bool:
        """Write the file if something has changed; says once why that cannot be done, and returns False then."""
        text = json.dumps(self._process.numbers().as_json())
        if text == self._written:
            return True
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.file.with_suffix(".tmp")
            with open(draft, "w", encoding="utf-8", opener=_for_us_alone) as target:
                target.write(text)
            draft.replace(self.file)
        except OSError as error:
            logger.warning("`flasky plugin stats` will not see this process: %s", error)
            return False
        self._written = text
        return True

    def stop(self) -> None:
        """Write no more, and take the file away: a process that has ended has no numbers."""
        self._stop_event.set()
        with contextlib.suppress(OSError):
            self.file.unlink()


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def get_process(registry: Registry) -> Process:
    """This process, by the name under which it tells its numbers."""
    process: Process | None = registry.get(_REGISTRY_KEY)
    if process is None:
        process = registry[_REGISTRY_KEY] = Process(registry)
    return process


def folder_of(ini_file: str, named: str) -> Path | None:
    """Where the processes of a site tell their numbers; None when they tell nobody.

    `named` is the setting `flasky.statistics`. A relative folder lies beside the INI file, and has a folder for each
    INI file there.
    """
    if Path(named).is_absolute():
        return Path(named)
    if not (named and ini_file):
        return None
    # A server without some of the plug-ins is one of the site's, too.
    return Path(ini_file).absolute().parent / named / site_name(ini_file)


def read_folder(folder: Path | None) -> list[ProcessNumbers]:
    """The numbers of every process that still runs, the oldest first; what cannot be read is left out."""
    found = []
    for file in sorted(folder.glob("*.json")) if folder is not None else ():
        try:
            numbers = read_numbers(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("%s holds no numbers of a process: %s", file, error)
            continue
        if not is_gone(numbers.owner):
            found.append(numbers)
    return sorted(found, key=lambda numbers: numbers.since)


def all_processes(registry: Registry) -> list[ProcessNumbers]:
    """The numbers of this process as they are now, and of every other one of the site."""
    own, site = get_process(registry).numbers(), get_site(registry)
    folder = folder_of(site.ini_file, site.settings["flasky.statistics"])
    return [own, *(one for one in read_folder(folder) if one.owner != own.owner)]


def share(event: ServingBegins) -> None:
    """Subscriber: a server tells its numbers until it ends."""
    if (sharing := _begin(event.registry)) is not None:
        atexit.register(sharing.stop)


@contextlib.contextmanager
def numbers_told(registry: Registry) -> Iterator[None]:
    """Within, this process tells its numbers: for a worker beside the servers."""
    sharing = _begin(registry)
    try:
        yield
    finally:
        if sharing is not None:
            sharing.stop()


def _begin(registry: Registry) -> Sharing | None:
    site = get_site(registry)
    folder = folder_of(site.ini_file, site.settings["flasky.statistics"])
    if folder is None:
        return None
    _clear_away(folder)
    sharing = Sharing(registry, folder)
    # Once at once, so that the process is seen before its first request.
    if not sharing.write():
        return None
    sharing.start()
    return sharing


def _clear_away(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for file in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if is_gone(read_numbers(json.loads(file.read_text(encoding="utf-8"))).owner):
                file.unlink()


def includeme(config: Configurator) -> None:
    """Share the numbers of a server."""
    config.add_subscriber(share, ServingBegins)
