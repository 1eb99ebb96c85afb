"""Bringing a test's database to the newest schema."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic.config import Config

from alembic import command
from flasky.testing.ini import write_ini


def migrate(settings: Mapping[str, Any], revision: str = "heads") -> None:
    """Run the migrations on the database of `settings`, as ``alembic upgrade heads`` does."""
    with tempfile.TemporaryDirectory() as folder:
        ini = write_ini(Path(folder) / "migrate.ini", settings)
        command.upgrade(Config(str(ini), stdout=None), revision)  # type: ignore[arg-type]
