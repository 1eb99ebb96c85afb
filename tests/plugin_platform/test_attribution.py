"""Every error has an owner, in the log, in the counts and on the page for developers; hooks fail by themselves.

Decision 0060 says what becomes of the transaction that a subscriber fails in.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyramid.registry import Registry
from webtest import TestApp

from flasky import health
from flasky.database import get_database
from flasky.errors.counts import error_counts
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.logs import JSONFormatter
from flasky.mail import send_mail
from flasky.mail.deliverer import Deliverer
from flasky.mail.transport import PermanentFailure
from flasky.statistics.meter import SLOT, SUBSCRIBER
from flasky.testing.mailbox import Mailbox

pytestmark = pytest.mark.usefixtures("faulty")
only_sqlite = pytest.mark.databases("sqlite")  # Nothing here asks the database.


@pytest.fixture
def app_settings(faulty: None) -> dict[str, Any]:
    """The plug-in, enabled."""
    return {"flasky.plugins": "main accounts faulty"}


@pytest.fixture
def errors(registry: Registry, caplog: pytest.LogCaptureFixture) -> Callable[[], tuple[str, dict[str, Any]]]:
    """A function that returns the one record of an error with its fields, and checks that it was counted."""
    caplog.set_level(logging.WARNING)
    before = error_counts(registry).by_plugin()

    def told() -> tuple[str, dict[str, Any]]:
        [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
        now = error_counts(registry).by_plugin()
        [(owner, kinds)] = [(name, kinds) for name, kinds in now.items() if kinds != before.get(name, {})]
        [kind] = [kind for kind, count in kinds.items() if count == before.get(owner, {}).get(kind, 0) + 1]
        fields = json.loads(JSONFormatter().format(record))
        assert fields["plugin"].split()[0] == owner
        assert f"plugin={fields['plugin']}" in fields["message"]
        return f"{kind} of {fields['plugin']}", fields

    return told


@only_sqlite
@pytest.mark.parametrize(("path", "kind"), [("view", "view"), ("template", "template"), ("deep", "view")])
def test_an_error_in_a_page_belongs_to_the_innermost_plugin(
    testapp: TestApp, errors: Any, path: str, kind: str
) -> None:
    """In the view itself, in its template, and in a library that the view called."""
    testapp.get(f"/faulty/{path}", status=500)
    whose, fields = errors()
    assert whose == f"{kind} of faulty 2.1"
    assert f"route=faulty.{path} plugin=faulty 2.1: 500" in fields["message"]


@only_sqlite
def test_an_error_in_a_mail_belongs_to_the_plugin_of_its_template(testapp: TestApp, errors: Any) -> None:
    testapp.post("/faulty/mail", status=500)
    whose, fields = errors()
    assert whose == "mail of faulty 2.1"
    assert "faulty.txt" in fields["traceback"]


@only_sqlite
def test_an_error_in_a_tween_is_its_own_and_one_that_only_passes_through_is_not(
    testapp: TestApp, errors: Any, registry: Registry
) -> None:
    testapp.get("/", headers={"X-Fail": "tween"}, status=500)
    assert errors()[0] == "tween of faulty 2.1"


@only_sqlite
def test_an_error_below_a_tween_is_not_the_tweens(testapp: TestApp, errors: Any, monkeypatch: Any) -> None:
    """A form token that Flasky cannot check: the traceback goes through the tween of `faulty`."""
    monkeypatch.setattr("flasky.security.policy.SecurityPolicy.permits", lambda *_: 1 / 0, raising=True)
    testapp.get("/people", status=500)
    assert errors()[0].startswith("view of accounts ")


@only_sqlite
@pytest.mark.parametrize(("place", "hook"), [("request", "NewRequest"), ("response", "NewResponse")])
def test_a_subscriber_that_fails_is_logged_and_the_page_stands(
    testapp: TestApp, errors: Any, place: str, hook: str
) -> None:
    assert testapp.get("/faulty/fine", headers={"X-Fail": place}).text == "fine"
    whose, fields = errors()
    assert whose == "subscriber of faulty 2.1"
    expected = f"the subscriber flasky_faulty.hooks.on_{place} to {hook} failed: Bug: in the {place}; it goes on"
    assert expected in fields["message"]
    assert "Traceback" in fields["traceback"]


def test_after_a_failed_statement_of_a_subscriber_the_page_can_still_read(testapp: TestApp, errors: Any) -> None:
    """PostgreSQL refuses everything after an error in a transaction."""
    testapp.get("/people", headers={"X-Fail": "request sql"}, status="*")
    assert errors()[0] == "subscriber of faulty 2.1"


@only_sqlite
@pytest.mark.parametrize(("how", "status"), [("gone", 410), ("refuse", 500)])
def test_what_a_subscriber_raises_on_purpose_passes(testapp: TestApp, how: str, status: int) -> None:
    testapp.get("/faulty/fine", headers={"X-Fail": f"request {how}"}, status=status)


@pytest.mark.parametrize("how", ["written", "written sql"])
def test_a_subscriber_that_fails_inside_of_a_transaction_is_undone_alone(
    testapp: TestApp, errors: Any, mailbox: Mailbox, how: str
) -> None:
    """What it had written is gone; what the view wrote before and after is committed."""
    assert testapp.post("/faulty/write", headers={"X-Fail": how}).text == "written"
    assert errors()[0] == "subscriber of faulty 2.1"
    assert [message["To"] for message in mailbox.messages] == ["view@example.com", "later@example.com"]


def test_a_subscriber_that_refuses_undoes_the_transaction(testapp: TestApp, mailbox: Mailbox) -> None:
    testapp.post("/faulty/write", headers={"X-Fail": "written gone"}, status=410)
    testapp.post("/faulty/write", headers={"X-Fail": "written refuse"}, status=500)
    assert mailbox.messages == []
    testapp.post("/faulty/write")
    assert len(mailbox.messages) == 3


@pytest.mark.parametrize("how", ["early", "early sql"])
def test_a_subscriber_that_opened_the_transaction_is_undone_alone(
    testapp: TestApp, errors: Any, mailbox: Mailbox, how: str
) -> None:
    """Before the view has asked for the database. The view begins anew, and what it and later hooks write stays."""
    assert testapp.post("/faulty/write", headers={"X-Fail": how}).text == "written"
    assert errors()[0] == "subscriber of faulty 2.1"
    told = [message["To"] for message in mailbox.messages]
    assert told == ["view@example.com", "hook@example.com", "later@example.com"]
    assert [str(message["Subject"]) for message in mailbox.messages][1] == "[Flasky] Of the hook"


def test_a_subscriber_that_opens_a_transaction_after_the_requests_has_ended_is_contained(
    testapp: TestApp, errors: Any, mailbox: Mailbox
) -> None:
    """Pyramid tells of the response when everything is committed: there is no transaction to take part in."""
    assert testapp.post("/faulty/write", headers={"X-Fail": "late"}).text == "written"
    assert errors()[0] == "subscriber of faulty 2.1"
    assert len(mailbox.messages) == 3


@pytest.mark.parametrize("how", ["filling", "filling sql", "filling swallowed"])
@pytest.mark.parametrize("fields", [{}, {"write": "1"}])
def test_a_slot_of_a_page_that_answers_a_form_is_undone_alone(
    testapp: TestApp, errors: Any, mailbox: Mailbox, fields: dict[str, str], how: str
) -> None:
    """In the transaction of the view, and in one that the slot opened itself."""
    assert "the form" in testapp.post("/faulty/form", fields, headers={"X-Fail": how}).text
    assert errors()[0] == "slot of faulty 2.1"
    assert [message["To"] for message in mailbox.messages] == ["view@example.com"] * len(fields)


@pytest.fixture
def complaints(registry: Registry, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """A function that returns what was logged about hooks, and checks that none of it was counted."""
    caplog.set_level(logging.WARNING)

    def counted() -> list[tuple[str, str, int]]:
        kinds_of = error_counts(registry).by_plugin().items()
        return [(name, kind, kinds[kind]) for name, kinds in kinds_of for kind in kinds if kind in {SLOT, SUBSCRIBER}]

    before = counted()

    def told() -> list[str]:
        assert counted() == before
        return [record.getMessage() for record in caplog.records if record.name in {"flasky.hooks", "flasky.slots"}]

    return told


def test_a_bad_row_of_the_view_is_not_the_subscribers(testapp: TestApp, complaints: Any, mailbox: Mailbox) -> None:
    """It comes out where the savepoint of the subscriber is opened, and goes on to the view as from its own flush."""
    testapp.post("/faulty/write", {"bad": "1"}, status=409)
    assert complaints() == []
    assert mailbox.messages == []


@pytest.mark.databases("postgresql")
def test_a_statement_of_the_view_that_failed_is_not_the_subscribers(
    testapp: TestApp, complaints: Any, mailbox: Mailbox
) -> None:
    """Of no use after it, where the view opened no savepoint: what the subscriber meets goes on to the view."""
    testapp.post("/faulty/write", {"sql": "1", "bad": "1"}, status=500)
    testapp.post("/faulty/write", {"sql": "1"}, headers={"X-Fail": "written sql"}, status=500)
    assert complaints() == []
    assert mailbox.messages == []


def test_a_bad_row_of_the_view_is_not_the_slots(testapp: TestApp, complaints: Any) -> None:
    """The page would have failed when it was committed."""
    testapp.post("/faulty/form", {"bad": "1"}, status=409)
    assert complaints() == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("bad doom", 200),
        ("bad refuse", 422),
        ("bad flush", 422),
        ("bad flush doom", 422),
        ("sql", 422),
        ("sql doom", 422),
    ],
)
@pytest.mark.parametrize("how", ["", "reading"])
def test_a_form_that_is_shown_again_after_a_failed_statement_keeps_its_slots(
    testapp: TestApp, complaints: Any, database_server: Any, fields: str, status: int, how: str
) -> None:
    """Nothing of it will be committed. A slot that asks the database is left out where that takes no question any
    more, which is nobody's error: not counted."""
    page = testapp.post("/faulty/form", dict.fromkeys(fields.split(), "1"), headers={"X-Fail": how}, status=status)
    assert "the form" in page
    takes_none = "bad" in fields or database_server.name == "postgresql"
    lost = bool(how) and takes_none
    assert ("filled by faulty" in page) is not lost
    told = complaints()
    assert len(told) == lost
    for line in told:
        assert "plugin=faulty 2.1: the slot 'footer' (flasky_faulty.hooks.fill) is left out: the transaction" in line


@only_sqlite
def test_what_fails_without_a_line_that_tells_is_the_request(
    testapp: TestApp, errors: Any, registry: Registry, monkeypatch: Any
) -> None:
    """A commit: the route says whose request it was."""
    monkeypatch.setattr("transaction.TransactionManager.commit", lambda *_: 1 / 0)
    testapp.post("/faulty/write", status=500)
    assert errors()[0] == "request of faulty 2.1"


@only_sqlite
def test_a_slot_that_fails_is_counted(testapp: TestApp, errors: Any) -> None:
    assert "site-footer" in testapp.get("/", headers={"X-Fail": "slot"}).text
    assert errors()[0] == "slot of faulty 2.1"


@only_sqlite
def test_a_health_check_that_raises_is_logged_with_its_plugin(
    testapp: TestApp, errors: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, though it is asked again; and the other checks are made."""
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    monkeypatch.setitem(registry, "test.sick", True)
    for _ in range(2):
        answer = testapp.get("/health/ready", status=200).json
        assert (answer["checks"]["faulty"], answer["checks"]["database"]) == ("failed", "ok")
    whose, fields = errors()
    assert whose == "health check of faulty 2.1"
    assert "the health check faulty failed: Bug: in the check" in fields["message"]


def test_the_page_for_developers_names_the_plugin(make_app: Callable[..., Any], tmp_path: Path) -> None:
    app = make_app(flasky__environment="development", flasky__plugins="main accounts faulty")
    app.registry["flasky.schema_is_current"] = True
    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
    assert "Plug-in: faulty 2.1" in client.get("/faulty/view", status=500).text
    told = client.get("/faulty/template", status=500, headers={"Accept": "application/json"}).json
    assert told["developer"]["plugin"] == "faulty 2.1"


def test_an_error_in_a_template_of_the_sites_own_folder_is_the_sites(
    make_app: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "own" / "faulty").mkdir(parents=True)
    (tmp_path / "own" / "faulty" / "fails.jinja2").write_text("{{ zero.nothing.of.it }}")
    app = make_app(flasky__templates=str(tmp_path / "own"), flasky__plugins="main faulty")
    TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/faulty/template", status=500)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "plugin=site: 500 UndefinedError" in record.getMessage()


def test_the_innermost_package_counts(make_app: Callable[..., Any]) -> None:
    from flasky.ownership import owner_of_module  # noqa: PLC0415 - only here

    registry = make_app(flasky__plugins="main accounts faulty").registry
    assert str(owner_of_module(registry, "flasky_faulty.hooks")) == "faulty 2.1"
    assert owner_of_module(registry, "flasky.plugins.main.views").name == "main"
    assert owner_of_module(registry, "flasky.wsgi").name == "flasky"
    assert owner_of_module(registry, "json.decoder") == ("json", "")


@pytest.mark.parametrize("error", [PermanentFailure("550 no such user"), RuntimeError("canary")])
@only_sqlite
def test_a_mail_that_is_given_up_belongs_to_the_plugin_that_declared_it(
    registry: Registry, errors: Any, error: Exception
) -> None:
    class Refusing:
        def send_immediately(self, _message: Any) -> None:
            raise error

    with get_database(registry).writer() as session:
        send_mail(registry, session, "ann@example.com", "Hello", "mail/faulty", number=1)
        session.commit()
    assert Deliverer(registry, Refusing()).run_once().given_up == 1
    whose, fields = errors()
    assert whose == "mail of faulty 2.1"
    assert "(mail/faulty) of plugin=faulty 2.1 is " in fields["message"]


@only_sqlite
def test_a_job_that_fails_belongs_to_its_plugin(registry: Registry, errors: Any, db: Any, mailbox: Mailbox) -> None:
    """Logged with name and version, counted, tried again later; what it had stored is gone."""
    enqueue(registry, db, "faulty.work")
    db.commit()
    assert JobWorker(registry).run_once().postponed == 1
    whose, fields = errors()
    assert whose == "job of faulty 2.1"
    assert "faulty.work" in fields["message"]
    assert "Bug: in the job" in fields["traceback"]
    assert mailbox.messages == []
