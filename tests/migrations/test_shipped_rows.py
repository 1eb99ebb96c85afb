"""What the shipped migrations do with the rows that are there, up and down."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError
from workshop import Workshop

from flasky.testing.ini import REPOSITORY

NOTICE = "INSERT INTO notices (id, user_id, actor_id, kind, created_at) VALUES ({}, 1, 1, '{}', '2026-01-01')"


def test_notices_of_decisions_come_with_0006_and_go_with_it(workshop: Workshop) -> None:
    """The kinds stand in a constraint: the others keep their rows, and nothing else goes."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0005")
    workshop.sql(
        "INSERT INTO users (id, username, username_key, username_skeleton, role_id, created_at)"
        " SELECT 1, 'anna', 'anna', 'anna', min(id), '2026-01-01' FROM roles",
        NOTICE.format(1, "follow"),
    )
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(2, "hidden"))
    workshop.alembic("upgrade", "head")
    workshop.sql(NOTICE.format(2, "hidden"), NOTICE.format(3, "shown"), NOTICE.format(4, "mention"))
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(5, "other"))
    assert "No new upgrade operations detected" in workshop.alembic("check")
    workshop.alembic("downgrade", "0005")
    assert workshop.sql("SELECT id, kind FROM notices ORDER BY id") == [(1, "follow"), (4, "mention")]
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(2, "hidden"))
