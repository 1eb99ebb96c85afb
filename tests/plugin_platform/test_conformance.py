"""The conformance suite: the samples pass it, and every rule fails where its promise is broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import NullPool, create_engine

from flasky import removal
from flasky.cli import main
from flasky.conformance import suite
from flasky.conformance.databases import OnServer
from flasky.conformance.rule import FAILED, NOT_APPLICABLE, PASSED, Outcome
from flasky.conformance.subject import Subject
from flasky.conformance.suite import RULES, check
from flasky.conformance.workbench import Workbench
from flasky.ini import CannotStart

REVISION = """\
import sqlalchemy as sa
from alembic import op
revision = {revision!r}
down_revision = {after!r}
branch_labels = {labels!r}
depends_on = None
def upgrade():
    {upgrade}
def downgrade():
    {downgrade}
"""


def install(folder: Path, name: str, files: dict[str, str]) -> Path:
    """Put the package of a plug-in into `folder`, as if pip had installed it."""
    package = folder / f"ill_{name}"
    for path, text in files.items():
        file = package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
    info = folder / f"ill_{name}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ill-{name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = ill_{name}:plugin\n")
    return package


def revision(name: str, upgrade: str, downgrade: str = "pass", after: str | None = None) -> str:
    """The text of a migration."""
    labels = None if after else (name.rstrip("0123456789"),)
    return REVISION.format(revision=name, after=after, labels=labels, upgrade=upgrade, downgrade=downgrade)


def said(outcome: Outcome) -> str:
    """All findings of a rule that has to have some."""
    assert outcome.status == FAILED, outcome
    return "\n".join(map(str, outcome.findings))


def test_a_sample_keeps_every_promise(workbench: Workbench, samples: Path) -> None:
    """A real distribution, with tables."""
    assert {"models", "migrations"} <= kept_promises("board", workbench)


@pytest.mark.parametrize(("name", "kept"), [("poster", {"models", "migrations"}), ("echo", set())])
def test_the_other_samples_keep_every_promise(
    workbench: Workbench, samples: Path, warm_trials: object, name: str, kept: set[str]
) -> None:
    """One that requires the first, and overrides a template and a slot of it; and one without tables."""
    assert kept <= kept_promises(name, workbench)


def kept_promises(name: str, workbench: Workbench) -> set[str]:
    """The rules that a sample passes; it breaks none."""
    subject = Subject(name, workbench)
    outcomes = check(subject)
    subject.close()
    assert [str(finding) for outcome in outcomes for finding in outcome.findings] == []
    passed = {outcome.rule.name for outcome in outcomes if outcome.status == PASSED}
    assert {"start", "names", "disabled", "removed", "wheel"} <= passed
    return passed


SLOVENLY = {
    "__init__.py": """\
        from flasky.plugin import Plugin
        from flasky.settings import Setting, parse_count
        import ill_slovenly.models
        plugin = Plugin(
            name="slovenly", models="ill_slovenly.models", migrations="ill_slovenly:migrations",
            commands="ill_slovenly.views:nothing", fixtures="ill_slovenly.fixtures",
            settings=(
                Setting("slovenly.size", parse_count, default="1"),
            ),
        )
        def includeme(config):
            from flasky.languages import _
            from flasky.extension_points import ExtensionPoint
            config.add_jinja2_search_path("ill_slovenly:templates", name=".jinja2")
            config.add_translation_dirs("ill_slovenly:locale")
            config.add_static_files("untidy", "ill_slovenly:static")
            config.declare_permission("untidy.see", _("Translated ${well}"))
            config.add_mail("mail/slovenly_hello", _("Hello, ${name}"), sample={})
            config.add_route("untidy.index", "/untidy")
            config.add_route("slovenly.other", "/slovenly")
            config.scan("ill_slovenly.views")
            config.add_job("untidy.tidy", "ill_slovenly.views.for_nobody")
            config.add_seed("slovenlyish.seed", "ill_slovenly.views.for_nobody")
            config.add_health_check("slovenlyish", "ill_slovenly.views.for_nobody")
            config.add_metric("slovenlyish_open", "Open.", "ill_slovenly.views.for_nobody")
            config.add_api_schema("Slovenlyish", {})
            config.add_api_schema("SlovenlyThing", {})
            config.add_extension_point(ExtensionPoint("untidy.kinds", "kind"), add_untidy_kind)

        def add_untidy_kind(config):
            pass
        """,
    "models.py": """\
        from sqlalchemy import String
        from sqlalchemy.orm import Mapped, mapped_column
        from flasky.database import Base
        class Untidy(Base):
            __tablename__ = "slovenlyish_things"
            id: Mapped[int] = mapped_column(primary_key=True)
            forgotten: Mapped[str | None] = mapped_column(String(10))
        """,
    "views.py": """\
        from pyramid.view import view_config

        @view_config(route_name="untidy.index", request_method="GET", renderer="string")
        def for_nobody(request):
            return ""

        @view_config(route_name="slovenly.other", request_method="GET", renderer="string", permission="slovenly.sea")
        def misspelt(request):
            return ""
        """,
    "static/untidy.css": "",
    "templates/untidy.jinja2": "{% trans %}New{% endtrans %}",
    "templates/slovenly/page.jinja2": "",
    "templates/mail/slovenly_hello.txt": "{{ name }}",
    "templates/mail/slovenly_hello.html": "{{ name }}",
    "templates/mail/untold.txt": "",
    "templates/mail/untold.html": "",
    "locale/zh/LC_MESSAGES/flasky.po": """\
        msgid ""
        msgstr "Content-Type: text/plain; charset=utf-8\\n"

        #, fuzzy
        msgid "Hello, ${name}"
        msgstr "你好，${name}"

        msgid "Translated ${well}"
        msgstr "翻译 ${ill}"

        msgid "Long gone"
        msgstr "早已不在"
        """,
    "migrations/0001.py": revision(
        "slovenly1",
        'op.create_table("slovenlyish_things", sa.Column("id", sa.Integer(), primary_key=True))',
        'op.execute("DELETE FROM slovenly_no_such_table")',
    ),
    "migrations/0002.py": revision(
        "slovenly2",
        'op.add_column("slovenlyish_things", sa.Column("late", sa.Integer(), nullable=False))',
        'op.drop_column("slovenlyish_things", "late")',
        "slovenly1",
    ),
}


@pytest.fixture(scope="module")
def slovenly(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A plug-in that breaks a promise in nearly every file."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("slovenly")
        install(folder, "slovenly", SLOVENLY)
        patch.syspath_prepend(folder)
        subject = Subject("slovenly", workbench)
        yield subject
        subject.close()


@pytest.fixture(scope="module")
def broken(slovenly: Subject) -> dict[str, Outcome]:
    """What comes out for each rule."""
    found = {outcome.rule.name: outcome for outcome in check(slovenly)}
    assert "SlovenlyThing" not in said(found["names"])
    return found


@pytest.mark.parametrize(
    ("rule", "findings"),
    [
        ("import", ["__init__.py: importing ill_slovenly imports ill_slovenly.models", "imports sqlalchemy"]),
        (
            "names",
            [
                "__init__.py, line 19: the route 'untidy.index' does not begin with 'slovenly'",
                "__init__.py, line 17: the permission 'untidy.see'",
                "__init__.py, line 16: the name of static files 'untidy'",
                "__init__.py, line 22: the job 'untidy.tidy'",
                "__init__.py, line 23: the seed 'slovenlyish.seed'",
                "__init__.py, line 24: the health check 'slovenlyish'",
                "__init__.py, line 25: the metric 'slovenlyish_open'",
                "__init__.py, line 26: the API schema 'Slovenlyish'",
                "__init__.py, line 28: the extension point 'untidy.kinds'",
                "models.py, line 4: the table 'slovenlyish_things'",
                "templates/untidy.jinja2: the template 'untidy.jinja2' neither stands in a folder 'slovenly' nor",
                "templates/mail/untold.txt: the template 'mail/untold.txt'",
            ],
        ),
        (
            "targets",
            [
                "__init__.py, line 6: commands='ill_slovenly.views:nothing' cannot be imported: AttributeError",
                "__init__.py, line 6: fixtures='ill_slovenly.fixtures' cannot be imported: ModuleNotFoundError",
            ],
        ),
        ("settings", ["__init__.py, line 8: the setting slovenly.size has no help text"]),
        (
            "permissions",
            [
                "views.py, line 3: the view for_nobody of the route 'untidy.index' names no permission",
                "views.py, line 7: the view misspelt of the route 'slovenly.other' asks for the permission",
                "'slovenly.sea', which no plug-in declares",
            ],
        ),
        (
            "mails",
            [
                "__init__.py, line 18: the mail 'mail/slovenly_hello' cannot be shown in zh: UndefinedError",
                "no config.add_mail('mail/untold', …) declares this mail",
            ],
        ),
        (
            "translations",
            [
                "flasky.po: 'New' (templates/untidy.jinja2, line 1) is not in it",
                "'Hello, ${name}' is marked fuzzy",
                "'翻译 ${ill}' must have the placeholders of 'Translated ${well}'",
                "'Long gone' is no longer used",
                "the .mo file beside it is not what it compiles to",
            ],
        ),
        (
            "models",
            [
                "models.py, line 4: the column slovenlyish_things.forgotten of the model is made by no migration",
                "the column slovenlyish_things.late is made by a migration and is in no model",
            ],
        ),
        (
            "migrations",
            [
                "0002.py: upgrading with rows in its tables fails: The migration slovenly2 ",
                "Rows that are there have no value for the column.",
            ],
        ),
    ],
)
def test_a_broken_promise_is_found_with_file_and_line(
    broken: dict[str, Outcome], rule: str, findings: list[str]
) -> None:
    found = said(broken[rule])
    for finding in findings:
        assert finding in found


def test_a_rule_that_finds_nothing_passes_beside_others_that_fail(broken: dict[str, Outcome]) -> None:
    """Where the source is not here, the rule about the wheel does not apply, and says so."""
    assert broken["start"].status == PASSED
    assert (broken["wheel"].status, broken["wheel"].reason) == (
        NOT_APPLICABLE,
        "the source of its distribution is not here",
    )


@pytest.fixture
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for plug-ins that are installed for one test."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


DECLARED = (
    "from flasky.plugin import Plugin\nplugin = Plugin(name={name!r}, {more})\ndef includeme(config):\n    {body}\n"
)


def test_a_site_that_does_not_start_is_the_only_finding(workbench: Workbench, lonely: Path) -> None:
    """The other rules do not apply, and say why."""
    install(lonely, "late", {"__init__.py": DECLARED.format(name="late", more="requires=('nowhere',)", body="1 / 0")})
    outcomes = {outcome.rule.name: outcome for outcome in check(Subject("late", workbench))}
    found = said(outcomes["start"])
    assert "the plug-in 'late' requires 'nowhere'" in found
    assert "ill_late/__init__.py, line 4: the includeme of the plug-in 'late' failed: ZeroDivisionError" in found
    reasons = {
        outcome.reason for name, outcome in outcomes.items() if name not in {"start", "import", "settings", "targets"}
    }
    assert reasons <= {"the site does not start with it", "it has no models"} | {
        "nothing in its code and templates is marked for translation",
        "it has no tables",
        "the source of its distribution is not here",
    }


def test_what_a_removed_plugin_leaves_behind_is_found(
    workbench: Workbench, lonely: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row in a table of others, a trigger, a file beside the INI file; and a permission that a role was given, if
    removing did not look for it."""
    monkeypatch.setattr(removal, "naming_columns", list)
    upgrade = """op.create_table("leaky_one", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO tags (name) VALUES ('left behind')")
    op.execute("CREATE TRIGGER leaky_left AFTER DELETE ON tags BEGIN SELECT 1; END")
    from pathlib import Path
    Path(op.get_bind().engine.url.database).with_name("leaky.cache").write_text("left")"""
    declared = DECLARED.format(name="leaky", more="migrations='ill_leaky:migrations'", body="pass")
    files = {"__init__.py": declared, "migrations/0001.py": revision("leaky1", upgrade, 'op.drop_table("leaky_one")')}
    install(lonely, "leaky", files)
    outcomes = {outcome.rule.name: outcome for outcome in check(Subject("leaky", workbench))}
    found = said(outcomes["removed"])
    assert "removed, the rows of tags are not what they were: 1 more, such as" in found
    assert "removed, the trigger leaky_left is still there" in found
    assert "'leaky.made_up'" in found
    assert "removed, the rows of role_permissions are not what they were: 1 more" in found
    assert "leaky.cache: removed, this file is still there" in found
    assert outcomes["disabled"].status == PASSED
    found = said(outcomes["migrations"])
    assert "after upgrading the rows of tags are not what they were" in found
    assert "the table leaky_one is made by a migration and is in no model" in said(outcomes["models"])


def test_a_site_that_needs_the_plugin_or_breaks_by_it_is_found(workbench: Workbench, lonely: Path) -> None:
    body = """config.add_route("greedy.page", "/greedy")
    config.add_view("ill_greedy.fail", route_name="greedy.page", request_method="GET")"""
    more = "migrations='ill_greedy:migrations'"
    declared = f"{DECLARED.format(name='greedy', more=more, body=body)}def fail(request):\n    raise ValueError\n"
    declared = declared.replace('"GET")', '"GET", permission="__no_permission_required__")')
    migration = revision("greedy1", 'op.drop_table("blog_list_version")')
    install(lonely, "greedy", {"__init__.py": declared, "migrations/0001.py": migration})
    subject = Subject("greedy", workbench)
    outcomes = {rule.name: rule.check(subject) for rule in RULES if rule.name in {"disabled", "removed"}}
    found = said(outcomes["disabled"])
    assert "enabled, the answer to /greedy is 500" in found
    assert "disabled, the answer to / is 500" in found
    assert outcomes["removed"].reason == "it cannot be disabled"


def test_a_wheel_that_lacks_a_file_is_found(workbench: Workbench, lonely: Path) -> None:
    """Built by pip: the templates are named nowhere, so setuptools leaves them out."""
    source = lonely / "source"
    body = 'config.add_jinja2_search_path("ill_poor:templates", name=".jinja2")'
    files = {"__init__.py": DECLARED.format(name="poor", more="", body=body), "templates/poor/page.jinja2": "poor"}
    install(source, "poor", files)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "ill-poor"\nversion = "1"\n[tool.setuptools]\npackages = ["ill_poor"]\n'
    )
    sys.path.insert(0, str(source))
    try:
        [rule] = [rule for rule in RULES if rule.name == "wheel"]
        outcome = rule.check(Subject("poor", workbench))
    finally:
        sys.path.remove(str(source))
    assert f"{source}/ill_poor/templates/poor/page.jinja2: is not in the wheel" in said(outcome)


def test_what_cannot_be_built_is_told_in_pips_words(workbench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("not TOML")
    with pytest.raises(CannotStart, match="pip could not build and install it"):
        workbench.installed(tmp_path)


def test_the_command_lists_every_rule_and_ends_with_status_1(
    slovenly: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people and for programs; no INI file is needed."""
    monkeypatch.setattr(suite, "RULES", [rule for rule in RULES if rule.name in {"start", "settings", "wheel"}])
    shown = CliRunner().invoke(main, ["plugin", "check", "slovenly"])
    assert shown.exit_code == 1
    lines = shown.output.splitlines()
    assert lines[0].startswith("ok     start         A site with the plug-in")
    assert lines[1] == "FAILED settings      Every setting says what it is for."
    assert lines[2].endswith("ill_slovenly/__init__.py, line 8: the setting slovenly.size has no help text")
    assert lines[3].startswith("       What to do: Give it help=")
    assert lines[4].startswith("-      wheel         Its wheel")
    assert lines[4].endswith("(not applicable: the source of its distribution is not here)")
    assert lines[5] == "slovenly 1: 1 rule broken."
    rows = json.loads(CliRunner().invoke(main, ["plugin", "check", "slovenly", "--json"]).stdout)
    assert [(row["rule"], row["status"]) for row in rows] == [
        ("start", "passed"),
        ("settings", "failed"),
        ("wheel", "not applicable"),
    ]
    assert "no help text" in rows[1]["findings"][0]["problem"]
    monkeypatch.setattr(suite, "RULES", RULES[:1])
    assert CliRunner().invoke(main, ["plugin", "check", "main"]).output.endswith("No rule is broken.\n")
    unknown = CliRunner().invoke(main, ["plugin", "check", "slovnly"])
    assert (unknown.exit_code, "No installed plug-in is called 'slovnly'" in unknown.output) == (1, True)


@pytest.mark.databases("postgresql")
def test_the_rules_about_tables_hold_on_postgresql_too(
    database_server: Any, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command, for a sample and what it needs of what ships; the server is left as it was."""
    monkeypatch.setattr(suite, "RULES", RULES[:0])
    server = database_server.url_of("postgres")
    before = databases(server)
    done = CliRunner().invoke(main, ["plugin", "check", "board", "--database", server, "--json"])
    rows = json.loads(done.stdout)
    assert [finding for row in rows for finding in row["findings"]] == []
    assert [(row["rule"], row["status"], row["database"]) for row in rows] == [
        (name, "passed", "postgresql") for name in ("models", "migrations", "disabled", "removed")
    ]
    assert databases(server) == before
    for url, problem in (("sqlite:////tmp/x.sqlite", "name one on a PostgreSQL server"), ("x", "expected sqlite")):
        refused = CliRunner().invoke(main, ["plugin", "check", "board", "--database", url])
        assert (refused.exit_code, problem in refused.output) == (1, True)


@pytest.mark.databases("postgresql")
def test_what_ships_and_a_broken_promise_on_postgresql(database_server: Any, lonely: Path, tmp_path: Path) -> None:
    """Flasky's own chain step by step with rows; and a type that a downgrade leaves behind, which SQLite knows not."""
    upgrade = 'op.create_table("typed_one", sa.Column("id", sa.Integer(), primary_key=True), '
    upgrade += "sa.Column('mood', sa.Enum('glad', 'sad', name='typed_mood')))"
    declared = DECLARED.format(name="typed", more="migrations='ill_typed:migrations'", body="pass")
    files = {"__init__.py": declared, "migrations/0001.py": revision("typed1", upgrade, 'op.drop_table("typed_one")')}
    install(lonely, "typed", files)
    bench = Workbench(tmp_path, server=database_server.url_of("postgres"))
    try:
        subjects = [Subject(name, bench) for name in ("blog", "typed")]
        [blog, typed] = [
            {rule.name: rule.check(subject) for rule in RULES if rule.name in asked}
            for subject, asked in zip(subjects, ({"migrations"}, {"migrations", "disabled", "removed"}), strict=True)
        ]
        for subject in subjects:
            subject.close()
    finally:
        bench.close()
    assert blog["migrations"].status == PASSED, blog
    assert "after downgrading to nothing the type typed_mood is still there" in said(typed["migrations"])
    # Removing takes it along, whatever its own way back does.
    assert (typed["disabled"].status, typed["removed"].status) == (PASSED, PASSED), typed


def test_a_server_that_is_not_there_is_no_matter_of_rights() -> None:
    """The message says what the server, or its absence, said; with nothing made there is nothing to connect for."""
    nowhere = OnServer("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(CannotStart, match=r"makes its databases said: connection failed") as caught:
        nowhere.new(Path())
    assert "CREATEDB" not in str(caught.value)
    nowhere.close()


def databases(server: str) -> list[str]:
    """The names of the databases on a server."""
    engine = create_engine(server, poolclass=NullPool)
    with engine.connect() as connection:
        names = connection.exec_driver_sql("SELECT datname FROM pg_database ORDER BY 1").scalars().all()
    engine.dispose()
    return list(names)


def test_settings_without_a_default_are_given(
    lonely: Path, ini_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the INI file for the command, by a line of the configuration for pytest; an environment variable that names
    a database means another one."""
    monkeypatch.setattr(suite, "RULES", RULES[:1])
    monkeypatch.setenv("TESTING_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    declared = DECLARED.format(
        name="needy", more="settings=(Setting('needy.key', required=True, help='A key.'),)", body="pass"
    )
    install(lonely, "needy", {"__init__.py": f"from flasky.settings import Setting\n{declared}"})
    refused = CliRunner().invoke(main, ["plugin", "check", "needy"])
    assert (refused.exit_code, "a value is required in testing" in refused.output) == (1, True)
    ini = ini_file(needy__key="abc")
    assert CliRunner().invoke(main, ["--ini", str(ini), "plugin", "check", "needy"]).exit_code == 0
    (lonely / "pytest.ini").write_text(
        "[pytest]\nflasky_conformance = needy\nflasky_conformance_settings =\n    needy.key = abc\n"
    )
    monkeypatch.chdir(lonely)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider -p no:xdist -p no:hypothesispytest -p no:playwright")
    assert pytest.main(["-q", "pytest.ini"]) == pytest.ExitCode.OK
    assert "1 passed" in capsys.readouterr().out


def test_catalogs_are_brought_in_step_and_compiled(lonely: Path) -> None:
    """`flasky plugin messages`: what is empty is told, and once it is translated there is nothing to tell."""
    body = "from flasky.languages import _; config.add_navigation('main.index', _('Tea ${many}'), name='wordy.tea')"
    package = install(lonely, "wordy", {"__init__.py": DECLARED.format(name="wordy", more="", body=body)})
    catalog = package / "locale" / "zh" / "LC_MESSAGES" / "flasky.po"
    told = CliRunner().invoke(main, ["plugin", "messages", "wordy"])
    assert (told.exit_code, told.stdout) == (0, f"Wrote {catalog}\nWrote {catalog.with_suffix('.mo')}\n")
    assert "'Tea ${many}' is not translated" in told.stderr
    catalog.write_text(
        catalog.read_text().replace('msgstr ""\n', 'msgstr "茶 ${many}"\n').replace('"茶 ${many}"', '""', 1)
    )
    told = CliRunner().invoke(main, ["plugin", "messages", "wordy"])
    assert (told.stdout, told.stderr) == (f"Wrote {catalog.with_suffix('.mo')}\n", "")
    assert CliRunner().invoke(main, ["plugin", "messages", "wordy"]).output == ""


def test_the_page_about_the_suite_has_every_rule() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "plugins" / "conformance.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{rule.name}` | {rule.sentence} |" for rule in RULES]


def test_pytest_shows_the_findings_of_one_rule(
    slovenly: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line in the configuration makes a test of each rule; one can be run by its name."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nflasky_conformance = slovenly\n")
    (tmp_path / "test_other.py").write_text("def test_other():\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider -p no:xdist -p no:hypothesispytest -p no:playwright")
    assert pytest.main(["-q", "-rs", "-v", "-k", "settings or wheel or other"]) == pytest.ExitCode.TESTS_FAILED
    shown = capsys.readouterr().out
    assert "the setting slovenly.size has no help text\nWhat to do: Give it help=" in shown
    assert "not applicable: the source of its distribution is not here" in shown
    assert f"1 failed, 1 passed, 1 skipped, {len(RULES) - 2} deselected" in shown
    assert pytest.main(["-q", "pytest.ini::slovenly::start"]) == pytest.ExitCode.OK
    assert "1 passed" in capsys.readouterr().out
