"""The life of two plug-ins on both databases: enable, migrate, fill, disable, enable, remove, restore (DESIGN 3)."""

from __future__ import annotations

import io
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from click.testing import CliRunner, Result
from sqlalchemy import URL, Connection, NullPool, create_engine, inspect, make_url, text
from webtest import TestApp

import flasky
from alembic import command
from flasky import trial
from flasky.cli import main
from flasky.database import get_database
from flasky.ini import CannotStart, read_ini
from flasky.ini_list import with_plugin, without_plugin
from flasky.migrations.scripts import scripts_folder
from flasky.testing.ini import write_ini
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate


class Life:
    """A site by its INI file and its database, and the commands of its owner."""

    def __init__(self, ini: Path, url: str) -> None:
        self.ini, self.url = ini, url

    def run(self, *arguments: str, status: int = 0) -> Result:
        """Run `flasky plugin …`."""
        done = CliRunner().invoke(main, ["--ini", str(self.ini), "plugin", *arguments])
        assert done.exit_code == status, (done.output, done.exc_info)
        return done

    def migrate(self) -> None:
        """Run `alembic upgrade heads`."""
        with redirect_stderr(io.StringIO()):
            command.upgrade(Config(str(self.ini), stdout=io.StringIO()), "heads")

    def sql(self, *statements: str) -> list[Any]:
        """Send statements, and return the rows of the last."""
        engine = create_engine(self.url, poolclass=NullPool)
        rows: list[Any] = []
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(text(statement))
                rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows

    def tables(self) -> set[str]:
        """The tables of the database."""
        engine = create_engine(self.url, poolclass=NullPool)
        names = set(inspect(engine).get_table_names())
        engine.dispose()
        return names

    def get(self, path: str, status: int = 200) -> str:
        """Start the site of the INI file and ask for a page."""
        read = read_ini(self.ini)
        app = flasky.main(read.global_config, **read.settings)
        try:
            page = TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get(path, status=status)
            return str(page.text)
        finally:
            get_database(app.registry).dispose()


@pytest.fixture
def life(
    database_server: Any, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch, warm_trials: object
) -> Life:
    """A site with what ships, migrated, where the samples are installed but not enabled."""
    monkeypatch.setenv("PYTHONPATH", str(samples))
    monkeypatch.delenv("FLASKY_INI", raising=False)
    settings = {**TEST_SETTINGS, "flasky.plugins": "main accounts"}
    database = database_server.create(lambda url: migrate({**settings, "sqlalchemy.url": url}), "main accounts")
    ini = write_ini(tmp_path / "site.ini", {**settings, "sqlalchemy.url": database.url})
    ini.write_text(ini.read_text().replace("flasky.plugins", "# Ours, and theirs.\nflasky.plugins"))
    return Life(ini, database.url)


def test_enable_fill_disable_enable_remove_restore(life: Life, samples: Path, tmp_path: Path) -> None:
    """Every step by the owner's own commands; both plug-ins have a table, and one refers to the other's."""
    before = life.ini.read_bytes()
    refused = life.run("enable", "poster", status=1).output
    assert "The trial failed when it read the plug-ins and settings" in refused
    assert "the plug-in 'poster' requires 'board'. Add board to the list" in refused
    assert life.ini.read_bytes() == before
    assert "alembic -c" in life.run("enable", "board").output
    assert life.ini.read_bytes() == before.replace(b"main accounts", b"main accounts board")
    assert "board_notices" not in life.tables()  # The trial migrated a copy.
    life.ini.write_text(with_plugin(life.ini.read_text(), "poster"))
    life.migrate()
    life.sql("INSERT INTO board_notices (id, text) VALUES (7, '胡同''s')", "INSERT INTO posters VALUES (3, 7)")
    decided = "INSERT INTO role_permissions SELECT min(id), '{}', true FROM roles"
    life.sql(*(decided.format(name) for name in ("board.pin", "boards.pin", "poster.see")))
    life.sql("INSERT INTO background_schedules VALUES ('board.tidy', '2030-01-01 00:00:00')")
    page = life.get("/board")
    assert "胡同" in page
    assert "Plain notices, Posters" in page  # The board's own extension point.

    enabled = life.ini.read_bytes()
    assert "the plug-in 'poster' requires 'board'" in life.run("disable", "board", status=1).output
    assert "First: flasky" in life.run("remove", "poster", "--yes", status=1).output
    assert life.ini.read_bytes() == enabled
    life.run("disable", "poster")
    life.ini.write_text(without_plugin(life.ini.read_text(), "board"))
    assert life.ini.read_bytes() == before
    life.migrate()
    life.get("/")
    life.get("/board", status=404)
    assert life.sql("SELECT * FROM posters") == [(3, 7)]

    # Enabled again, all is there; no migration is waiting.
    life.run("enable", "board")
    life.migrate()
    assert "胡同" in life.get("/board")
    life.run("disable", "board")
    assert life.ini.read_bytes() == before

    assert "posters.notice_id → board_notices" in life.run("remove", "board", "--yes", status=1).output
    planned = json.loads(life.run("remove", "poster", "--json").stdout)
    assert planned["revisions"] == ["a_poster0001"]
    [table] = planned["tables"]
    assert (table["name"], table["rows"], table["refers_to"]) == ("posters", 1, ["notice_id → board_notices"])
    assert planned["names"] == [{"table": "role_permissions", "column": "permission", "rows": 1}]
    assert planned["files"] == {"distribution": "flasky-poster", "package": str(samples / "flasky_poster")}
    assert "posters" in life.tables()
    kept = {name: tmp_path / f"{name}.json" for name in ("poster", "board")}
    life.run("remove", "poster", "--yes", "--dump", str(kept["poster"]))
    life.run("remove", "board", "--yes", "--dump", str(kept["board"]))
    assert not {"posters", "board_notices"} & life.tables()
    assert life.sql("SELECT version_num FROM alembic_version WHERE version_num LIKE '%poster%'") == []
    assert life.sql("SELECT name FROM alembic_owners WHERE owner IN ('poster', 'board')") == []
    left = "SELECT permission FROM role_permissions ORDER BY permission"
    assert life.sql(left) == [("boards.pin",)]
    assert life.sql("SELECT name FROM background_schedules WHERE name LIKE 'board.%'") == []
    life.migrate()
    assert "Nothing in the database belongs" in life.run("remove", "poster").output

    life.ini.write_bytes(enabled)
    assert "Enable the plug-in and migrate it" in life.run("remove", "--restore", str(kept["board"]), status=1).output
    life.migrate()
    assert "board_notices: 1 rows put back" in life.run("remove", "--restore", str(kept["board"])).output
    # Decided anew meanwhile: the row of the dump does not come on top of it.
    life.sql("INSERT INTO role_permissions SELECT min(id), 'poster.see', false FROM roles")
    assert "role_permissions: 0 rows put back" in life.run("remove", "--restore", str(kept["poster"])).output
    assert life.sql("SELECT * FROM posters") == [(3, 7)]
    assert ("board.pin",) in life.sql(left)
    assert life.sql("SELECT name FROM background_schedules WHERE name = 'board.tidy'") == [("board.tidy",)]
    assert "only put back into empty tables" in life.run("remove", "--restore", str(kept["poster"]), status=1).output
    # The next row gets a number of its own, on PostgreSQL too.
    life.sql("INSERT INTO board_notices (text) VALUES ('next')")
    assert life.sql("SELECT id FROM board_notices ORDER BY id") == [(7,), (8,)]


def test_a_plugin_without_tables_leaves_nothing_behind(life: Life) -> None:
    """No row names it any more; its lines of the INI file are told, as nobody else may write there."""
    decided = "INSERT INTO role_permissions SELECT min(id), '{}', true FROM roles"
    # For LIKE an underscore is any letter: the second is somebody else's.
    life.sql(decided.format("gone_by.see"), decided.format("goneXby.see"))
    life.ini.write_text(
        life.ini.read_text().replace("[app:main]", "[app:main]\ngone_by.size = 3\nflasky.prefix.gone_by = /by", 1)
    )
    shown = life.run("remove", "gone_by").output
    assert "Rows of others that name something of its: 1 in role_permissions.permission" in shown
    assert "yourself: site.ini line 2, key gone_by.size, site.ini line 3, key flasky.prefix.gone_by\n" in shown
    planned = json.loads(life.run("remove", "gone_by", "--json").stdout)
    assert planned["lines"] == ["site.ini line 2, key gone_by.size", "site.ini line 3, key flasky.prefix.gone_by"]
    assert planned["files"] == {"distribution": "", "package": ""}
    life.run("remove", "gone_by", "--yes")
    assert life.sql("SELECT permission FROM role_permissions WHERE permission LIKE 'gone%'") == [("goneXby.see",)]
    assert "Nothing in the database belongs" in life.run("remove", "gone_by").output


@pytest.mark.databases("sqlite")  # Which models there are is no matter of the database.
def test_rows_of_a_disabled_holder_go_too(life: Life) -> None:
    """`accounts` is switched off, and its models are imported for it all the same."""
    life.sql("INSERT INTO role_permissions SELECT min(id), 'gone.see', true FROM roles")
    life.ini.write_text(life.ini.read_text().replace("main accounts", "main"))
    life.run("remove", "gone", "--yes")
    assert life.sql("SELECT permission FROM role_permissions WHERE permission LIKE 'gone%'") == []


@pytest.fixture
def ill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that installs the plug-in `trial` with this body of its includeme and of its migration."""
    package = tmp_path / "packages" / "ill_trial"

    def install(body: str, migration: str, requires: str = "main") -> None:
        (package / "migrations").mkdir(parents=True)
        (package / "__init__.py").write_text(
            "from flasky.plugin import Plugin\nfrom pyramid.security import NO_PERMISSION_REQUIRED\n"
            f"plugin = Plugin(name='trial', requires=({requires!r},), migrations='ill_trial:migrations')\n"
            f"def includeme(config):\n    {body}\n"
            "def fail(request):\n    raise ZeroDivisionError\n"
        )
        (package / "migrations" / "0001.py").write_text(
            "from alembic import op\nrevision = 'trial1'\ndown_revision = None\n"
            "branch_labels = ('trial',)\ndepends_on = None\n"
            f"def upgrade():\n    {migration}\ndef downgrade():\n    pass\n"
        )
        info = package.parent / "ill_trial-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ill-trial\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[flasky.plugins]\ntrial = ill_trial:plugin\n")
        monkeypatch.setenv("PYTHONPATH", str(package.parent))
        monkeypatch.syspath_prepend(package.parent)
        monkeypatch.delitem(sys.modules, "ill_trial", raising=False)

    return install


FAILING_VIEW = (
    "config.add_route('ill.a', '/ill'); config.add_view(fail, route_name='ill.a', permission=NO_PERMISSION_REQUIRED)"
)


@pytest.mark.parametrize(
    ("point", "problem", "body", "migration"),
    [
        ("started the site", "ZeroDivisionError", "1 / 0", "pass"),
        ("migrated the copy of the database", "in the migration", "pass", "raise RuntimeError('in the migration')"),
        ("asked for /ill", "the answer was 500", FAILING_VIEW, "pass"),
    ],
)
def test_a_trial_names_the_point_that_failed(
    ill: Callable[[str, str], None],
    ini_file: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    point: str,
    problem: str,
    body: str,
    migration: str,
) -> None:
    ill(body, migration)
    trial.main([str(ini_file(flasky__plugins="main accounts trial")), "trial"])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said[0] == point
    assert problem in said[1]


@pytest.mark.parametrize(
    ("point", "body", "migration", "requires"),
    [
        ("read the plug-ins and settings", "pass", "pass", "nothing"),
        ("started the site", "1 / 0", "pass", "main"),
        ("migrated the copy of the database", "pass", "1 / 0", "main"),
        ("asked for /", "config.set_home(fail, permission=NO_PERMISSION_REQUIRED)", "pass", "main"),
        ("asked for /ill", FAILING_VIEW, "pass", "main"),
    ],
)
@pytest.mark.databases("sqlite")  # Where a database is one file; the next test has the other.
def test_a_failing_trial_changes_neither_ini_file_nor_database(
    life: Life, ill: Callable[..., None], point: str, body: str, migration: str, requires: str
) -> None:
    """Byte for byte, whatever the point."""
    ill(body, migration, requires)
    folder, database = life.ini.parent, Path(str(make_url(life.url).database))
    before = {file: file.read_bytes() for file in (life.ini, database)}
    names = {file.name for file in folder.iterdir()}
    said = life.run("enable", "trial", status=1).output
    assert f"The trial failed when it {point}: " in said
    assert "Nothing was changed." in said
    assert {file: file.read_bytes() for file in before} == before
    assert {file.name for file in folder.iterdir()} - names <= {"trial.output"}


@pytest.mark.databases("postgresql")
def test_a_failing_trial_leaves_a_database_on_a_server_as_it_was(life: Life, ill: Callable[..., None]) -> None:
    ill("pass", "op.execute('DELETE FROM roles'); raise RuntimeError('in the migration')")
    seen = (
        "SELECT datname FROM pg_database",
        "SELECT * FROM alembic_version ORDER BY 1",
        "SELECT * FROM roles ORDER BY 1",
    )
    before = life.ini.read_bytes(), life.tables(), [life.sql(one) for one in seen[1:]]
    assert "migrated the copy of the database" in life.run("enable", "trial", status=1).output
    assert (life.ini.read_bytes(), life.tables(), [life.sql(one) for one in seen[1:]]) == before
    name = make_url(life.url).database
    assert [row for row in life.sql(seen[0]) if str(row[0]).startswith(f"{name}_trial_")] == []


def test_an_ini_file_without_flaskys_migrations_is_told_which_they_are(
    ini_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """As of a site whose Flasky came by pip, with the line of a clone."""
    ini = ini_file()
    ini.write_text(ini.read_text().replace(str(scripts_folder()), "%(here)s/none"))
    trial.main([str(ini), "main"])
    point, problem = json.loads(capsys.readouterr().out)
    assert point == "read the plug-ins and settings"
    assert "Under [alembic], write: script_location = " in problem


@pytest.fixture
def own_server(database_server: Any) -> Iterator[Connection]:
    """A connection to an empty database on PostgreSQL."""
    url = make_url(database_server.create(lambda _url: None, "empty").url)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def limited_role(own_server: Connection) -> Iterator[str]:
    """A role that may not create databases, whose name has to be quoted."""
    # Another one each time: roles belong to the whole server, and others may test there.
    name = f'flasky "limited" {secrets.token_hex(4)}'
    quoted = own_server.dialect.identifier_preparer.quote_identifier(name)
    own_server.execute(text(f"CREATE ROLE {quoted}"))
    yield name
    own_server.execute(text(f"DROP ROLE {quoted}"))


@pytest.mark.databases("postgresql")
def test_a_database_that_cannot_be_copied_is_told_with_the_right_that_is_missing(
    own_server: Connection, limited_role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server's own refusal. Who the role is only the server knows: sqlalchemy.url names nobody."""
    url = own_server.engine.url
    monkeypatch.setenv("PGUSER", url.username or "")
    monkeypatch.setenv("PGPASSWORD", str(url.password or ""))
    role = limited_role.replace(" ", r"\ ")
    limited = url._replace(username=None, password=None).update_query_dict({"options": f"-crole={role}"})
    ini = write_ini(tmp_path / "site.ini", {**TEST_SETTINGS, "sqlalchemy.url": _plain(limited)})
    with pytest.raises(CannotStart, match=r"the right CREATEDB.*Nothing was changed") as caught:
        trial.try_out(ini, ini.read_text(), "board")
    shown = limited_role.replace('"', '""')
    assert f'ALTER ROLE "{shown}" CREATEDB.' in str(caught.value)


@pytest.mark.databases("postgresql")
def test_a_database_that_is_in_use_cannot_be_copied(own_server: Connection, tmp_path: Path) -> None:
    ini = write_ini(tmp_path / "site.ini", {**TEST_SETTINGS, "sqlalchemy.url": _plain(own_server.engine.url)})
    with pytest.raises(CannotStart, match=r"being accessed by other users.* Stop the site"):
        trial.try_out(ini, ini.read_text(), "board")


def _plain(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("text_before", "text_after"),
    [
        ("[app:main]\nflasky.plugins = main blog\n[x]\n", "[app:main]\nflasky.plugins = main blog polls\n[x]\n"),
        ("[app:main]\nflasky.plugins = main, blog\n", "[app:main]\nflasky.plugins = main, blog polls\n"),
        (
            "[app:main]\r\nflasky.plugins =\r\n    main\r\n    # ours\r\n    blog\r\n\r\n# end\r\n",
            "[app:main]\r\nflasky.plugins =\r\n    main\r\n    # ours\r\n    blog\r\n    polls\r\n\r\n# end\r\n",
        ),
        (
            "[other]\nflasky.plugins = x\n[app:main]\nflasky.plugins =\n",
            "[other]\nflasky.plugins = x\n[app:main]\nflasky.plugins = polls\n",
        ),
    ],
)
def test_only_the_list_in_the_ini_file_changes(text_before: str, text_after: str) -> None:
    """Comments, line ends and layout stay; taken out again, the file is what it was."""
    assert with_plugin(text_before, "polls") == text_after
    assert without_plugin(text_after, "polls") == text_before
    assert without_plugin(text_after, "poll") == text_after
    assert without_plugin("[app:main]\nflasky.plugins = polls, main\n", "polls").endswith("plugins = main\n")


def test_an_ini_file_without_a_list_is_not_guessed_at() -> None:
    with pytest.raises(CannotStart, match=r"has no line `flasky\.plugins"):
        with_plugin("[app:main]\nuse = egg:flasky\n", "polls")


def test_the_tables_of_what_ships_are_not_removed(life: Life) -> None:
    """They are made by Flasky's own migrations: `upgrade heads` would not make them again."""
    assert "not a plug-in's" in life.run("remove", "flasky", "--yes", status=1).output
    life.ini.write_text(without_plugin(life.ini.read_text(), "accounts"))
    before = life.tables()
    for options in ([], ["--yes"]):
        refused = life.run("remove", "accounts", *options, status=1).output
        assert "made by the migrations of Flasky itself" in refused
        # No plan comes first, which would look as if it could be done.
        assert refused.startswith("Error: ")
    assert life.tables() == before
    assert not list(life.ini.parent.glob("*.dump.json"))


@pytest.mark.databases("sqlite")  # Where a plug-in's files are is no matter of the database.
def test_nobody_is_told_to_uninstall_what_ships(life: Life) -> None:
    """Its files are those of the site."""
    life.ini.write_text(without_plugin(without_plugin(life.ini.read_text(), "accounts"), "main"))
    assert "pip uninstall" not in life.run("remove", "main").output
    assert json.loads(life.run("remove", "main", "--json").stdout)["files"] == {"distribution": "", "package": ""}
