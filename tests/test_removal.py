"""Taking a plug-in's tables away and putting their rows back, whatever its tables are like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from flasky import removal
from flasky.cli import main
from flasky.ini import CannotStart
from flasky.loader import LoadedPlugin
from flasky.settings import KERNEL_SETTINGS, resolve
from flasky.site import Site
from flasky.testing.ini import write_ini
from flasky.testing.plugin import TEST_SETTINGS

NO_PLUGINS: tuple[LoadedPlugin, ...] = ()

#: A number that only the database gives, a parent in the same table that comes later, a computed column, a type of its
#: own; and two tables that refer to each other.
TABLES = {
    "sqlite": (
        (
            "CREATE TABLE kin_people (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES kin_people (id), "
            "name TEXT, loud TEXT GENERATED ALWAYS AS (upper(name)) STORED, mood TEXT)"
        ),
        "CREATE TABLE kin_keys (id INTEGER PRIMARY KEY, door INTEGER NOT NULL REFERENCES kin_doors (id))",
        "CREATE TABLE kin_doors (id INTEGER PRIMARY KEY, key INTEGER NOT NULL REFERENCES kin_keys (id))",
    ),
    "postgresql": (
        "CREATE TYPE kin_mood AS ENUM ('glad', 'sad')",
        "CREATE TYPE kin_tone AS ENUM ('high', 'low')",
        "CREATE TYPE kin_shared AS ENUM ('yes', 'no')",
        (
            "CREATE TABLE kin_people (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            "parent INTEGER NOT NULL REFERENCES kin_people (id), name TEXT, "
            "loud TEXT GENERATED ALWAYS AS (upper(name)) STORED, mood kin_mood DEFAULT 'glad', tones kin_tone[], "
            "shared kin_shared)"
        ),
        "CREATE TABLE kin_keys (id INTEGER PRIMARY KEY, door INTEGER NOT NULL)",
        (
            "CREATE TABLE kin_doors (id INTEGER PRIMARY KEY, key INTEGER NOT NULL REFERENCES kin_keys (id) "
            "ON DELETE CASCADE)"
        ),
        (
            "ALTER TABLE kin_keys ADD CONSTRAINT fk_door FOREIGN KEY (door) REFERENCES kin_doors (id) "
            "DEFERRABLE INITIALLY IMMEDIATE"
        ),
        "CREATE TABLE others (answer kin_shared)",
    ),
}
ROWS = {
    "sqlite": (
        "PRAGMA defer_foreign_keys = ON",
        "INSERT INTO kin_people (id, parent, name, mood) VALUES (1, 2, 'anna', 'glad'), (2, 2, 'ben', 'sad')",
        "INSERT INTO kin_keys VALUES (1, 5)",
        "INSERT INTO kin_doors VALUES (5, 1)",
    ),
    "postgresql": (
        "INSERT INTO kin_people (parent, name, tones) VALUES (1, 'anna', '{high,low}'), (2, 'ben', NULL)",
        # Its row is the last of the table now, and refers to what comes first.
        "UPDATE kin_people SET parent = 2 WHERE id = 1",
        "UPDATE kin_people SET mood = 'sad' WHERE id = 2",
        "SET CONSTRAINTS ALL DEFERRED",
        "INSERT INTO kin_keys VALUES (1, 5)",
        "INSERT INTO kin_doors VALUES (5, 1)",
    ),
}
RECORDS = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('kin0001')",
    "CREATE TABLE alembic_owners (kind VARCHAR(10), name VARCHAR(255), owner VARCHAR(40), PRIMARY KEY (kind, name))",
    (
        "INSERT INTO alembic_owners VALUES ('revision', 'kin0001', 'kin'), ('table', 'kin_people', 'kin'), "
        "('table', 'kin_keys', 'kin'), ('table', 'kin_doors', 'kin')"
    ),
)


@pytest.fixture
def site(database_server: Any) -> Iterator[Site]:
    """A site without plug-ins, on an empty database."""
    url = database_server.create(lambda _url: None, "empty").url
    settings, _faults = resolve(KERNEL_SETTINGS, {"sqlalchemy.url": url}, {})
    return Site(settings, NO_PLUGINS)


@pytest.fixture
def kin(site: Site) -> Site:
    """The site with the tables of the plug-in `kin`, and rows in them."""
    with removal.connected(site) as connection:
        kind = connection.dialect.name
        run(connection, *RECORDS, *TABLES[kind], *ROWS[kind])
    return site


def run(connection: Connection, *statements: str) -> list[Any]:
    """Send statements, and return the rows of the last."""
    for statement in statements:
        result = connection.execute(text(statement))
    return [tuple(row) for row in result] if result.returns_rows else []


def people(connection: Connection) -> list[Any]:
    """The rows of the table that refers to itself, by number."""
    return run(connection, "SELECT * FROM kin_people ORDER BY id")


def test_tables_that_refer_to_themselves_and_each_other_go_and_come_back(kin: Site, tmp_path: Path) -> None:
    """With the numbers that they had, and with the computed column computed."""
    kept = tmp_path / "kin.json"
    with removal.connected(kin) as connection:
        kind, before = connection.dialect.name, people(connection)
        planned = removal.plan(connection, "kin", kin)
        assert planned.types == (("kin_mood", "kin_tone") if kind == "postgresql" else ())
        removal.dump(connection, planned, kept)
        removal.remove(connection, planned)
    with removal.connected(kin) as connection:
        assert removal.plan(connection, "kin", kin).is_empty
        # As the next migration makes them: nothing is in its way.
        made = [one for one in TABLES[kind] if "kin_shared AS" not in one and "TABLE others" not in one]
        run(connection, "INSERT INTO alembic_version VALUES ('kin0001')", RECORDS[-1], *made)
    with removal.connected(kin) as connection:
        assert removal.restore(connection, kept, kin) == {"kin_doors": 1, "kin_keys": 1, "kin_people": 2}
    with removal.connected(kin) as connection:
        assert people(connection) == before
        assert run(connection, "SELECT * FROM kin_keys") == [(1, 5)]


@pytest.mark.databases("postgresql")
def test_constraints_and_counters_are_as_strict_as_before_once_the_rows_are_back(kin: Site, tmp_path: Path) -> None:
    asked = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' ORDER BY conname",
        "SELECT column_name, identity_generation FROM information_schema.columns WHERE is_identity = 'YES'",
    )
    with removal.connected(kin) as connection:
        before = [run(connection, one) for one in asked]
        removal.dump(connection, removal.plan(connection, "kin", kin), tmp_path / "kin.json")
        run(connection, "DELETE FROM kin_people", "DELETE FROM kin_keys")
    with removal.connected(kin) as connection:
        removal.restore(connection, tmp_path / "kin.json", kin)
    with removal.connected(kin) as connection:
        assert [run(connection, one) for one in asked] == before
        assert before[1] == [("id", "ALWAYS")]
        assert run(connection, "INSERT INTO kin_people (parent) VALUES (1) RETURNING id") == [(3,)]


def test_a_row_whose_parent_is_gone_is_refused(kin: Site, tmp_path: Path) -> None:
    """References are looked at later than usual, not less."""
    kept = tmp_path / "kin.json"
    with removal.connected(kin) as connection:
        removal.dump(connection, removal.plan(connection, "kin", kin), kept)
        run(connection, "DELETE FROM kin_people", "DELETE FROM kin_keys", "DELETE FROM kin_doors")
    kept.write_text(kept.read_text().replace('"parent": 2', '"parent": 7'))
    with (
        pytest.raises(CannotStart, match=r"refers to one that is not there any more.*kin_people"),
        removal.connected(kin) as connection,
    ):
        removal.restore(connection, kept, kin)


def test_a_dump_that_cannot_be_written_leaves_no_file(
    kin: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(removal.json, "dump", fail)
    with removal.connected(kin) as connection, pytest.raises(OSError, match="disk"):
        removal.dump(connection, removal.plan(connection, "kin", kin), tmp_path / "kin.json")
    assert not (tmp_path / "kin.json").exists()


@pytest.mark.databases("postgresql")
def test_the_command_keeps_no_dump_of_what_could_not_be_removed(kin: Site, tmp_path: Path) -> None:
    """A view of somebody else's stands in the way; the types that go are in the plan."""
    with removal.connected(kin) as connection:
        run(connection, "CREATE VIEW seen AS SELECT name FROM kin_people")
    done = CliRunner().invoke(main, ["--ini", str(ini_of(kin, tmp_path)), "plugin", "remove", "kin", "--yes"])
    assert done.exit_code == 1
    assert "Types: kin_mood, kin_tone\n" in done.output
    assert "view seen depends on table kin_people" in done.output
    assert not list(tmp_path.glob("*.dump.json"))


#: JSON's null beside SQL's, and numbers that are no round ones.
MANY = {
    "sqlite": (
        "CREATE TABLE kin_many (id INTEGER PRIMARY KEY, note JSON)",
        (
            "INSERT INTO kin_many VALUES (1, NULL), (2, 'null'), (3, '{\"a\": [1, null]}'), (4, '\"null\"'), "
            "(5, '0.12345678901234566')"
        ),
    ),
    "postgresql": (
        (
            "CREATE TABLE kin_many (id INTEGER PRIMARY KEY, note JSON, bin JSONB, u UUID[], t TIMESTAMPTZ[], "
            "n NUMERIC[][], b BYTEA[], home INET, net CIDR, span INT4RANGE, took INTERVAL, words TEXT[])"
        ),
        "INSERT INTO kin_many (id, note, bin) VALUES (1, NULL, NULL), (2, 'null', 'null'), (4, '\"null\"', '[null]')",
        (
            "INSERT INTO kin_many VALUES (5, '0.123456789012345678901', '{\"a\": [1, null]}', "
            "'{b5b3c2a4-0000-4000-8000-000000000001,NULL}', '{2026-01-02 03:04:05.678901+00}', '{{1.10,2},{3,NaN}}', "
            "ARRAY['\\xdeadbeef'::bytea], '10.0.0.1/8', '10.0.0.0/8', '[1,)', '1 month 2 days', '{\"a,b\",NULL}')"
        ),
    ),
}


def test_columns_of_every_type_come_back_as_they_were(kin: Site, tmp_path: Path) -> None:
    """SQL's NULL and JSON's null too, which Python has one word for."""
    kept = tmp_path / "kin.json"
    with removal.connected(kin) as connection:
        make, fill = MANY[connection.dialect.name][0], MANY[connection.dialect.name][1:]
        run(connection, make, *fill, "INSERT INTO alembic_owners VALUES ('table', 'kin_many', 'kin')")
    shown = "SELECT CAST(kin_many AS TEXT) FROM kin_many" if len(fill) > 1 else "SELECT id, note FROM kin_many"
    with removal.connected(kin) as connection:
        before = run(connection, f"{shown} ORDER BY id")
        removal.dump(connection, removal.plan(connection, "kin", kin), kept)
        run(connection, "DELETE FROM kin_many", "DELETE FROM kin_people", "DELETE FROM kin_keys")
        run(connection, "DELETE FROM kin_doors")
    with removal.connected(kin) as connection:
        assert removal.restore(connection, kept, kin)["kin_many"] == len(before)
        assert run(connection, f"{shown} ORDER BY id") == before
        assert run(connection, "SELECT id FROM kin_many WHERE note IS NULL") == [(1,)]


#: What is looked for in `kin_words`, kept like it by a trigger.
INDEX = (
    "CREATE TABLE kin_words (id INTEGER PRIMARY KEY, words TEXT)",
    "CREATE VIRTUAL TABLE kin_words_fts USING fts5(words, content='kin_words', content_rowid='id')",
    (
        "CREATE TRIGGER kin_words_added AFTER INSERT ON kin_words BEGIN "
        "INSERT INTO kin_words_fts(rowid, words) VALUES (new.id, new.words); END"
    ),
)
INDEX_TABLES = ["kin_words", *(f"kin_words_fts{end}" for end in ("", "_config", "_data", "_docsize", "_idx"))]


def own(connection: Connection, *names: str) -> None:
    """Note that these tables are the plug-in's."""
    noted = text("INSERT INTO alembic_owners VALUES ('table', :name, 'kin')")
    connection.execute(noted, [{"name": name} for name in names])


@pytest.mark.databases("sqlite")  # PostgreSQL has no virtual tables.
def test_an_index_for_searching_goes_with_its_table_and_is_filled_again(kin: Site, tmp_path: Path) -> None:
    kept = tmp_path / "kin.json"
    with removal.connected(kin) as connection:
        run(connection, *INDEX, "INSERT INTO kin_words VALUES (7, 'a long walk')")
        own(connection, *INDEX_TABLES)
    with removal.connected(kin) as connection:
        planned = removal.plan(connection, "kin", kin)
        assert [item.name for item in planned.tables if "words" in item.name] == INDEX_TABLES
        removal.dump(connection, planned, kept)
        removal.remove(connection, planned)
        assert run(connection, "SELECT name FROM sqlite_master WHERE name LIKE 'kin%'") == []
    with removal.connected(kin) as connection:
        run(connection, "INSERT INTO alembic_version VALUES ('kin0001')", RECORDS[-1], *TABLES["sqlite"], *INDEX)
        own(connection, *INDEX_TABLES)
        assert removal.restore(connection, kept, kin)["kin_words"] == 1
        assert run(connection, "SELECT rowid FROM kin_words_fts WHERE kin_words_fts MATCH 'walk'") == [(7,)]


@pytest.mark.databases("sqlite")  # PostgreSQL has no virtual tables.
def test_a_virtual_table_with_rows_of_its_own_is_not_lost(kin: Site, tmp_path: Path) -> None:
    """Also where a trigger takes out of it what is deleted elsewhere."""
    with removal.connected(kin) as connection:
        run(
            connection,
            "CREATE VIRTUAL TABLE kin_notes USING fts5(words)",
            "CREATE TRIGGER kin_gone AFTER DELETE ON kin_people BEGIN DELETE FROM kin_notes WHERE rowid = old.id; END",
        )
        own(connection, "kin_notes")
        removal.dump(connection, removal.plan(connection, "kin", kin), tmp_path / "empty.json")
        run(connection, "INSERT INTO kin_notes VALUES ('a walk')")
        with pytest.raises(CannotStart, match=r"rows of kin_notes cannot be kept.*Nothing was removed"):
            removal.dump(connection, removal.plan(connection, "kin", kin), tmp_path / "kin.json")
    assert not (tmp_path / "kin.json").exists()


@pytest.mark.databases("postgresql")
def test_what_cannot_be_read_is_named_before_anything_is_changed(kin: Site, tmp_path: Path) -> None:
    with removal.connected(kin) as connection:
        run(connection, "ALTER TABLE kin_doors ADD COLUMN day DATE DEFAULT 'infinity'")
    with (
        pytest.raises(CannotStart, match=r"rows of kin_doors cannot be read.*Nothing was removed"),
        removal.connected(kin) as connection,
    ):
        removal.dump(connection, removal.plan(connection, "kin", kin), tmp_path / "kin.json")
    assert not (tmp_path / "kin.json").exists()


def test_a_dump_of_another_format_is_refused(kin: Site, tmp_path: Path) -> None:
    (tmp_path / "kin.json").write_text('{"format": 1, "plugin": "kin", "revisions": [], "tables": []}')
    with removal.connected(kin) as connection, pytest.raises(CannotStart, match="a dump of format 1, and this Flasky"):
        removal.restore(connection, tmp_path / "kin.json", kin)


def ini_of(kin: Site, folder: Path) -> Path:
    """An INI file for the site."""
    settings = {**TEST_SETTINGS, "flasky.plugins": "", "sqlalchemy.url": kin.settings["sqlalchemy.url"]}
    return write_ini(folder / "site.ini", settings)


@pytest.mark.databases("postgresql")
def test_what_a_running_site_writes_after_the_plan_is_in_the_dump(
    kin: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = removal.lock

    def late(*arguments: Any) -> None:
        with removal.connected(kin) as another:
            run(another, "INSERT INTO kin_people (parent, name) VALUES (1, 'carla')")
        lock(*arguments)

    monkeypatch.setattr(removal, "lock", late)
    kept = tmp_path / "kin.json"
    done = CliRunner().invoke(
        main, ["--ini", str(ini_of(kin, tmp_path)), "plugin", "remove", "kin", "--yes", "--dump", str(kept)]
    )
    assert done.exit_code == 0, done.output
    assert "carla" in kept.read_text()


@pytest.mark.databases("postgresql")
def test_nobody_writes_between_the_lock_and_the_end(kin: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the removal wait for ever for somebody who has written and not ended."""
    write = "INSERT INTO kin_people (parent, name) VALUES (1, 'carla')"
    monkeypatch.setattr(removal, "LOCK_WAIT_SECONDS", 0.02)
    with removal.connected(kin) as connection:
        planned = removal.plan(connection, "kin", kin)
        removal.lock(connection, planned, kin)
        with removal.connected(kin) as another:
            run(another, "SET LOCAL lock_timeout = '20ms'")
            with pytest.raises(OperationalError, match="lock timeout"), another.begin_nested():
                run(another, write)
    with removal.connected(kin) as another:
        run(another, write)
        done = CliRunner().invoke(main, ["--ini", str(ini_of(kin, tmp_path)), "plugin", "remove", "kin", "--yes"])
    assert done.exit_code == 1
    assert "Somebody uses the tables of 'kin'" in done.output
    assert "Nothing was removed. Restart the site without the plug-in" in done.output


def test_the_dump_stays_when_the_end_of_the_transaction_is_not_certain(
    kin: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are gone then, or may be: the answer to the COMMIT was lost, or somebody pressed Ctrl-C behind it."""
    connected = removal.connected

    @contextmanager
    def interrupted(site: Site) -> Iterator[Connection]:
        with connected(site) as connection:
            yield connection
        raise KeyboardInterrupt

    monkeypatch.setattr(removal, "connected", interrupted)
    kept = tmp_path / "kin.json"
    done = CliRunner().invoke(
        main, ["--ini", str(ini_of(kin, tmp_path)), "plugin", "remove", "kin", "--yes", "--dump", str(kept)]
    )
    assert done.exit_code != 0
    assert "anna" in kept.read_text()
    assert f"The rows are in {kept} in any case" in done.output
