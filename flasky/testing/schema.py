"""Bringing a test's database to the newest schema."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config

from flasky.database.base import Base
from flasky.database.engine import make_engine
from flasky.database.ownership import tables
from flasky.site import load_site
from flasky.testing.ini import REPOSITORY, write_ini


def migrate(settings: Mapping[str, Any], revision: str = "heads") -> None:
    """Run the migrations on the database of `settings`, as ``alembic upgrade heads`` does."""
    if not (REPOSITORY / "alembic" / "env.py").exists():
        site = load_site({}, settings, {})
        engine = make_engine(settings["sqlalchemy.url"])
        Base.metadata.create_all(engine, tables(site))
        engine.dispose()
        return
    with tempfile.TemporaryDirectory() as folder:
        ini = write_ini(Path(folder) / "migrate.ini", settings)
        command.upgrade(Config(str(ini), stdout=None), revision)  # type: ignore[arg-type]
