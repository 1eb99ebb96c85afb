"""docs/plugins: the examples of every page run, all in one site, and do what the pages say."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from example_pages import SIGNATURE, blocks, install, name_of
from pyramid.registry import Registry
from webtest import TestApp

from flasky.api_resources import openapi_document
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.ownership import contributions
from flasky.plugins.accounts.events import Confirmed
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.seeds import seeds, sow
from flasky.shell import shell_names
from flasky.testing.seeds import assert_seeds_can_run_again

DOCS = Path(__file__).resolve().parents[2] / "docs" / "plugins"
DIRECTIVES = sorted((DOCS / "directives").glob("*.md"))
#: Of Pyramid and pyramid_jinja2, with a page for what Flasky adds.
OF_LIBRARIES = {"add_jinja2_search_path", "add_subscriber", "add_translation_dirs", "add_tween", "add_view"}
#: What there can be one of: these run in a site of their own, without accounts.
ALONE = {"set_home", "set_identity"}
OTHERS = [
    DOCS / f"{name}.md"
    for name in ("accounts", "commands", "events", "mail", "prefixes", "settings", "templates", "testing")
]
#: Sections whose examples are run where the rest of what they say is tested.
ELSEWHERE = ("Another way to sign in", "Something about whoever is signed in", "Let members stop it")
TOGETHER = [*(page for page in DIRECTIVES if page.stem not in ALONE), *OTHERS]
IMPORTED = re.compile(r"^from (flasky(?:\.\w+)+) import (.+)$", re.MULTILINE)
SECTIONS = ["Arguments", "What is refused", "Two of the same", "Example"]

#: What each directive leaves in `flasky plugin show`.
KINDS = {
    "add_admin_screen": "administration screen",
    "add_api_resource": "API resource",
    "add_api_schema": "API schema",
    "add_credential": "credential",
    "add_csp_source": "content security policy",
    "add_extension_point": "extension point",
    "add_health_check": "health check",
    "add_identity_value": "identity value",
    "add_jinja2_search_path": "template",
    "add_job": "job",
    "add_mail": "mail",
    "add_metric": "metric",
    "add_navigation": "navigation",
    "add_personal_data": "personal data",
    "add_schedule": "schedule",
    "add_seed": "seed",
    "add_shell_name": "shell name",
    "add_sign_in_method": "sign-in method",
    "add_slot": "slot",
    "add_start_check": "start check",
    "add_static_files": "static",
    "add_subscriber": "subscriber",
    "add_translation_dirs": "translations",
    "add_tween": "tween",
    "add_view": "view",
    "declare_permission": "permission",
    "replace_slot": "slot",
    "set_home": "home page",
    "set_identity": "identity provider",
}


def without_sections(page: Path) -> str:
    """The text of a page without what is tested elsewhere."""
    first, *sections = re.split(r"^(?=## )", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = [section for section in sections if not section.removeprefix("## ").startswith(ELSEWHERE)]
    return "".join([first, *kept])


def run_tests(page: Path, request: pytest.FixtureRequest) -> None:
    """Run the tests that a page shows, with the fixtures that they ask for."""
    names: dict[str, Any] = {}
    exec(blocks(page)[f"tests/test_{name_of(page)}.py"], names)  # noqa: S102 - our own page
    for name, test in names.items():
        if name.startswith("test_"):
            test(**{asked: request.getfixturevalue(asked) for asked in inspect.signature(test).parameters})


@pytest.fixture(scope="module")
def polls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plug-in of each page, installed for this module."""
    folder = tmp_path_factory.mktemp("examples")
    for page in [*DIRECTIVES, *OTHERS]:
        install(page, folder, without_sections(page))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        importlib.invalidate_caches()
        yield


@pytest.fixture
def app_settings(polls: None) -> dict[str, Any]:
    """All in one site."""
    return {"flasky.plugins": " ".join(["main", "accounts", *map(name_of, TOGETHER)])}


def module(page: str, name: str) -> Any:
    """A module of the plug-in of a page."""
    return importlib.import_module(f"flasky_polls_{page}.{name}")


pytestmark = pytest.mark.databases("sqlite")  # The directives know nothing of databases.


def test_every_directive_has_a_page_and_every_page_a_line_in_the_index(registry: Registry) -> None:
    named = {page.stem for page in DIRECTIVES}
    known = {name for name, (function, _) in registry._directives.items() if function.__module__.startswith("flasky.")}
    assert named - OF_LIBRARIES == known
    index = (DOCS / "directives.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(directives/(\w+)\.md\)", index)) == named


@pytest.mark.parametrize("page", DIRECTIVES, ids=lambda page: page.stem)
def test_a_page_has_the_signature_of_the_code_and_says_of_each_argument_what_it_means(
    registry: Registry, page: Path
) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:4] == SECTIONS
    assert "\nSee also: " in text or "](" in text.split("## Example")[1]
    [written] = SIGNATURE.findall(text)
    directive, _ = registry._directives.get(page.stem, (None, None))
    if directive is None:
        return
    parameters = list(inspect.signature(directive).parameters.values())[1:]
    plain = [item.replace(annotation=item.empty) for item in parameters]
    shown = str(inspect.Signature(plain)).replace("'", '"')
    shown = shown.replace("datetime.timedelta(seconds=3600)", "timedelta(hours=1)")
    assert written == f"config.{page.stem}{shown}"
    explained = text.split("## Arguments")[1].split("\n## ")[0]
    assert [item.name for item in plain if f"`{item.name}`" not in explained] == []


@pytest.mark.parametrize("page", DIRECTIVES, ids=lambda page: page.stem)
def test_the_example_of_a_page_calls_its_directive(page: Path) -> None:
    assert f"config.{page.stem}(" in blocks(page)["includeme"]


def test_flasky_plugin_show_lists_what_the_examples_contribute(
    registry: Registry, make_app: Callable[..., Any]
) -> None:
    """Whatever directive it came by: each leaves an entry of its kind."""
    registry_alone = make_app(flasky__plugins="main polls_set_home polls_set_identity").registry
    found = {(one.plugin, one.kind) for some in (registry, registry_alone) for one in contributions(some)}
    assert set(KINDS) == {page.stem for page in DIRECTIVES}
    assert [page for page, kind in KINDS.items() if (f"polls_{page}", kind) not in found] == []
    assert [page.stem for page in OTHERS if not any(plugin == name_of(page) for plugin, _ in found)] == []


def test_what_the_examples_put_on_pages_is_there(testapp: TestApp) -> None:
    page = testapp.get("/")
    assert "<title>Polls, " in page.text
    assert 'class="polls_add_slot-newest"' in page.text
    assert "Polls close at &lt;midnight&gt;" in page.text
    assert "Polls close at noon" in page.text
    assert "img-src" in page.headers["Content-Security-Policy"]
    assert "https://images.example.com" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Polls"] == "open"
    assert page.headers["X-Polls-Open"] == "3"
    assert "三局两胜" in testapp.get("/", headers={"Accept-Language": "zh"}).text
    assert "teal" in testapp.get("/static/polls_add_static_files/polls_add_static_files.css").text
    assert "Sign in with a card" in testapp.get("/auth/login").text


def test_the_examples_pages_answer(testapp: TestApp, accounts_member: Any, accounts_browser: Any) -> None:
    assert testapp.get("/polls_add_view/count").json == {"polls_add_view": 3}
    assert testapp.get("/api/polls_add_api_resource/3").json == {"title": "Tea or coffee?"}
    for card, status in (("blue", 200), ("red", 401)):
        headers = {"Authorization": f"Card {card}"}
        answer = testapp.get("/api/polls_add_credential/holder", headers=headers, status=status)
    assert answer.json["status"] == 401
    assert testapp.get("/polls_add_sign_in_method/card").text == "Your card, please"
    # Its `index` and `show` are moved, and what the world looks for is not.
    for path in ("/polls_prefixes", "/polls_prefixes/4", "/.well-known/polls_prefixes"):
        assert testapp.get(path).text == "/polls_prefixes/3"
    keeper = accounts_browser(accounts_member("mod", role="Administrator"))
    assert "Close and reopen polls" in keeper.get("/administration").text.replace("polls_add_admin_screen", "polls")
    assert keeper.get("/polls_declare_permission/open").text == "open"
    home = keeper.get("/").text
    assert 'href="/polls_add_navigation/mine"' in home
    assert "3 letters" in home
    assert 'href="/polls_add_navigation/mine"' not in testapp.get("/").text
    testapp.get("/polls_declare_permission/open", headers={"Accept": "application/json"}, status=403)


def test_the_examples_of_what_runs_beside_pages_run(registry: Registry, db: Any) -> None:
    enqueue(registry, db, "polls_add_job.close", poll_id=3)
    db.commit()
    assert JobWorker(registry).run_once().done == 1
    assert registry["polls_add_job.closed"] == [3]
    assert "PollPollsAddApiSchema" in openapi_document(registry)["components"]["schemas"]
    assert shell_names(registry)["count_polls_add_shell_name"] is len
    kinds = module("add_extension_point", "__init__") and registry["polls_add_extension_point.kinds"]
    assert kinds["best_of_three"]([1, 3]) == 3
    assert module("add_start_check", "checks").letters({"polls_add_start_check.letters": 1})[0].remedy
    assert registry["polls_settings.bars"] == 40
    assert registry.settings["polls_settings.open"] is True
    with pytest.raises(ValueError, match="expected red or blue"):
        importlib.import_module("flasky_polls_settings").parse_color("green")


def test_the_seed_of_the_page_adds_once(registry: Registry, db: Any) -> None:
    model = module("add_seed", "models").PollPollsAddSeed
    model.__table__.create(db.connection())
    db.commit()
    assert_seeds_can_run_again(registry, "polls_add_seed")
    [(_, seed)] = seeds(registry, ["polls_add_seed"])
    assert sow(registry, seed) is None


def test_the_members_data_of_the_page_are_in_the_export_and_gone_in_the_end(
    registry: Registry, db: Any, accounts_member: Any
) -> None:
    models, members = module("add_personal_data", "models"), module("add_personal_data", "members")
    anna = accounts_member("anna")
    models.Vote.__table__.create(db.connection())
    db.add(models.Vote(answer="tea", user_id=anna))
    db.flush()
    work, user = Work(registry, db), db.get_one(User, anna)
    assert members.export(work, user) == {"votes": ["tea"]}
    members.erase(work, user)
    assert members.export(work, user) == {"votes": []}
    db.rollback()


def test_an_event_of_the_page_is_told_and_a_failing_subscriber_contained(
    testapp: TestApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert testapp.post("/polls_events/close").text == "closed"
    views = module("events", "views")
    event = module("events", "events").PollClosed
    monkeypatch.setattr(views, "PollClosed", lambda session, _poll: event(session, 4))
    assert testapp.post("/polls_events/close").text == "closed"
    assert "plugin=polls_events 1: the subscriber flasky_polls_events.hooks.tell" in caplog.text


def test_the_command_of_the_page_counts(ini_file: Callable[..., Path], polls: None) -> None:
    from click.testing import CliRunner  # noqa: PLC0415 - only here

    from flasky.cli import main  # noqa: PLC0415 - only here

    ini = ini_file(flasky__plugins="main polls_commands")
    (ini.parent / "data.sqlite").touch()
    done = CliRunner().invoke(main, ["--ini", str(ini), "polls_commands", "count"])
    assert done.output == "1 in testing\n", done.exc_info


def test_the_home_page_and_the_identity_of_the_pages(make_app: Callable[..., Any], polls: None) -> None:
    app = make_app(flasky__plugins="main polls_set_home polls_set_identity")
    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
    assert client.get("/").text == "Polls first"
    client.get("/polls_set_identity/open", status=403)
    assert client.get("/polls_set_identity/open", headers={"X-Card": "blue"}).text == "open"


def test_the_kits_page_lists_every_fixture_and_its_tests_pass(request: pytest.FixtureRequest, app: Any) -> None:
    from flasky.plugins.accounts import fixtures as of_accounts  # noqa: PLC0415 - only here
    from flasky.testing import plugin as kit  # noqa: PLC0415 - only here

    text = (DOCS / "testing.md").read_text(encoding="utf-8")
    listed = {name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    named = {
        name
        for place in (kit, of_accounts)
        for name, value in vars(place).items()
        if type(value).__name__ == "FixtureFunctionDefinition" and not name.startswith("_")
    }
    assert named - listed == set()
    run_tests(DOCS / "testing.md", request)


def test_the_types_of_settings_are_all_on_the_page() -> None:
    from flasky import settings  # noqa: PLC0415 - only here

    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    own = {"parse_database_url", "parse_environment"}  # of the kernel's settings alone
    types = {name for name in vars(settings) if name.startswith("parse_")} - own
    assert [name for name in types if f"`{name}`" not in page] == []
    fields = set(inspect.signature(settings.Setting).parameters)
    assert [name for name in fields if f"| `{name}` |" not in page] == []


def test_the_mail_of_its_page_is_sent(request: pytest.FixtureRequest, registry: Registry, db: Any) -> None:
    run_tests(DOCS / "mail.md", request)
    module("mail", "later").welcome(registry, db, "anna@example.com", "安娜")
    assert "安娜" in request.getfixturevalue("mailbox").last["Subject"]


def test_the_page_form_and_messages_of_the_page_about_templates(testapp: TestApp) -> None:
    page = testapp.get("/polls_templates")
    assert "<title>Polls - Flasky</title>" in page.text
    assert re.search(r'href="/static/polls_templates/v\w+/polls_templates.css"', page.text)
    [form] = [form for form in testapp.get("/polls_templates/vote").forms.values() if "why" in form.fields]
    assert "This field is required" in form.submit().text
    form["why"] = "Tea"
    answer = form.submit(headers={"Accept-Language": "zh"})
    assert answer.location == "http://localhost/polls_templates"
    assert "已记录您的投票。" in testapp.get("/", headers={"Accept-Language": "zh"}).text


def test_what_the_page_about_accounts_says_is_done(
    registry: Registry, db: Any, accounts_member: Any, accounts_browser: Any
) -> None:
    members = module("accounts", "members")
    members.votes.create(db.connection())
    db.commit()
    anna = accounts_member("anna")
    browser = accounts_browser(anna)
    assert 'class="polls_accounts-profile">Polls of anna' in browser.get("/user/anna").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/auth/change-password").text)
    assert token
    closed = browser.post("/polls_accounts/close", {"csrf_token": token[1]})
    assert closed.text == "Closed by anna, User"
    work, user = Work(registry, db), db.get_one(User, anna)
    registry.notify(Confirmed(work, user))
    assert members.export(work, user) == {"votes": ["tea"]}
    members.erase(work, user)
    assert members.export(work, user) == {"votes": []}


def test_every_name_of_the_contract_is_there_and_every_name_that_examples_import_is_of_the_contract() -> None:
    contract = (DOCS / "contract.md").read_text(encoding="utf-8")
    promised = set(re.findall(r"`(flasky(?:\.\w+)+)`", contract)) - {"flasky.plugins"}
    assert len(promised) > 20
    for name in promised:
        assert pkgutil.resolve_name(name), name
    used = set()
    for page in [*DIRECTIVES, *OTHERS, DOCS / "jobs.md"]:
        for place, names in IMPORTED.findall("\n".join(blocks(page).values())):
            used |= {(place, name.strip()) for name in names.split(",")}
    open_modules = {name for name in promised if inspect.ismodule(pkgutil.resolve_name(name))}
    private = {
        f"{place}.{name}"
        for place, name in used
        if place not in open_modules and f"{place}.{name}" not in promised and f"`{name}`" not in contract
    }
    # A member's row is read, and its columns are those of `accounts`.
    assert private - {"flasky.plugins.accounts.models.User"} == set()
