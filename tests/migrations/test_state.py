"""Schema and code compared: what a server does at start, and the page in development."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, make_url
from webtest import TestApp
from workshop import Workshop

import flasky
from flasky.database import get_database
from flasky.database.engine import make_engine
from flasky.errors.exceptions import in_english
from flasky.ini import read_ini
from flasky.logs import JSONFormatter
from flasky.migrations.explanations import listed, revision_of
from flasky.migrations.state import Kind, SchemaMismatch, check_schema, explain_missing_table, schema_state
from flasky.site import Site, load_site


def site_of(workshop: Workshop) -> Site:
    ini = read_ini(workshop.ini)
    return load_site(ini.global_config, ini.settings, {})


@pytest.fixture
def production(workshop: Workshop) -> Workshop:
    """A project with the kernel's revision, described by an INI file for production; nothing migrated yet."""
    workshop.ship_kernel()
    workshop.settings = {
        "flasky.environment": "production",
        "flasky.secret_key": secrets.token_urlsafe(48),
        "flasky.base_url": "https://community.example.com",
    }
    workshop.write_ini()
    return workshop


def test_what_is_migrated_may_start(production: Workshop) -> None:
    production.alembic("upgrade", "heads")
    assert schema_state(site_of(production)).is_current
    check_schema(site_of(production))


def test_f08_an_old_schema_is_refused_with_the_command(production: Workshop) -> None:
    production.alembic("upgrade", "heads")
    production.alembic("downgrade", "base")
    state = schema_state(site_of(production))
    assert (state.kind, state.pending) == (Kind.BEHIND, ("0001",))
    with pytest.raises(SchemaMismatch) as caught:
        check_schema(site_of(production))
    assert "Not applied yet: 0001 “Outgoing mails” of flasky" in str(caught.value)
    assert str(caught.value).endswith(f"alembic -c {production.ini} upgrade heads")


def test_f09_a_schema_of_newer_code_is_refused_and_left_alone(production: Workshop) -> None:
    production.alembic("upgrade", "heads")
    production.sql("UPDATE alembic_version SET version_num = 'from_the_future'")
    with pytest.raises(SchemaMismatch) as caught:
        check_schema(site_of(production))
    assert caught.value.state.kind is Kind.AHEAD
    assert "from_the_future" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    for command in (("upgrade", "heads"), ("downgrade", "-1"), ("current",)):
        assert "The database is ahead of the code" in production.alembic(*command, status=255)
    assert production.sql("SELECT version_num FROM alembic_version") == [("from_the_future",)]
    assert production.sql("SELECT count(*) FROM outgoing_mails") == [(0,)]


def test_f26_a_missing_database_is_refused_and_not_made(production: Workshop) -> None:
    if production.url.startswith("sqlite"):
        production.file.unlink(missing_ok=True)
    else:
        url = make_url(production.url).set(database="not_there")
        production.url = url.render_as_string(hide_password=False)
        production.write_ini()
    with pytest.raises(SchemaMismatch, match="There is no database"):
        check_schema(site_of(production))
    if production.url.startswith("sqlite"):
        assert not production.file.exists()


def test_f25_a_wrong_file_is_refused_and_points_to_the_backup(sqlite_workshop: Workshop) -> None:
    sqlite_workshop.ship_kernel()
    sqlite_workshop.file.write_text("a letter to somebody\n" * 500)
    state = schema_state(site_of(sqlite_workshop))
    assert state.kind is Kind.DAMAGED
    assert "Put a backup in its place" in state.message
    assert sqlite_workshop.file.read_text().startswith("a letter")


def test_f29_a_server_that_is_away_is_told(sqlite_workshop: Workshop) -> None:
    sqlite_workshop.url = "postgresql://user:secret@127.0.0.1:1/none"
    sqlite_workshop.write_ini()
    state = schema_state(site_of(sqlite_workshop))
    assert state.kind is Kind.UNREACHABLE
    assert "secret" not in state.message


def test_a_revision_that_cannot_be_read_is_told(sqlite_workshop: Workshop) -> None:
    sqlite_workshop.alembic("upgrade", "heads")
    sqlite_workshop.ship_kernel()
    for number in (1, 2):
        script = sqlite_workshop.scripts / "versions" / f"copy{number}.py"
        script.write_text(f"revision = 'c{number}'\ndown_revision = 'nowhere'\ndef upgrade(): pass\n")
    state = schema_state(site_of(sqlite_workshop))
    assert state.kind is Kind.BROKEN
    assert "nowhere" in state.message


def test_a_site_made_in_python_has_nothing_to_compare_with(tmp_path: Any) -> None:
    settings = {"flasky.plugins": "main", "sqlalchemy.url": f"sqlite:///{tmp_path}/none.sqlite"}
    assert schema_state(load_site({}, settings, {})).is_current


def test_an_error_about_something_else_is_not_explained(workshop: Workshop) -> None:
    workshop.ship_kernel()
    workshop.alembic("upgrade", "heads")
    engine = make_engine(workshop.url)
    for statement in ("SELECT * FROM nobodys_table", "SELECT nonsense FROM outgoing_mails"):
        with pytest.raises(Exception, match="n") as caught, engine.connect() as connection:
            connection.exec_driver_sql(statement)
        assert explain_missing_table(caught.value, site_of(workshop)) is None
    assert explain_missing_table(ValueError("no such table: outgoing_mails"), site_of(workshop)) is None
    engine.dispose()


# --- The page in development ------------------------------------------------------------------------------------------


@pytest.fixture
def client(workshop: Workshop) -> Iterator[TestApp]:
    """A site in development whose database is not migrated."""
    workshop.ship_kernel()
    ini = read_ini(workshop.ini)
    app = flasky.main(ini.global_config, **ini.settings)
    yield TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
    get_database(app.registry).dispose()


def test_in_development_every_page_offers_the_upgrade_until_it_is_done(client: TestApp, workshop: Workshop) -> None:
    check_schema(site_of(workshop))  # Does not refuse here.
    for path in ("/", "/no-such-page?x=1"):
        # A page that does not exist finds no view: the schema is asked for first.
        response = client.get(path, status=503)
        assert "upgrade heads" in response
        assert response.headers["Cache-Control"] == "no-store"
    page = client.get("/", status=503)
    assert client.get("/static/flasky/flasky.css", status=200)
    done = page.forms[0].submit()
    assert done.status_int == 303
    assert done.location == "http://localhost/"
    home = done.follow()
    assert home.status_int == 200
    assert "The database was migrated." in home
    assert workshop.sql("SELECT version_num FROM alembic_version") == [("0001",)]


def test_the_button_needs_its_token(client: TestApp) -> None:
    client.post("/_migrate", {"next": "/"}, status=(400, 403))
    assert client.get("/", status=503)


def test_the_button_leads_only_to_this_site(client: TestApp) -> None:
    form = client.get("/", status=503).forms[0]
    form["next"] = "https://evil.example/"
    assert form.submit().location == "http://localhost/"


def test_programs_get_json(client: TestApp) -> None:
    response = client.get("/", headers={"Accept": "application/json"}, status=503)
    assert response.content_type in {"application/json", "application/problem+json"}
    assert "upgrade heads" in response.text


def test_in_chinese_too(client: TestApp, workshop: Workshop) -> None:
    workshop.sql("SELECT 1")  # Makes SQLite's file.
    page = client.get("/", headers={"Accept-Language": "zh"}, status=503)
    assert "立即运行" in page
    assert "尚未应用：flasky 的 0001 “Outgoing mails”。请用" in page
    # And several of them.
    assert in_english(listed([revision_of("a1", "polls"), revision_of("b2", ""), "…"])) == "a1 of polls; b2; …"


def test_once_the_schema_is_known_nothing_is_asked_any_more(client: TestApp, workshop: Workshop) -> None:
    workshop.alembic("upgrade", "heads")
    client.get("/", status=200)
    sent: list[str] = []
    database = get_database(client.app.registry)
    for engine in (database.engine, database.read_engine):
        event.listen(engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    workshop.sql("DELETE FROM alembic_version")
    client.get("/", status=200)
    assert sent == []


def test_a_failing_migration_is_shown_and_logged_once_and_changes_nothing(
    client: TestApp, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    [script] = workshop.revisions()
    text = script.read_text().replace(
        "def upgrade() -> None:\n", "def upgrade() -> None:\n    op.execute('NONSENSE')\n"
    )
    script.write_text(text)
    form = client.get("/", status=503).forms[0]
    page = form.submit(status=503)
    problem = page.html.find(role="alert").text
    assert problem.startswith("The migration 0001 “Outgoing mails” of flasky failed:\n")
    assert problem.endswith(f"\n  NONSENSE\nNothing was changed.\nMend {script} and run the same command again.")
    [record] = [record for record in caplog.records if record.name == "flasky.migrations.waiting"]
    assert record.exc_info is not None
    assert "The migration 0001 “Outgoing mails” of flasky failed: " in record.getMessage()
    page = form.submit(status=503, headers={"Accept-Language": "zh"})
    assert "flasky 的迁移 0001 “Outgoing mails” 失败了：" in page
    assert "什么都没有改动。" in page
    assert client.get("/", status=503)


@pytest.mark.databases("postgresql")
def test_log_01_rows_that_a_migration_fails_on_are_neither_shown_nor_logged(
    client: TestApp, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL repeats the whole row."""
    [script] = workshop.revisions()
    script.write_text(
        script.read_text().replace(
            "def upgrade() -> None:\n",
            "def upgrade() -> None:\n"
            "    op.execute('CREATE TABLE people (id integer, mail text, name text NOT NULL)')\n"
            "    op.execute(\"INSERT INTO people VALUES (1, 'bob' || '@example.com', NULL)\")\n",
        )
    )
    problem = client.get("/", status=503).forms[0].submit(status=503).html.find(role="alert").text
    assert 'failed:\nnull value in column "name" of relation "people" violates not-null constraint\n' in problem
    [record] = [record for record in caplog.records if record.name == "flasky.migrations.waiting"]
    logged = JSONFormatter().format(record)
    assert "NotNullViolation" in logged
    assert "bob@example.com" not in problem + logged


def test_outside_of_development_there_is_no_such_page(bare_testapp: TestApp) -> None:
    bare_testapp.post("/_migrate", status=(400, 403, 404))
    assert "flasky.migrate" not in {
        item["introspectable"]["name"] for item in bare_testapp.app.registry.introspector.get_category("routes")
    }
