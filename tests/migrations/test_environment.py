"""The environment of Alembic's commands: one transaction, one at a time, a copy first, nothing lost."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import sqlite3
from collections.abc import Callable
from configparser import InterpolationMissingOptionError
from pathlib import Path

import pytest
from alembic.util import CommandError
from workshop import Workshop, revision

from flasky.ini import explain, read_ini
from flasky.migrations.backup import back_up
from flasky.migrations.scripts import script_location
from flasky.migrations.state import Kind, schema_state
from flasky.site import load_site
from flasky.testing.ini import REPOSITORY

TABLES = revision(
    "one",
    """
    op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))
    op.create_table(
        "children",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE", name="fk_children_parents")),
    )
    """,
    """
    op.drop_table("children")
    op.drop_table("parents")
    """,
    label="family",
)


@pytest.fixture
def family(workshop: Workshop) -> Workshop:
    """A plug-in with parents and children, with rows in both tables."""
    workshop.plugin("family", one=TABLES)
    workshop.enable("family")
    workshop.alembic("upgrade", "heads")
    workshop.sql(
        "INSERT INTO parents (id, name) VALUES (1, 'Ada'), (2, 'Bob')",
        "INSERT INTO children (id, parent_id) VALUES (1, 1), (2, 1), (3, 2)",
    )
    return workshop


def add(workshop: Workshop, identifier: str, upgrade: str, downgrade: str = "pass", after: str = "one") -> None:
    script = workshop.packages / "own_family" / "migrations" / f"{identifier}.py"
    script.write_text(revision(identifier, upgrade, downgrade, after=after))


def tables(workshop: Workshop) -> set[str]:
    if workshop.url.startswith("sqlite"):
        rows = workshop.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'")
    else:
        rows = workshop.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}


def applied(workshop: Workshop) -> set[str]:
    return {row[0] for row in workshop.sql("SELECT version_num FROM alembic_version")}


# --- F10, P3: batch mode -------------------------------------------------------------------------------------------


def test_f10_p3_a_batch_migration_of_a_parent_keeps_its_children(family: Workshop) -> None:
    add(
        family,
        "two",
        """
        with op.batch_alter_table("parents", recreate="always") as batch:
            batch.add_column(sa.Column("age", sa.Integer))
        """
        if family.url.startswith("sqlite")
        else 'op.add_column("parents", sa.Column("age", sa.Integer))',
    )
    family.alembic("upgrade", "heads")
    assert family.sql("SELECT id, parent_id FROM children ORDER BY id") == [(1, 1), (2, 1), (3, 2)]
    assert family.sql("SELECT count(age), count(*) FROM parents") == [(0, 2)]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("op.execute('DELETE FROM children WHERE id = 3')", "children: 3 rows before, 2 after"),
        ("op.execute('UPDATE children SET parent_id = 9 WHERE id = 3')", "children, row 3, refers to parents"),
    ],
)
def test_f10_a_migration_that_would_lose_something_changes_nothing(
    sqlite_workshop: Workshop, mistake: str, words: str
) -> None:
    """On SQLite foreign keys are off meanwhile; PostgreSQL checks them itself."""
    sqlite_workshop.plugin("family", one=TABLES)
    sqlite_workshop.enable("family")
    sqlite_workshop.alembic("upgrade", "heads")
    sqlite_workshop.sql("INSERT INTO parents VALUES (1, 'Ada')", "INSERT INTO children VALUES (1, 1), (2, 1), (3, 1)")
    add(sqlite_workshop, "two", mistake)
    said = sqlite_workshop.alembic("upgrade", "heads", status=255)
    assert words in said
    assert "nothing was changed" in said
    assert "Traceback" not in said
    assert sqlite_workshop.sql("SELECT id, parent_id FROM children") == [(1, 1), (2, 1), (3, 1)]
    assert applied(sqlite_workshop) == {"one"}
    assert copies(sqlite_workshop) == []


def test_a_migration_that_says_so_may_delete_rows(family: Workshop) -> None:
    add(family, "two", "op.execute('DELETE FROM children WHERE id = 3')")
    script = family.packages / "own_family" / "migrations" / "two.py"
    script.write_text(
        script.read_text().replace("depends_on = None", 'depends_on = None\ndeletes_from = ("children",)')
    )
    family.alembic("upgrade", "heads")
    assert family.sql("SELECT count(*) FROM children") == [(2,)]


# --- P4, F05, F06, F07 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError('in the middle')"])
def test_p4_f05_f06_what_stops_in_the_middle_leaves_nothing_and_runs_again(family: Workshop, fault: str) -> None:
    half = """
    op.create_table("extras", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO extras (id) VALUES (1)")
    op.execute("UPDATE parents SET name = 'changed'")
    if os.environ.get("STOP_HERE"):
        FAULT
    """.replace("FAULT", fault)
    add(family, "two", half)
    [(status, output)] = family.attempt("upgrade", "heads", STOP_HERE="1")
    assert status == (-signal.SIGKILL if "SIGKILL" in fault else 1), output
    assert "extras" not in tables(family)
    assert applied(family) == {"one"}
    assert family.sql("SELECT name FROM parents ORDER BY id") == [("Ada",), ("Bob",)]
    # Nobody is left to remove the copy when the process is killed.
    assert len(copies(family)) == (family.url.startswith("sqlite") and status < 0)
    family.alembic("upgrade", "heads")
    assert family.sql("SELECT id FROM extras") == [(1,)]
    assert applied(family) == {"two"}


def test_f07_two_upgrades_at_once_both_succeed(workshop: Workshop) -> None:
    slow = TABLES.replace("def upgrade():\n", "def upgrade():\n    time.sleep(1.5)\n")
    workshop.plugin("family", one=slow)
    workshop.enable("family")
    outcomes = workshop.attempt("upgrade", "heads", times=2)
    assert [status for status, _ in outcomes] == [0, 0], outcomes
    assert sum("Running upgrade  -> one" in output for _, output in outcomes) == 1
    assert applied(workshop) == {"one"}
    assert {"parents", "children"} <= tables(workshop)


# --- The backup ------------------------------------------------------------------------------------------------------


def copies(workshop: Workshop) -> list[Path]:
    return sorted(workshop.folder.glob("data.sqlite.before-migration.*"))


def test_a_copy_is_made_before_an_sqlite_file_changes_and_only_then(sqlite_workshop: Workshop) -> None:
    workshop = sqlite_workshop
    workshop.plugin("family", one=TABLES)
    workshop.enable("family")
    workshop.alembic("upgrade", "heads")
    workshop.alembic("upgrade", "heads")
    workshop.alembic("current")
    assert copies(workshop) == []  # The file was new, then there was nothing to do.
    workshop.sql("INSERT INTO parents VALUES (1, '胡同')")
    workshop.file.chmod(0o640)
    add(workshop, "two", "op.execute(\"UPDATE parents SET name = 'changed'\")")
    said = workshop.alembic("upgrade", "heads")
    [copy] = copies(workshop)
    assert f"The database was copied to {copy}" in said
    assert re.fullmatch(r"data\.sqlite\.before-migration\.one\.\d{8}T\d{6}Z", copy.name)
    assert copy.stat().st_mode & 0o777 == 0o640
    kept = sqlite3.connect(copy)
    assert kept.execute("SELECT name FROM parents").fetchall() == [("胡同",)]
    assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept.close()
    workshop.alembic("downgrade", "family@-1")
    assert len(copies(workshop)) == 2
    assert not list(workshop.folder.glob("*.unfinished"))


def test_a_copy_stays_when_a_migration_that_failed_had_committed_something(family: Workshop) -> None:
    """A service that tries again and again does not fill its disk, but what changed has its copy."""
    add(family, "two", "op.execute(\"UPDATE parents SET name = 'lost'\")\nop.execute('NONSENSE')")
    said = [family.alembic("upgrade", "heads", status=255) for _ in range(2)][-1]
    assert re.search(r"The migration two “Revision two” of family failed:\n.*NONSENSE.*\n", said)
    assert f"Nothing was changed.\nMend {family.revisions('family')[-1]} and run the same command again." in said
    assert copies(family) == []
    committed = "with op.get_context().autocommit_block():\n    op.execute(\"UPDATE parents SET name = 'changed'\")"
    add(family, "two", f"{committed}\nop.execute('NONSENSE')")
    said = family.alembic("upgrade", "heads", status=255)
    assert "What was committed before that stays" in said
    assert "Nothing was changed" not in said
    assert family.sql("SELECT name FROM parents") == [("changed",), ("changed",)]
    assert len(copies(family)) == family.url.startswith("sqlite")


def test_a_copy_for_which_there_is_no_room_is_refused_and_nothing_stays_of_it(tmp_path: Path) -> None:
    """F27: a full disk; here the system lets this process write no file of more than 64 KiB."""
    file = tmp_path / "data.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE rows AS SELECT zeroblob(200000) AS value")
        database.commit()
    before = file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
        with pytest.raises(CommandError, match=rf"cannot be copied to {tmp_path} .*Nothing was changed\."):
            back_up(file, ("one",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["data.sqlite"]
    assert file.read_bytes() == before


# --- Configuration ---------------------------------------------------------------------------------------------------


def test_mistakes_in_settings_are_told_a_line_each_without_a_traceback(sqlite_workshop: Workshop) -> None:
    workshop = sqlite_workshop
    workshop.settings = {"mail.port": "abc", "flasky.hots": "x"}
    workshop.enable("main", "no_such_plugin")
    for command in (("heads",), ("history",), ("current",), ("upgrade", "heads")):
        said = workshop.alembic(*command, status=255)
        assert "site.ini" in said
        assert "no_such_plugin" in said
        assert "abc" in said
        assert "flasky.hots" in said
        assert "Traceback" not in said
        assert "FAILED" not in said
        assert len(said.splitlines()) == 5, said


def test_the_environment_variable_of_the_database_counts(sqlite_workshop: Workshop, tmp_path: Path) -> None:
    sqlite_workshop.alembic("upgrade", "heads", DEV_DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite")
    assert (tmp_path / "other.sqlite").exists()
    assert not sqlite_workshop.file.exists()


def test_p22_a_per_cent_sign_in_a_password_works_in_ini_and_environment(workshop: Workshop) -> None:
    if workshop.url.startswith("sqlite"):
        return  # An SQLite file has no password.
    password = "50%25off%40"
    workshop.sql(
        "DO $$ BEGIN CREATE ROLE visitor LOGIN SUPERUSER PASSWORD '50%off@'; "
        "EXCEPTION WHEN duplicate_object THEN END $$"
    )
    separator, rest = "://", workshop.url.partition("://")[2]
    rest = rest.partition("@")[2] if "@" in rest else rest
    workshop.url = f"postgresql{separator}visitor:{password}@{rest}"
    workshop.write_ini()
    assert "50%%25off%%40" in workshop.ini.read_text()
    workshop.alembic("upgrade", "heads")
    plain, workshop.url = workshop.url, "sqlite:////nowhere/none.sqlite"
    workshop.write_ini()
    workshop.alembic("current", DEV_DATABASE_URL=plain)
    assert "50%" not in workshop.alembic("current", status=255)


def test_f26_looking_never_makes_a_file(sqlite_workshop: Workshop) -> None:
    for command in (("current",), ("check",), ("revision", "--autogenerate", "-m", "x")):
        said = sqlite_workshop.alembic(*command, status=255)
        assert "There is no database" in said
        assert "upgrade heads" in said
    assert not sqlite_workshop.file.exists()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda workshop: workshop.file.write_text("not a database, but long enough to be read\n" * 99), "damaged"),
        (lambda workshop: workshop.file.mkdir(), "cannot be opened"),
    ],
)
def test_f25_a_wrong_file_is_told_in_words_and_left_alone(
    sqlite_workshop: Workshop, prepare: Callable[[Workshop], object], words: str
) -> None:
    prepare(sqlite_workshop)
    for command in (("upgrade", "heads"), ("current",)):
        said = sqlite_workshop.alembic(*command, status=255)
        assert words in said
        assert "Traceback" not in said


def test_f27_a_disk_that_is_full_is_no_mistake_of_the_migration(sqlite_workshop: Workshop) -> None:
    """SQLite answers the same when the file may not grow beyond so many pages."""
    fills = (
        "op.execute('PRAGMA max_page_count = 12')\nop.execute('CREATE TABLE big AS SELECT zeroblob(99999) AS value')"
    )
    sqlite_workshop.plugin("family", one=revision("one", fills, label="family"))
    sqlite_workshop.enable("family")
    said = sqlite_workshop.alembic("upgrade", "heads", status=255)
    assert f"The disk of {sqlite_workshop.file} is full. Make room there." in said
    assert said.endswith("Nothing was changed.\nWhen that is mended, run the same command again.\n")


def test_a_folder_that_is_not_there_is_named(sqlite_workshop: Workshop) -> None:
    sqlite_workshop.url = f"sqlite:///{sqlite_workshop.folder}/missing/data.sqlite"
    sqlite_workshop.write_ini()
    assert "/missing for the database does not exist" in sqlite_workshop.alembic("upgrade", "heads", status=255)


def test_sql_can_be_printed_instead_of_sent(workshop: Workshop) -> None:
    workshop.plugin("family", one=TABLES)
    workshop.enable("family")
    said = workshop.alembic("upgrade", "heads", "--sql")
    assert "CREATE TABLE parents" in said
    assert "INSERT INTO alembic_version" in said
    assert ("BEGIN;\n\nSET LOCAL TimeZone = 'UTC';" in said) is workshop.url.startswith("postgresql")


# --- What ships ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(workshop: Workshop) -> Workshop:
    """The repository's own alembic folder, on a new database."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts")
    return workshop


def test_what_ships_goes_up_and_down_and_up_and_matches_the_models(shipped: Workshop) -> None:
    shipped.alembic("upgrade", "head")
    assert {"roles", "users", "outgoing_mails"} <= tables(shipped)
    assert "No new upgrade operations detected" in shipped.alembic("check")
    shipped.alembic("downgrade", "-1")
    shipped.alembic("downgrade", "base")
    assert tables(shipped) == {"alembic_version", "alembic_owners"}
    shipped.alembic("upgrade", "head")
    assert "No new upgrade operations detected" in shipped.alembic("check")


def test_what_ships_is_one_chain(shipped: Workshop) -> None:
    assert shipped.alembic("heads").count("(head)") == 1
    assert "(flasky)" in shipped.alembic("history")
    assert shipped.alembic("branches").strip() == ""


def test_the_real_command_does_the_same(shipped: Workshop) -> None:
    """Once without the warm process: `alembic` as pip installed it."""
    process = shipped.start("upgrade", "head")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Running upgrade" in output


def test_the_alembic_folder_is_no_package() -> None:
    """With an __init__.py it would shadow the library."""
    assert not list((REPOSITORY / "alembic").rglob("__init__.py"))


def test_the_ini_files_of_the_project_say_where_the_scripts_are() -> None:
    for name in ("development.ini", "testing.ini", "production.ini"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert "script_location = %(here)s/alembic" in text


def test_an_ini_file_that_does_not_lead_to_flaskys_scripts_is_told_which_line_to_write(
    sqlite_workshop: Workshop,
) -> None:
    """Alembic's own advice, `alembic init`, would make scripts that know nothing of the site."""
    text = sqlite_workshop.ini.read_text(encoding="utf-8")
    line = f"script_location = {sqlite_workshop.scripts}"
    advice = f"Under [alembic], write: script_location = {script_location()}\n"
    for written, told in {
        text.replace(line, "script_location = %(here)s/none"): f"there is no folder {sqlite_workshop.folder}/none. ",
        text.replace(line, "script_location = no_such_package:alembic"): "there is no folder no_such_package:alembic. ",
        text.replace(line, ""): "site.ini: it does not say where the migrations are. ",
        text.replace("[alembic]", "[alchemy]"): "site.ini: it does not say where the migrations are. ",
    }.items():
        sqlite_workshop.ini.write_text(written, encoding="utf-8")
        said = sqlite_workshop.alembic("upgrade", "heads", status=255)
        assert said.endswith(f"{told}{advice}")
        assert said.count("\n") == 1
        state = schema_state(
            load_site({"__file__": str(sqlite_workshop.ini)}, read_ini(sqlite_workshop.ini).settings, {})
        )
        assert (state.kind, f"{state.told}\n") == (Kind.BROKEN, said)
    sqlite_workshop.ini.write_text(text.replace(line, "script_location = %(nowhere)s"), encoding="utf-8")
    said = sqlite_workshop.alembic("heads", status=255)
    assert "key script_location in [alembic]: %(nowhere)s stands for nothing." in said
    sqlite_workshop.ini.unlink()
    said = sqlite_workshop.alembic("upgrade", "heads", status=255)
    assert said == f"There is no INI file {sqlite_workshop.ini}. Name the site's: alembic -c FILE …\n"


def test_the_folder_of_the_file_is_not_said_to_be_what_can_be_named_where_it_is_not_known() -> None:
    """As in the env.py that `alembic init` makes, which reads the logging of the file by itself."""
    said = explain(InterpolationMissingOptionError("args", "handler_file", "%(here)s/x.log", "here"), "/srv/site.ini")
    assert said.startswith("site.ini, key args in [handler_file]: who reads this section does not know %(here)s")
    assert said.endswith(f"write: script_location = {script_location()}")
