"""`flasky db copy`: every row of a site goes into a new database of the other kind, and nothing half (P24)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import URL, Connection, Engine, MetaData, NullPool, create_engine, event, make_url, select, text

from flasky.cli import main
from flasky.conformance.rows import fill
from flasky.database.engine import make_migration_engine
from flasky.migrations import copying
from flasky.migrations.records import BOOKKEEPING
from flasky.migrations.rows import plain_tables
from flasky.testing.ini import write_ini
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate

SETTINGS = {**TEST_SETTINGS, "flasky.plugins": "main accounts api blog oddments"}
#: Columns of every kind, rows that refer to themselves and to each other, and a counter of its own.
REVISION = '''
"""Oddments"""
import os
import sqlalchemy as sa
from alembic import op
from flasky.database import UTCDateTime
revision, down_revision, branch_labels, depends_on = "oddments1", None, ("oddments",), None

def upgrade():
    if os.environ.get("ODDMENTS_ON_SERVERS"):
        op.execute("DO 'BEGIN END'")  # SQLite has no such statement.
    op.create_table(
        "oddments",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("parent", sa.Integer(), sa.ForeignKey("oddments.id")),
        sa.Column("door", sa.Integer(), sa.ForeignKey("oddment_doors.id", use_alter=True)),
        sa.Column("at", UTCDateTime()),
        sa.Column("local", sa.DateTime()),
        sa.Column("day", sa.Date()),
        sa.Column("clock", sa.Time()),
        sa.Column("long", sa.Interval()),
        sa.Column("yes", sa.Boolean()),
        sa.Column("note", sa.JSON()),
        sa.Column("name", sa.Uuid()),
        sa.Column("tag", sa.Uuid().with_variant(sa.String(36), "sqlite")),
        sa.Column("price", sa.Numeric(12, 2)),
        sa.Column("total", sa.Numeric(18, 2)),
        sa.Column("exact", sa.Numeric(20, 17)),
        sa.Column("zoned", sa.Time(timezone=True)),
        sa.Column("share", sa.Float()),
        sa.Column("mood", sa.Enum("glad", "sad", name="oddment_mood")),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("short", sa.String(20)),
        sa.Column("loud", sa.String(30), sa.Computed("upper(short)", persisted=True)),
    )
    op.create_table(
        "oddment_doors",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.Integer(), sa.ForeignKey("oddments.id")),
    )
    op.create_table("oddment_cellars", sa.Column("id", sa.Integer(), primary_key=True))
    op.bulk_insert(sa.table("oddment_doors", sa.column("id")), [{"id": 1}])

def downgrade():
    op.drop_table("oddment_cellars")
    op.drop_table("oddment_doors")
    op.drop_table("oddments")
'''
#: As SQLite has them; the two notes are SQL's NULL and JSON's null, and a number that is kept as one.
ODDMENTS = (
    "UPDATE oddment_doors SET id = 5",
    "INSERT INTO oddment_cellars VALUES (-3)",
    (
        "INSERT INTO oddments (id, parent, door, at, local, day, clock, long, yes, note, name, tag, price, total, "
        "exact, share, mood, body, short) VALUES (1, 7, 5, '2026-03-01 08:30:00.123456', '2026-03-01 09:00:00.000000', "
        "'2026-03-01', '23:59:59.000000', '1970-01-02 00:00:01.500000', 1, 'null', 'b5b3c2a400004000800000000000beef', "
        "'b5b3c2a4-0000-4000-8000-00000000beef', 0.1, 12345678901234.56, 0.12345678901234566, 0.12345678901234566, "
        "'sad', x'00ff', '胡同 ''é')"
    ),
    "INSERT INTO oddments (id, parent, note) VALUES (7, 7, NULL), (2, NULL, '0.12345678901234566')",
    "INSERT INTO oddments (id, parent, note) VALUES (3, 2, '[1, null]')",
    "UPDATE oddment_doors SET key = 1",
)


@pytest.fixture(scope="session")
def oddments_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plug-in `oddments`, which has no models: one for the process, which imports it once."""
    packages = tmp_path_factory.mktemp("packages")
    package = packages / "copied_oddments"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from flasky.plugin import Plugin\nplugin = Plugin(name='oddments', migrations='copied_oddments:migrations')\n"
        "def includeme(config):\n    pass\n"
    )
    (package / "migrations" / "1.py").write_text(REVISION)
    info = packages / "copied_oddments-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: copied-oddments\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[flasky.plugins]\noddments = copied_oddments:plugin\n")
    return packages


@pytest.fixture(scope="module", autouse=True)
def _oddments(oddments_folder: Path) -> Iterator[None]:
    """Install it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(oddments_folder)
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with rows in every table of what ships, and in those of `oddments`."""
    file = tmp_path_factory.mktemp("source") / "data.sqlite"
    url = f"sqlite:///{file}"
    migrate({**SETTINGS, "sqlalchemy.url": url})
    with connected(url) as connection:
        names = {name for name in plain_tables(connection) if not name.startswith("oddment")} - BOOKKEEPING
        assert fill(connection, names) == {}
        for statement in ODDMENTS:
            connection.execute(text(statement))
        connection.commit()
    return file


class connected:  # noqa: N801 - reads like a function
    """A connection of another program's."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def __enter__(self) -> Connection:
        self._connection = self._engine.connect()
        return self._connection

    def __exit__(self, *_error: object) -> None:
        self._connection.close()
        self._engine.dispose()


@pytest.fixture
def site(tmp_path: Path) -> Callable[[str], Path]:
    """A function that writes the INI file of a site on the database at a URL; `oddments` is off there."""

    def write(url: str) -> Path:
        settings = {**TEST_SETTINGS, "flasky.plugins": "main accounts api blog", "sqlalchemy.url": url}
        return write_ini(tmp_path / "site.ini", settings)

    return write


def copy(ini: Path, url: str) -> Result:
    return CliRunner().invoke(main, ["--ini", str(ini), "db", "copy", "--to", url], prog_name="flasky")


def refusal(ini: Path, url: str) -> str:
    """What is said by a copy that is refused."""
    done = copy(ini, url)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    assert "Nothing was copied" in done.output
    return done.output


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def rows(url: str) -> dict[str, list[Any]]:
    """The rows of what ships as Python sees them, moments without their zone; no words, which PostgreSQL orders."""
    found = {}
    with connected(url) as connection:
        metadata = MetaData()
        metadata.reflect(connection, only=plain_tables(connection))
        for one in metadata.tables.values():
            if one.name not in BOOKKEEPING | {"post_words"} and not one.name.startswith("oddment"):
                read = connection.execute(select(one))
                found[one.name] = sorted(repr([_plain(value) for value in row]) for row in read)
    return found


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.databases("postgresql")  # The other one is where the rows come from, and go back to.
def test_p24_every_row_goes_from_sqlite_to_postgresql_and_back(
    source: Path,
    site: Callable[[str], Path],
    database_server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of a plug-in that is off; and the numbers of new rows go on behind those that came.

    So from a schema on the server to another one, with what no SQLite can do.
    """
    old, back = f"sqlite:///{source}", tmp_path / "back.sqlite"
    # Migrated, as by a copy that failed, and not used: it has the rows that migrations make.
    new = database_server.create(lambda url: migrate({**SETTINGS, "sqlalchemy.url": url})).url
    before = source.read_bytes()
    done = copy(site(old), new)
    assert done.exit_code == 0, done.output
    assert "oddments: 4\n" in done.output
    assert "The old database is as it was." in done.output
    assert "let sqlalchemy.url (site.ini line" in done.output
    assert source.read_bytes() == before
    assert rows(new) == rows(old)

    with connected(new) as connection:
        assert connection.execute(text("SELECT id FROM oddment_doors")).all() == [(5,)]
        assert connection.execute(text("SELECT count(*) FROM post_words WHERE words @@ '1words'")).scalar() == 1
        first = connection.execute(text("SELECT * FROM oddments WHERE id = 1")).one()
        assert (str(first.name), first.yes, str(first.price), first.mood) == (
            "b5b3c2a4-0000-4000-8000-00000000beef",
            True,
            "0.10",
            "sad",
        )
        assert first.at.isoformat() == "2026-03-01T08:30:00.123456+00:00"
        assert (first.long.total_seconds(), first.loud) == (86401.5, "胡同 'É")
        assert (str(first.total), str(first.exact)) == ("12345678901234.56", "0.12345678901234566")
        assert connection.execute(text("INSERT INTO oddment_cellars DEFAULT VALUES RETURNING id")).scalar() == 1
        notes = connection.execute(text("SELECT id, note::text FROM oddments ORDER BY id")).all()
        assert [tuple(one) for one in notes] == [(1, "null"), (2, "0.12345678901234566"), (3, "[1, null]"), (7, None)]
        assert connection.execute(text("INSERT INTO oddments DEFAULT VALUES RETURNING id")).scalar() == 8
        deferred = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND condeferrable"
        assert connection.execute(text(deferred)).scalar() == 0

    monkeypatch.setattr(copying, "_LOCK_SECONDS", 0.05)
    with connected(new) as connection:
        # No foreign key leads to this table, or from it.
        connection.execute(text("INSERT INTO oddment_cellars VALUES (4)"))
        assert refusal(site(old), new).startswith("Error: Somebody else is using postgresql")
    spelled_otherwise = make_url(new).update_query_dict({"application_name": "other"})
    assert "is the database of this site already, under another address" in refusal(site(new), shown(spelled_otherwise))

    monkeypatch.setenv("ODDMENTS_ON_SERVERS", "yes")
    assert "whether it was used cannot be told" in refusal(site(old), new)
    with connected(new) as connection:
        connection.execute(text("CREATE SCHEMA other"))
        connection.commit()
    elsewhere = shown(make_url(new).update_query_dict({"options": "-csearch_path=other"}))
    done = copy(site(new), elsewhere)
    assert done.exit_code == 0, done.output
    with connected(elsewhere) as connection:
        # 8 was given and taken back.
        assert connection.execute(text("INSERT INTO oddments DEFAULT VALUES RETURNING id")).scalar() == 9
    monkeypatch.delenv("ODDMENTS_ON_SERVERS")

    with connected(new) as connection:
        connection.execute(text("UPDATE oddments SET zoned = '10:00+02' WHERE id = 2"))
        connection.commit()
    said = refusal(site(new), f"sqlite:///{back}")
    assert "The rows of oddments cannot be read: zoned holds a time of day with its zone" in said
    with connected(new) as connection:
        connection.execute(text("UPDATE oddments SET zoned = NULL, total = 1234567890123456.78 WHERE id = 2"))
        connection.commit()
    assert "oddments.total holds a decimal number of more digits" in refusal(site(new), f"sqlite:///{back}")
    with connected(new) as connection:
        connection.execute(text("UPDATE oddments SET total = NULL WHERE id = 2"))
        connection.commit()
    done = copy(site(new), f"sqlite:///{back}")
    assert done.exit_code == 0, done.output
    assert rows(f"sqlite:///{back}") == rows(old)
    every = text("SELECT * FROM oddments ORDER BY id")
    found = text("SELECT rowid FROM post_words_fts WHERE post_words_fts MATCH '\"1words\"'")
    with connected(old) as one, connected(f"sqlite:///{back}") as other:
        assert other.execute(every).all() == one.execute(every).all()
        assert other.execute(found).all() == one.execute(found).all() != []


def test_what_cannot_be_copied_is_told_and_leaves_the_new_database_to_be_copied_into_again(
    source: Path, site: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row that the new database refuses is named; so are rows that refer to nothing, and a plug-in that is gone."""
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    shutil.copyfile(source, old)
    ini, target = site(f"sqlite:///{old}"), f"sqlite:///{new}"

    def refused(*statements: str) -> str:
        with connected(f"sqlite:///{old}") as connection:
            for statement in statements:
                connection.execute(text(statement))
            connection.commit()
        return refusal(ini, target)

    said = refused("PRAGMA ignore_check_constraints = ON", "UPDATE oddments SET at = 'noon' WHERE id = 2")
    assert "The rows of oddments cannot be read: Invalid isoformat string: 'noon'" in said
    said = refused(
        "UPDATE oddments SET at = NULL", "PRAGMA ignore_check_constraints = ON", "UPDATE blog_members SET mail = ''"
    )
    assert re.search(r"not take the row of blog_members with user_id \d+: CHECK constraint failed", said)
    assert "a row refers to one that is not there: one of oddments (rowid 2) to oddments" in refused(
        "UPDATE blog_members SET mail = 'never'", "UPDATE oddments SET parent = 99 WHERE id = 2"
    )
    assert "There are tables of the plug-in 'nobody', not installed any more" in refused(
        "UPDATE oddments SET parent = NULL WHERE id = 2",
        "CREATE TABLE mine (id INTEGER REFERENCES oddments (id))",
        # Nobody copies it, so it may refer to what it wants.
        "INSERT INTO mine VALUES (99)",
        "INSERT INTO alembic_owners VALUES ('revision', 'x1', 'nobody')",
    )
    assert "its tables" in refused(
        "DELETE FROM alembic_owners WHERE owner = 'nobody'",
        "DELETE FROM alembic_version WHERE version_num = 'oddments1'",
    )
    with connected(f"sqlite:///{old}") as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('oddments1')"))
        connection.commit()

    with monkeypatch.context() as patch:
        patch.setattr("flasky.database.engine.make_migration_engine", on_a_small_disk)
        said = refused("UPDATE oddments SET body = zeroblob(100000) WHERE id = 2")
    assert f"The disk of {new} is full. Make room there.\nNothing was copied." in said

    with connected(target) as connection:
        connection.execute(text("UPDATE roles SET name = name || '!'"))
        connection.commit()
    said = refusal(ini, target)
    assert f"There are rows in {new} already, in roles. Rows are only copied into a new database." in said
    with connected(target) as connection:
        connection.execute(text("UPDATE roles SET name = rtrim(name, '!')"))
        connection.commit()
    done = copy(ini, target)
    assert done.exit_code == 0, done.output
    assert "Not copied, as no migration makes it: mine (1 rows)" in done.output
    assert rows(target) == rows(f"sqlite:///{source}")


def on_a_small_disk(url: str) -> Engine:
    """The engine of a migration on a disk that has no room for one page more."""
    engine = make_migration_engine(url)

    @event.listens_for(engine, "connect")
    def limit(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    return engine


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://host/name", "--to: expected sqlite:////"),
        ("sqlite://", "--to: expected the path of a file"),
        ("sqlite:////nowhere/at/all.sqlite", "The folder /nowhere/at for the database does not exist"),
        ("postgresql://user:secret@127.0.0.1:1/none", "user:(hidden)@127.0.0.1:1/none cannot be used"),
        ("sqlite:///{source}", "is the database of this site already"),
    ],
)
def test_an_address_that_cannot_be_meant_is_told(
    source: Path, site: Callable[[str], Path], url: str, told: str
) -> None:
    done = copy(site(f"sqlite:///{source}"), url.format(source=source))
    assert done.exit_code == 1
    assert told in done.output
    assert "secret" not in done.output


def test_a_database_that_waits_for_migrations_is_not_copied(site: Callable[[str], Path], tmp_path: Path) -> None:
    done = copy(site(f"sqlite:///{tmp_path}/none.sqlite"), f"sqlite:///{tmp_path}/new.sqlite")
    assert done.exit_code == 1
    assert "There is no database" in done.output
    assert not (tmp_path / "new.sqlite").exists()
