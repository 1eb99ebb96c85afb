"""The two sample distributions, built and installed by pip into a clean folder."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[1] / "sample_plugins"


@pytest.fixture(scope="session")
def sample_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the samples into, from the wheels that it built of them; offline."""
    target = tmp_path_factory.mktemp("site-packages")
    work = tmp_path_factory.mktemp("sources")
    copies = []
    for name in ("board", "poster"):
        # pip builds inside the source folder.
        copy = work / name
        subprocess.run(["cp", "-r", str(SAMPLES / name), str(copy)], check=True)
        copies.append(str(copy))
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-compile"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), *copies]
    subprocess.run(command, check=True, timeout=120)
    return target


@pytest.fixture
def samples(sample_packages: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The samples, installed for this process too. Their modules stay imported: models can be mapped only once."""
    monkeypatch.syspath_prepend(sample_packages)
    importlib.invalidate_caches()
    yield sample_packages
    importlib.invalidate_caches()
