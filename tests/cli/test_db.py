"""`flasky db status`: what is applied, what waits, whose tables there are; also while the site cannot start."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from click.testing import Result
from sqlalchemy import NullPool, create_engine, text

from alembic import command
from flasky.testing.ini import write_ini
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate

Flasky = Callable[..., Result]

MODELS = (
    "from sqlalchemy.orm import Mapped, mapped_column\nfrom flasky.database import Base\n"
    "class StatusThing(Base):\n    __tablename__ = 'status_things'\n"
    "    id: Mapped[int] = mapped_column(primary_key=True)\n"
)
REVISION = (
    '"""{text}"""\nimport sqlalchemy as sa\nfrom alembic import op\nrevision = {revision!r}\ndown_revision = {down!r}\n'
    "branch_labels = {label!r}\ndepends_on = None\n"
    "def upgrade() -> None:\n    {up}\ndef downgrade() -> None:\n    pass\n"
)


@pytest.fixture(scope="session")
def things_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the plug-in `things`, with two migrations: one for the process, which imports it once."""
    packages = tmp_path_factory.mktemp("packages")
    package = packages / "status_things_plugin"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from flasky.plugin import Plugin\n"
        "plugin = Plugin(name='things', models='status_things_plugin.models', "
        "migrations='status_things_plugin:migrations')\n"
        "def includeme(config):\n    pass\n"
    )
    (package / "models.py").write_text(MODELS)
    made = "op.create_table('status_things', sa.Column('id', sa.Integer(), primary_key=True))"
    for file, content in {
        "1": REVISION.format(text="Things", revision="things1", down=None, label=("things",), up=made),
        "2": REVISION.format(text="More", revision="things2", down="things1", label=None, up="pass"),
    }.items():
        (package / "migrations" / f"{file}.py").write_text(content)
    info = packages / "status_things-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: status-things\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[flasky.plugins]\nthings = status_things_plugin:plugin\n")
    return package


@pytest.fixture(scope="module")
def things(things_folder: Path) -> Iterator[Path]:
    """The folder of the plug-in `things`, which is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(things_folder.parent)
        yield things_folder


@pytest.fixture
def ini(database_server: Any, tmp_path: Path, things: Path) -> Path:
    """A site with what ships, migrated; `things` is installed and not enabled."""
    settings = {**TEST_SETTINGS, "flasky.plugins": "main accounts"}
    database = database_server.create(lambda url: migrate({**settings, "sqlalchemy.url": url}), "main accounts")
    return write_ini(tmp_path / "site.ini", {**settings, "sqlalchemy.url": database.url})


def listing(ini: Path, plugins: str) -> None:
    """Change the list of plug-ins."""
    lines = [
        f"flasky.plugins = {plugins}" if "flasky.plugins" in line else line for line in ini.read_text().splitlines()
    ]
    ini.write_text("\n".join(lines) + "\n")


def upgrade(ini: Path, to: str) -> None:
    with redirect_stderr(io.StringIO()):
        command.upgrade(Config(str(ini), stdout=io.StringIO()), to)


def told(flasky: Flasky, ini: Path, status: int) -> dict[str, Any]:
    done = flasky("--ini", ini, "db", "status", "--json")
    assert done.exit_code == status, done.output
    found = json.loads(done.stdout)
    found["plugins"] = {row["plugin"]: row for row in found["plugins"]}
    return dict(found)


def test_from_waiting_to_applied_to_the_rows_of_a_disabled_and_of_a_missing_plugin(
    flasky: Flasky, ini: Path, things: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told(flasky, ini, 0)
    assert before["current"] is True
    assert list(before["plugins"]) == ["flasky", "main", "accounts"]
    shipped, accounts = before["plugins"]["flasky"], before["plugins"]["accounts"]
    assert shipped["revisions"] == shipped["heads"] != []
    assert "outgoing_mails" in shipped["tables"]
    assert accounts["chain"] == "flasky"
    assert {"users", "roles"} <= set(accounts["tables"])

    listing(ini, "main accounts things")
    row = told(flasky, ini, 1)["plugins"]["things"]
    assert (row["state"], row["revisions"], row["heads"]) == ("enabled", [], ["things2"])
    assert row["pending"] == ["things1 “Things”", "things2 “More”"]
    upgrade(ini, "things1")
    row = told(flasky, ini, 1)["plugins"]["things"]
    assert (row["revisions"], row["pending"], row["tables"]) == (["things1"], ["things2 “More”"], ["status_things"])
    upgrade(ini, "heads")
    found = told(flasky, ini, 0)
    assert found["plugins"]["things"]["pending"] == []
    assert found["plugins"]["things"]["rows"] == {}

    url = next(line for line in ini.read_text().splitlines() if "sqlalchemy.url" in line).partition("=")[2].strip()
    engine = create_engine(url.replace("%%", "%"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO status_things VALUES (1), (2)"))
    engine.dispose()
    listing(ini, "main accounts")
    row = told(flasky, ini, 0)["plugins"]["things"]
    assert (row["state"], row["revisions"], row["rows"]) == ("disabled", ["things2"], {"status_things": 2})
    monkeypatch.syspath_prepend(things.parent)
    monkeypatch.setattr("flasky.migrations.status.available", dict)
    row = told(flasky, ini, 0)["plugins"]["things"]
    assert (row["state"], row["rows"]) == ("not installed", {"status_things": 2})
    lines = flasky("--ini", ini, "db", "status").output.splitlines()
    assert lines[2].split() == ["Plug-in", "State", "Revision", "Head", "Waiting", "Tables", "Rows"]
    assert "things    not installed  things2" in "\n".join(lines)


@pytest.mark.databases("sqlite")  # PostgreSQL keeps what is searched in a column.
def test_an_index_for_searching_is_of_the_plugin_whose_table_it_is_about(
    flasky: Flasky, database_server: Any, tmp_path: Path
) -> None:
    """No model describes it, and the revision that made it is one of several plug-ins."""
    settings = {**TEST_SETTINGS, "flasky.plugins": "main accounts api blog"}
    database = database_server.create(
        lambda url: migrate({**settings, "sqlalchemy.url": url}), settings["flasky.plugins"]
    )
    site = write_ini(tmp_path / "site.ini", {**settings, "sqlalchemy.url": database.url})
    index = {f"post_words_fts{end}" for end in ("", "_config", "_data", "_docsize", "_idx")}

    found = told(flasky, site, 0)["plugins"]
    assert {name: index & set(row["tables"]) for name, row in found.items() if index & set(row["tables"])} == {
        "blog": index
    }
    shown = json.loads(flasky("--ini", site, "plugin", "show", "blog", "--json").stdout)
    tables = [one["name"] for one in shown["contributions"] if one["kind"] == "table"]
    assert index | {"posts", "post_words"} <= set(tables)
    assert len(tables) == len(set(tables))

    listing(site, "main accounts")
    assert index <= set(told(flasky, site, 0)["plugins"]["blog"]["rows"])


@pytest.mark.databases("sqlite")  # What keeps the site from starting is not the database.
def test_it_works_when_the_site_cannot_start(flasky: Flasky, ini: Path, things: Path) -> None:
    """A misspelt plug-in, models that cannot be imported: the table comes, the faults follow, exit status 1."""
    listing(ini, "main accounts things acounts")
    (things / "models.py").write_text("raise RuntimeError")
    done = flasky("--ini", ini, "db", "status")
    (things / "models.py").write_text(MODELS)
    assert done.exit_code == 1
    assert any(line.split()[:2] == ["things", "enabled"] for line in done.output.splitlines())
    assert "things: things1 “Things” is not applied" in done.output
    assert f"Apply what waits with: alembic -c {ini} upgrade heads" in done.output
    assert "no installed plug-in is called 'acounts'. Did you mean 'accounts'?" in done.output


@pytest.mark.databases("sqlite")  # The files are the same.
def test_migrations_that_cannot_be_read_are_told_and_the_database_is_shown(
    flasky: Flasky, ini: Path, things: Path
) -> None:
    listing(ini, "main accounts things")
    broken = things / "migrations" / "3.py"
    broken.write_text("raise ZeroDivisionError\n")
    found = told(flasky, ini, 1)
    broken.unlink()
    assert any("ZeroDivisionError" in problem for problem in found["problems"])
    assert "users" in found["plugins"]["accounts"]["tables"]
    assert found["plugins"]["flasky"]["revisions"]


def test_a_database_that_newer_code_has_migrated(flasky: Flasky, ini: Path) -> None:
    url = next(line for line in ini.read_text().splitlines() if "sqlalchemy.url" in line).partition("=")[2].strip()
    engine = create_engine(url.replace("%%", "%"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'tomorrow'"))
        connection.execute(text("UPDATE alembic_owners SET name = 'tomorrow' WHERE kind = 'revision'"))
    engine.dispose()
    found = told(flasky, ini, 1)
    assert any("flasky is ahead of the code: there is no revision tomorrow" in one for one in found["problems"])


@pytest.mark.databases("sqlite")  # A file that is not there.
def test_without_a_database_everything_waits_and_none_is_made(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    ini = ini_file()
    found = told(flasky, ini, 1)
    assert found["plugins"]["flasky"]["pending"]
    assert any("There is no database" in problem for problem in found["problems"])
    assert not (ini.parent / "data.sqlite").exists()


@pytest.mark.databases("sqlite")  # What cannot be read is told by one function for both.
def test_of_a_database_that_cannot_be_read_the_reason_is_told_and_nothing_else_is_claimed(
    flasky: Flasky, ini_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Nobody knows then what is applied: no revision is said to wait, and no command is named that would not help."""
    damaged = tmp_path / "letter.sqlite"
    damaged.write_text("a letter to somebody\n" * 500)
    away = ini_file(sqlalchemy__url=f"sqlite:///{damaged}")
    done = flasky("--ini", away, "db", "status")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[1].startswith(f"{damaged} is not an SQLite database or is damaged")
    assert "unknown" in next(line for line in lines if line.startswith("flasky"))
    assert "not applied" not in done.output
    assert "Apply" not in done.output
    found = told(flasky, away, 1)
    assert found["problems"][0].startswith(str(damaged))
    assert (found["current"], found["plugins"]["flasky"]["pending"]) == (False, [])
    assert found["plugins"]["flasky"]["heads"]


@pytest.mark.databases("sqlite")  # The file is the same.
def test_an_ini_file_without_the_section_of_alembic_is_told_its_line(flasky: Flasky, ini: Path) -> None:
    ini.write_text(ini.read_text().replace("[alembic]", "[alchemy]"))
    found = told(flasky, ini, 1)
    assert "Under [alembic], write: script_location = " in found["problems"][0]
    assert "users" in found["plugins"]["accounts"]["tables"]
