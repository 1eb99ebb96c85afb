"""The two sample distributions, built and installed by pip into a clean folder."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import WarmConsole, forked_trials

from flasky import trial
from flasky.conformance.workbench import Workbench

SAMPLES = Path(__file__).resolve().parents[1] / "sample_plugins"


class QuickWorkbench(Workbench):
    """A workbench whose builds coverage does not watch: pip and setuptools run nothing of Flasky, at half the speed.

    What one process of this run of the tests has built the others take over, by a list in `shared`.
    """

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder)
        self._list = shared / "installed.json"

    def installed(self, *sources: Path) -> Path:
        """Like that of the workbench."""
        with self._list.open("a+", encoding="utf-8") as file, pytest.MonkeyPatch.context() as patch:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = json.loads(file.read() or "{}")
            self._installed = {Path(source): Path(target) for source, target in known.items()} | self._installed
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            target = super().installed(*sources)
            file.truncate(0)
            json.dump({str(source): str(target) for source, target in self._installed.items()}, file)
            return target


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """Where the conformance suite works: one wheel of Flasky, and one migrated database, for all who ask."""
    own = tmp_path_factory.getbasetemp()
    # xdist gives each of its processes a folder in that of the run.
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return QuickWorkbench(tmp_path_factory.mktemp("workbench"), shared)


@pytest.fixture(scope="session")
def sample_packages(workbench: Workbench) -> Path:
    """The folder that pip installed the samples into, from the wheels that it built of them; offline."""
    return workbench.installed(SAMPLES / "board", SAMPLES / "poster")


@pytest.fixture
def samples(sample_packages: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The samples, installed for this process too. Their modules stay imported: models can be mapped only once."""
    monkeypatch.syspath_prepend(sample_packages)
    importlib.invalidate_caches()
    yield sample_packages
    importlib.invalidate_caches()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plug-in `faulty`, version 2.1, installed for this module."""
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "flasky_faulty-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flasky-faulty\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[flasky.plugins]\nfaulty = flasky_faulty:plugin\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.fixture
def warm_trials(warm_console: WarmConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a trial be a fork of the warm process; it is a process of its own all the same."""
    monkeypatch.setattr(trial.subprocess, "run", forked_trials(warm_console, subprocess.run))
