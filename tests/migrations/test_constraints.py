"""Constraints are called after what was renamed, by a revision that is the same whichever database it was made on."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from alembic.autogenerate import render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from alembic.util import CommandError
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    create_engine,
    inspect,
    text,
)

from flasky.database.base import NAMING_CONVENTION
from flasky.migrations.constraints import RenameConstraintsOp, names_to_change
from flasky.migrations.renames import ColumnRename, TableRename

#: Two columns and a condition whose constraints have names that PostgreSQL cannot hold.
LONG, TOO = "an_uncommonly_long_name_of_a_column", "and_another_one_of_the_same_kind"
RENAMES: list[TableRename | ColumnRename] = [
    TableRename("follows", "followings"),
    ColumnRename("followings", "who_id", "person_id"),
    ColumnRename("followings", LONG, "brief"),
]
NAMES = {
    f"ck_follows_{LONG}_is_positive_and_so_is_everything": "ck_followings_brief_is_positive_and_so_is_everything",
    "ck_follows_who_id": "ck_followings_person_id",
    "fk_follows_before_id_follows": "fk_followings_before_id_followings",
    "fk_follows_who_id_people": "fk_followings_person_id_people",
    "pk_follows": "pk_followings",
    f"uq_follows_{LONG}_{TOO}": f"uq_followings_brief_{TOO}",
    "was_named_by_hand": "is_named_by_hand",
}


def follows(name: str, who: str, long: str, own: str) -> Table:
    """The table, before or after the renames."""
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    Table("people", metadata, Column("id", Integer, primary_key=True))
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column(who, ForeignKey("people.id")),
        Column("before_id", ForeignKey(f"{name}.id")),
        Column(long, Integer),
        Column(TOO, Integer, server_default="7"),
        UniqueConstraint(long, TOO),
        UniqueConstraint(who, "before_id", name=own),
        CheckConstraint(f"{who} > 0", name=who),
        CheckConstraint(f"{long} > 0", name=f"{long}_is_positive_and_so_is_everything"),
    )


BEFORE = follows("follows", "who_id", LONG, "was_named_by_hand")
AFTER = follows("followings", "person_id", "brief", "is_named_by_hand")


@pytest.fixture
def connection(database_server: Any) -> Iterator[Connection]:
    """An empty database."""
    lite = database_server.name == "sqlite"
    engine = create_engine("sqlite://" if lite else database_server.create(lambda _url: None, "empty").url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def rename(connection: Connection) -> None:
    """Do what the renames say, without their constraints."""
    for statement in (
        "ALTER TABLE follows RENAME TO followings",
        "ALTER TABLE followings RENAME COLUMN who_id TO person_id",
        f"ALTER TABLE followings RENAME COLUMN {LONG} TO brief",
    ):
        connection.execute(text(statement))


def there(connection: Connection) -> set[str]:
    """The names of the constraints of the table."""
    inspector = inspect(connection)
    found = [
        inspector.get_pk_constraint("followings"),
        *inspector.get_foreign_keys("followings"),
        *inspector.get_unique_constraints("followings"),
        *inspector.get_check_constraints("followings"),
    ]
    return {str(one["name"]) for one in found}


def test_a_revision_has_whole_names_wherever_it_was_made(connection: Connection) -> None:
    """What PostgreSQL shortens would not be found on SQLite."""
    BEFORE.metadata.create_all(connection)
    rename(connection)
    before = there(connection)
    revision = names_to_change(connection, AFTER, RENAMES)
    assert revision is not None
    assert revision.names == NAMES
    written = render_python_code(ops.UpgradeOps([revision]))
    assert "op.rename_constraints('followings', {" in written
    assert f"'uq_follows_{LONG}_{TOO}': 'uq_followings_brief_{TOO}'," in written

    operations = Operations(MigrationContext.configure(connection))
    operations.rename_constraints("followings", revision.names)  # type: ignore[attr-defined] - registered by ours
    assert there(connection) == set(NAMES.values())
    assert names_to_change(connection, AFTER, RENAMES) is None
    operations.invoke(revision.reverse())
    assert there(connection) == before


def test_constraints_without_a_name_of_ours_stay(connection: Connection) -> None:
    """PostgreSQL makes names up for them, and SQLite has none: no revision could rename them on both."""
    for statement in (
        "CREATE TABLE people (id INTEGER PRIMARY KEY)",
        f"""CREATE TABLE follows (
            id INTEGER PRIMARY KEY, who_id INTEGER REFERENCES people (id), before_id INTEGER REFERENCES follows (id),
            {LONG} INTEGER CHECK ({LONG} > 0), {TOO} INTEGER, UNIQUE ({LONG}, {TOO}), UNIQUE (who_id, before_id)
        )""",
    ):
        connection.execute(text(statement))
    rename(connection)
    assert names_to_change(connection, AFTER, RENAMES) is None


@pytest.mark.databases("sqlite")
def test_sqlite_renames_in_the_text_of_the_table_and_only_constraints(connection: Connection) -> None:
    """What looks like one in a text, a comment or another name is none."""
    made = """CREATE TABLE things (
        id INTEGER NOT NULL, "CONSTRAINT pk_old" TEXT DEFAULT 'it''s CONSTRAINT pk_old', -- isn't CONSTRAINT pk_old
        /* CONSTRAINT pk_old
        */ a TEXT DEFAULT "CONSTRAINT uq_old", [CONSTRAINT pk_old b] TEXT,
        {} PRIMARY KEY (id), {} UNIQUE (a), CONSTRAINT pk_older CHECK (id > 0)
    )"""
    connection.execute(text(made.format("constraint  pk_old", 'CONSTRAINT "uq_old"').replace(":", "\\:")))
    operations = Operations(MigrationContext.configure(connection))
    operations.invoke(RenameConstraintsOp("things", {"pk_old": "pk_new", "uq_old": "uq_new"}))
    written = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'things'")).scalar_one()
    assert written == made.format("constraint  pk_new", 'CONSTRAINT "uq_new"')
    assert inspect(connection).get_pk_constraint("things")["name"] == "pk_new"
    operations.invoke(RenameConstraintsOp("things", {"pk_new": "two words"}))
    with pytest.raises(CommandError, match="The table things has no constraint pk_old that could be renamed to it"):
        operations.invoke(RenameConstraintsOp("things", {"pk_old": "it"}))


def test_a_revision_that_is_printed_renames_for_postgresql_alone() -> None:
    """With --sql there is no table whose text could be read."""

    def printed(dialect: str) -> str:
        output = StringIO()
        context = MigrationContext.configure(
            dialect_name=dialect, opts={"as_sql": True, "output_buffer": output, "literal_binds": True}
        )
        Operations(context).invoke(RenameConstraintsOp("follows", {"pk_old": f"pk_{LONG}_{TOO}"}))
        return output.getvalue()

    said = printed("postgresql")
    assert f"ALTER TABLE follows RENAME CONSTRAINT pk_old TO pk_{LONG}_" in said
    assert TOO not in said
    with pytest.raises(CommandError, match="the text of SQLite's tables"):
        printed("sqlite")
