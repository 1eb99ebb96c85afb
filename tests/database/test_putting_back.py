"""What one test did to its database and its connections is not there for the next."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from flasky.database import get_database


@pytest.mark.databases("postgresql")  # SQLite's connections are closed after each test that wrote.
def test_what_a_test_set_locked_or_made_for_its_connection_is_gone(test_site: Any) -> None:
    engine = get_database(test_site.app.registry).engine
    with engine.connect() as connection:
        usual = connection.scalar(text("SHOW statement_timeout"))
        connection.execute(text("SET statement_timeout = '1234s'"))
        connection.execute(text("SELECT pg_advisory_lock(7)"))
        connection.execute(text("CREATE TEMP TABLE kept (id int)"))
        connection.commit()
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
    test_site.expect_changes()
    test_site.reset()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) == backend
        assert connection.scalar(text("SHOW statement_timeout")) == usual
        assert connection.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")) == 0
        assert connection.scalar(text("SELECT to_regclass('kept')")) is None
