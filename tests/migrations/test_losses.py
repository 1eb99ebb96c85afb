"""What a generated revision would lose is counted and refused; what only widens is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.operations import ops
from alembic.util import CommandError
from sqlalchemy import Column, Connection, DateTime, Integer, Numeric, String, Text, create_engine, text

from flasky.migrations.losses import Names, foreseen_failures, refuse_losses

NO_NAMES = Names(())


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Three people, one of whom has no name."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE people (id INTEGER, name VARCHAR(20), height NUMERIC(5, 2))"))
        connection.execute(text("INSERT INTO people VALUES (1, 'Ann', 1.75), (2, 'Benjamin', 1.8), (3, NULL, NULL)"))
        yield connection
    engine.dispose()


def upgrade(*operations: Any) -> ops.UpgradeOps:
    """What a revision would do to the people."""
    return ops.UpgradeOps([ops.ModifyTableOps("people", list(operations))])


def change(name: str, old: Any, new: Any) -> ops.AlterColumnOp:
    """Another type for a column of the people."""
    return ops.AlterColumnOp("people", name, existing_type=old, modify_type=new)


def refused(connection: Connection, revision: ops.UpgradeOps, names: Names = NO_NAMES, **asked: bool) -> str:
    """What is said instead of writing the revision; empty when it is written."""
    try:
        refuse_losses(connection, revision, names, **{"drops": False, "types": False, **asked})
    except CommandError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("name", String(20), Integer(), "people.name, from VARCHAR(20) to INTEGER, with 2 values"),
        ("name", String(20), String(5), "people.name, from VARCHAR(20) to VARCHAR(5), with 1 value longer than that"),
        ("height", Numeric(5, 2), Numeric(5, 1), "people.height, from NUMERIC(5, 2) to NUMERIC(5, 1), with 2 values"),
        ("height", Numeric(), Numeric(5, 1), "people.height, from NUMERIC to NUMERIC(5, 1), with 2 values"),
    ],
)
def test_what_a_new_type_cannot_hold_is_told_and_written_when_asked_for(
    connection: Connection, name: str, old: Any, new: Any, told: str
) -> None:
    revision = upgrade(change(name, old, new))
    said = refused(connection, revision, drops=True)
    assert told in said
    assert "-x types=yes" in said
    assert "drops" not in said
    assert refused(connection, revision, types=True) == ""


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("name", String(20), String(50)),
        ("name", String(20), String(8)),
        ("name", String(20), Text()),
        ("height", Numeric(5, 2), Numeric(7, 3)),
        # SQLite knows no zones.
        ("name", DateTime(), DateTime(timezone=True)),
        ("name", None, None),
    ],
)
def test_what_holds_all_that_is_there_is_written(connection: Connection, name: str, old: Any, new: Any) -> None:
    assert refused(connection, upgrade(change(name, old, new))) == ""


def test_what_is_dropped_is_counted_by_the_names_of_today(connection: Connection) -> None:
    renames = Names(
        (
            ops.RenameTableOp("people", "members"),
            ops.AlterColumnOp("members", "name", modify_name="called"),
        )
    )
    revision = ops.UpgradeOps(
        [
            ops.ModifyTableOps("members", [ops.DropColumnOp("members", "height")]),
            ops.ModifyTableOps("members", [change("called", String(20), Integer())]),
            ops.DropTableOp("people"),
        ]
    )
    said = refused(connection, revision, renames)
    assert "the column people.height with 2 values" in said
    assert "the table people with 3 rows" in said
    assert "the column people.name, from VARCHAR(20) to INTEGER" in said
    assert "-x drops=yes -x types=yes" in said
    assert refused(connection, revision, renames, drops=True, types=True) == ""


def test_rows_that_a_revision_will_fail_on_are_foreseen(connection: Connection) -> None:
    def of(*operations: Any) -> str:
        return " ".join(foreseen_failures(connection, upgrade(*operations), NO_NAMES))

    mood = ops.AddColumnOp("people", Column("mood", String(20), nullable=False))
    assert "people.mood is NOT NULL, and 3 rows of this database would have no value" in of(mood)
    assert of(ops.AddColumnOp("people", Column("mood", String(20), nullable=True))) == ""
    assert of(ops.AddColumnOp("people", Column("mood", String(20), nullable=False, server_default=""))) == ""
    forbid = ops.AlterColumnOp("people", "name", modify_nullable=False)
    assert "people.name is NOT NULL, and 1 row of this database would have no value" in of(forbid)
    assert of(ops.AlterColumnOp("people", "id", modify_nullable=False), ops.DropColumnOp("people", "name")) == ""
    assert foreseen_failures(connection, ops.UpgradeOps([ops.DropTableOp("people")]), NO_NAMES) == []
