"""Fixtures for the tests of migrations: the workshop of tests/samples/workshop.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from workshop import WarmAlembic, Workshop


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmAlembic]:
    """The warm process."""
    process = WarmAlembic()
    yield process
    process.stop()


@pytest.fixture
def make_workshop(database_server: Any, warm: WarmAlembic, tmp_path: Path) -> Callable[[], Workshop]:
    """A function that makes a workshop on a new, empty database."""

    def make() -> Workshop:
        folder = tmp_path / "project"
        folder.mkdir()
        if database_server.name == "sqlite":
            return Workshop(folder, warm, f"sqlite:///{folder}/data.sqlite")
        return Workshop(folder, warm, database_server.create(lambda _url: None, "empty").url)

    return make


@pytest.fixture
def workshop(make_workshop: Callable[[], Workshop]) -> Workshop:
    """A project on an empty database; the test runs on SQLite and PostgreSQL."""
    return make_workshop()


@pytest.fixture
def sqlite_workshop(warm: WarmAlembic, tmp_path: Path) -> Workshop:
    """A project on an SQLite file that is not there yet."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Workshop(folder, warm, f"sqlite:///{folder}/data.sqlite")
