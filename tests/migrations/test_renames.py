"""Autogenerate: a rename keeps the rows, and nothing is dropped unasked (PARITY row 20)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, inspect, make_url
from sqlalchemy.exc import IntegrityError
from workshop import Workshop

from flasky.migrations.renames import LIKENESS, table_likeness

BEFORE = """
class Role(Base):
    __tablename__ = "roles1"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    role_id: Mapped[int | None] = mapped_column(ForeignKey("roles1.id", ondelete="CASCADE"))
"""
AFTER = BEFORE.replace("roles1", "roles")

ROLES = [(1, "Administrator"), (2, "Moderator"), (3, "胡同")]
USERS = [(1, "john", 1), (2, "susan", 3), (3, "david", None)]


@pytest.fixture
def filled(workshop: Workshop) -> Workshop:
    """The notes' tables, with rows in them."""
    workshop.plugin("notes", BEFORE)
    workshop.enable("notes")
    workshop.alembic("upgrade", "heads")
    workshop.generate("Initial migration")
    workshop.alembic("upgrade", "heads")
    workshop.sql(
        *(f"INSERT INTO roles1 (id, name) VALUES ({number}, '{name}')" for number, name in ROLES),  # noqa: S608
        "INSERT INTO users (id, username, role_id) VALUES (1, 'john', 1), (2, 'susan', 3), (3, 'david', NULL)",
    )
    return workshop


def users(workshop: Workshop) -> list[Any]:
    return list(workshop.sql("SELECT id, username, role_id FROM users ORDER BY id"))


def test_the_notes_rename_keeps_every_row_up_and_down(filled: Workshop) -> None:
    filled.models("notes", AFTER)
    said = filled.generate("Rename roles1", status=255)
    assert "the table roles1 → roles (3 rows)" in said
    assert "-x renames=yes" in said
    assert "Traceback" not in said
    assert len(filled.revisions("notes")) == 1

    said = filled.generate("Rename roles1", "-x", "renames=yes")
    assert "Detected rename of the table roles1 → roles" in said
    script = filled.revisions("notes")[-1].read_text()
    assert "op.rename_table('roles1', 'roles')" in script.replace('"', "'")
    assert "drop_table" not in script
    assert "create_table" not in script
    # The trial was rolled back: only `upgrade` renames.
    assert filled.sql("SELECT id, name FROM roles1 ORDER BY id") == ROLES

    filled.alembic("upgrade", "heads")
    assert filled.sql("SELECT id, name FROM roles ORDER BY id") == ROLES
    assert users(filled) == USERS
    with pytest.raises(IntegrityError):
        filled.sql("INSERT INTO users (id, username, role_id) VALUES (9, 'nobody', 99)")
    assert "No new upgrade operations detected" in filled.alembic("check")

    filled.alembic("downgrade", "notes@-1")
    assert filled.sql("SELECT id, name FROM roles1 ORDER BY id") == ROLES
    assert users(filled) == USERS
    with pytest.raises(IntegrityError):
        filled.sql("INSERT INTO users (id, username, role_id) VALUES (9, 'nobody', 99)")
    filled.alembic("upgrade", "heads")
    assert filled.sql("SELECT id, name FROM roles ORDER BY id") == ROLES


def test_a_renamed_column_keeps_its_values_up_and_down(filled: Workshop) -> None:
    filled.models("notes", BEFORE.replace("username: Mapped", "login: Mapped"))
    said = filled.generate("Rename username", status=255)
    assert "the column users.username → users.login (3 rows with a value)" in said
    filled.generate("Rename username", "-x", "renames=yes")
    script = filled.revisions("notes")[-1].read_text()
    assert "drop_column" not in script
    filled.alembic("upgrade", "heads")
    assert filled.sql("SELECT id, login, role_id FROM users ORDER BY id") == USERS
    assert "No new upgrade operations detected" in filled.alembic("check")
    filled.alembic("downgrade", "notes@-1")
    assert users(filled) == USERS
    assert filled.sql("SELECT id, name FROM roles1 ORDER BY id") == ROLES


FOLLOWS = """
from sqlalchemy import CheckConstraint, UniqueConstraint

class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)

class Follow(Base):
    __tablename__ = "follows"
    __table_args__ = (
        CheckConstraint("ids <> ''", name="ids"), CheckConstraint("id > 0", name="positive"),
        UniqueConstraint("who_id", "ids"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    who_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    before_id: Mapped[int | None] = mapped_column(ForeignKey("follows.id"))
    ids: Mapped[str] = mapped_column(String(20))
    mood: Mapped[str | None]
    text: Mapped[str | None]

class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    follow_id: Mapped[int | None] = mapped_column(ForeignKey("follows.id"))
"""
FOLLOWINGS = (
    FOLLOWS.replace('"follows', '"followings').replace("Follow(", "Following(").replace("ids", "tags")
).replace("who_id", "person_id")
NAMES = {
    "ck_followings_positive",
    "ck_followings_tags",
    "fk_followings_before_id_followings",
    "fk_followings_person_id_people",
    "pk_followings",
    "uq_followings_person_id_tags",
}


def constraints(workshop: Workshop, *tables: str) -> set[str]:
    """The names of all constraints of the tables."""
    engine = create_engine(workshop.url)
    inspector = inspect(engine)
    found = {
        str(one["name"])
        for table in tables
        for one in [
            inspector.get_pk_constraint(table),
            *inspector.get_foreign_keys(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_check_constraints(table),
        ]
    }
    engine.dispose()
    return found


def test_constraints_are_renamed_with_tables_and_columns_so_that_the_old_names_are_free(workshop: Workshop) -> None:
    """On PostgreSQL the index of a primary key has its name for the whole schema."""
    workshop.plugin("notes", FOLLOWS)
    workshop.enable("notes")
    workshop.alembic("upgrade", "heads")
    workshop.generate("Follows")
    workshop.alembic("upgrade", "heads")
    before = constraints(workshop, "follows", "notes")
    workshop.sql("INSERT INTO people VALUES (1)", "INSERT INTO follows VALUES (1, 1, 1, 'a', 'glad', '-')")

    workshop.models("notes", FOLLOWINGS)
    workshop.generate("Rename", "-x", "renames=yes")
    assert constraints(workshop, "follows", "notes") == before
    workshop.alembic("upgrade", "heads")
    assert constraints(workshop, "followings") == NAMES
    assert constraints(workshop, "notes") == {"pk_notes", "fk_notes_follow_id_followings"}

    # Whoever goes on has all the old names for something new.
    again = FOLLOWS[FOLLOWS.index("class Follow(") : FOLLOWS.index("class Note(")]
    more = '    who_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))\n'
    at = FOLLOWINGS.index("class Note(")
    workshop.models("notes", FOLLOWINGS[:at].rstrip() + "\n" + more + "\n" + again + FOLLOWINGS[at:])
    workshop.generate("Follows again")
    workshop.alembic("upgrade", "heads")
    assert "No new upgrade operations detected" in workshop.alembic("check")
    assert workshop.sql("SELECT id, person_id, before_id, tags FROM followings") == [(1, 1, 1, "a")]
    with pytest.raises(IntegrityError):
        workshop.sql("INSERT INTO followings (id, person_id, tags) VALUES (0, 1, 'b')")

    workshop.alembic("downgrade", "notes@-2")
    assert constraints(workshop, "follows", "notes") == before
    assert workshop.sql("SELECT * FROM follows") == [(1, 1, 1, "a", "glad", "-")]


def test_nothing_is_dropped_unless_told_and_the_refusal_counts_what_would_be_lost(filled: Workshop) -> None:
    without_name = BEFORE.replace("    name: Mapped[str] = mapped_column(String(64), unique=True)\n", "")
    filled.models("notes", without_name[: without_name.index("class User")])
    said = filled.generate("Tidy up", status=255)
    assert "the table users with 3 rows" in said
    assert "the column roles1.name with 3 values" in said
    assert len(filled.revisions("notes")) == 1

    filled.generate("Tidy up", "-x", "drops=yes")
    script = filled.revisions("notes")[-1].read_text()
    assert "drop_table" in script
    assert "drop_column" in script
    assert users(filled) == USERS


def test_values_change_their_type_only_when_told_and_the_refusal_counts_them(filled: Workshop) -> None:
    """SQLite's cast makes 0 of every name; what only widens needs no word."""
    name, username = "name: Mapped[str] = mapped_column(String(64)", "username: Mapped[str] = mapped_column(String(64)"
    wider = BEFORE.replace(username, username.replace("64", "99")).replace(
        f"    {name}", f"    {name}".replace("64", "")
    )
    filled.models("notes", wider)
    filled.generate("Widen")
    assert "VARCHAR(length=64)" in filled.revisions("notes")[-1].read_text()
    filled.revisions("notes")[-1].unlink()

    number = "username: Mapped[int] = mapped_column(BigInteger"
    filled.models(
        "notes",
        "from sqlalchemy import BigInteger\n"
        + BEFORE.replace(username, number).replace(f"    {name}", f"    {name}".replace("64", "9")),
    )
    said = filled.generate("Count them", status=255)
    assert "the column users.username, from VARCHAR(64) to BIGINT, with 3 values\n" in said
    assert "the column roles1.name, from VARCHAR(64) to VARCHAR(9), with 1 value longer than that" in said
    assert "again with -x types=yes (" in said
    assert len(filled.revisions("notes")) == 1
    filled.generate("Count them", "-x", "types=yes")
    assert "BigInteger" in filled.revisions("notes")[-1].read_text()
    filled.revisions("notes")[-1].unlink()

    filled.models("notes", BEFORE.replace('"users"', '"members"').replace(username, "login" + username[8:-3] + "4)"))
    said = filled.generate("Rename and narrow", "-x", "renames=yes", status=255)
    assert "the column users.username, from VARCHAR(64) to VARCHAR(4), with 2 values longer than that" in said


MEETINGS = """
from datetime import datetime
from sqlalchemy import DateTime, TIMESTAMP
from flasky.database import UTCDateTime

class Meeting(Base):
    __tablename__ = "meetings"
    id: Mapped[int] = mapped_column(primary_key=True)
    begins: Mapped[datetime] = mapped_column({begins})
    ends: Mapped[datetime | None] = mapped_column({ends})
"""


def test_times_get_or_lose_their_zone_only_when_told_and_are_read_as_utc(workshop: Workshop) -> None:
    """PostgreSQL shifts them by the zone of the session; SQLite knows no zones, so nothing changes there."""
    workshop.plugin("notes", MEETINGS.format(begins="DateTime", ends="UTCDateTime"))
    workshop.enable("notes")
    workshop.alembic("upgrade", "heads")
    workshop.generate("Meetings")
    workshop.alembic("upgrade", "heads")
    workshop.models("notes", MEETINGS.format(begins="UTCDateTime", ends="DateTime"))
    if workshop.url.startswith("sqlite"):
        assert "no revision was written" in workshop.generate("Zones")
        workshop.models("notes", MEETINGS.format(begins="TIMESTAMP(timezone=True)", ends="UTCDateTime"))
        assert "Detected type change" in workshop.generate("Another name for the same")
        return
    workshop.sql(
        f"ALTER DATABASE {make_url(workshop.url).database} SET TimeZone = 'Asia/Shanghai'",
        "INSERT INTO meetings VALUES (1, '2026-03-01 12:00', '2026-03-01 13:00+00')",
    )
    said = workshop.generate("Zones", status=255)
    assert "meetings.begins, from TIMESTAMP WITHOUT TIME ZONE to TIMESTAMP WITH TIME ZONE, with 1 value\n" in said
    assert "meetings.ends, from TIMESTAMP WITH TIME ZONE to TIMESTAMP WITHOUT TIME ZONE, with 1 value\n" in said
    workshop.generate("Zones", "-x", "types=yes")
    workshop.alembic("upgrade", "heads")
    assert "No new upgrade operations detected" in workshop.alembic("check")
    kept = "SELECT begins = '2026-03-01 12:00+00', ends = '2026-03-01 13:00' FROM meetings"
    assert workshop.sql(kept) == [(True, True)]


def test_what_the_rows_will_refuse_is_said_at_writing_and_told_plainly_at_running(filled: Workshop) -> None:
    filled.models(
        "notes",
        BEFORE.replace("Mapped[int | None]", "Mapped[int]")
        + "    mood: Mapped[str] = mapped_column(String(20))\n"
        + "    good: Mapped[str] = mapped_column(String(20), server_default='')\n",
    )
    said = filled.generate("Add a mood")
    assert "The column users.mood is NOT NULL, and 3 rows of this database would have no value" in said
    assert "The column users.role_id is NOT NULL, and 1 row of this database would have no value" in said
    assert "server_default=…" in said
    assert "The column users.good" not in said
    script = filled.revisions("notes")[-1]
    said = filled.alembic("upgrade", "heads", status=255)
    assert f"The migration {script.name.partition('_')[0]} “Add a mood” of notes failed:\n" in said
    # SQLite changes the table by copying it.
    assert "  ALTER TABLE users ADD COLUMN mood" in said or "  INSERT INTO _alembic_tmp_users" in said
    assert "Nothing was changed." in said
    assert str(script) in said
    assert "Rows that are there have no value for the column. Give it a server_default=…" in said
    assert "Traceback" not in said
    assert users(filled) == USERS


def test_two_things_that_only_look_alike_can_be_told_apart(filled: Workshop) -> None:
    filled.models("notes", AFTER)
    said = filled.generate("Not a rename", "-x", "renames=no", status=255)
    assert "the table roles1 with 3 rows" in said
    filled.generate("Not a rename", "-x", "renames=no", "-x", "drops=yes")
    assert "drop_table" in filled.revisions("notes")[-1].read_text()


@pytest.mark.parametrize(
    ("argument", "answer"),
    [("rename=yes", "did you mean renames?"), ("renames=maybe", "-x renames=maybe: expected yes or no")],
)
def test_a_mistyped_switch_is_a_mistake(sqlite_workshop: Workshop, argument: str, answer: str) -> None:
    sqlite_workshop.plugin("notes", BEFORE)
    sqlite_workshop.enable("notes")
    sqlite_workshop.alembic("upgrade", "heads")
    assert answer in sqlite_workshop.generate("Anything", "-x", argument, status=255)


def test_without_a_difference_no_revision_is_written(filled: Workshop) -> None:
    said = filled.generate("Nothing")
    assert "no revision was written" in said
    assert len(filled.revisions("notes")) == 1


def table(*columns: Column[Any]) -> Table:
    return Table("any", MetaData(), *columns)


@pytest.mark.parametrize(
    ("columns", "alike"),
    [
        ((Column("id", Integer), Column("name", String)), True),
        ((Column("id", Integer), Column("name", String), Column("more", String)), True),
        ((Column("id", Integer), Column("name", Integer)), False),
        ((Column("id", Integer),), False),
        ((Column("id", Integer), Column("name", String), *(Column(f"c{n}", String) for n in range(3))), False),
    ],
)
def test_the_rule_for_likeness(columns: tuple[Column[Any], ...], alike: bool) -> None:
    known = table(Column("id", Integer), Column("name", String(64)))
    assert (table_likeness(known, table(*columns)) >= LIKENESS) is alike
