"""The fixtures of the test kit.

A test that uses `app`, or anything built on it, runs on every database named by the pytest option
``flasky_databases`` (``sqlite`` if nothing is said). Each such test starts from the freshly migrated database: it is
brought back after every test that committed something. A test for which the database makes no difference says so with
``@pytest.mark.databases("sqlite")``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pkg_resources
import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook
from pyramid.events import NewRequest
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.testing import DummyRequest
from pyramid.threadlocal import RequestContext
from sqlalchemy import event
from sqlalchemy.orm import Session

import flasky
from flasky.database import get_database
from flasky.settings import KERNEL_SETTINGS
from flasky.testing.browser import start_browser, watched_page
from flasky.testing.databases import SERVERS, DatabaseServer, TestDatabase
from flasky.testing.fixtures import load_fixtures
from flasky.testing.ini import write_ini
from flasky.testing.live import LiveSite, free_port
from flasky.testing.mailbox import Mailbox
from flasky.testing.reset import SiteReset
from flasky.testing.schema import migrate
from flasky.wsgi import Application

if TYPE_CHECKING:
    # pytest loads this module wherever Flasky is installed, also without the extra `testing`.
    from webtest import TestApp

    from flasky.testing.smtp import SMTPServer

#: pytest's own name for further plug-ins of its own.
pytest_plugins = ("flasky.testing.conformance",)

#: What every site in a test begins with.
TEST_SETTINGS: dict[str, Any] = {
    "flasky.environment": "testing",
    "flasky.plugins": "main accounts",
    "flasky.base_url": "http://localhost",
    "flasky.admin": "owner@example.com",
    "mail.host": "127.0.0.1",
    "mail.port": "1",
    "mail.tls": "false",
}


@dataclass
class TestSite:
    """An application on a database that is put back after each test that changed it."""

    __test__ = False
    app: Application
    database: TestDatabase
    dirty: bool = False
    requests: list[Request] = field(default_factory=list)

    def watch(self) -> None:
        """Notice commits, for which nobody waits until they are on the disk, and keep the last request."""

        def mark(*_arguments: object) -> None:
            self.dirty = True

        def keep(new_request: Any) -> None:
            self.requests[:] = [new_request.request]

        database = get_database(self.app.registry)
        self.database.hurry(database)
        event.listen(database.engine, "commit", mark)
        self.app.registry.registerHandler(keep, (NewRequest,))
        self.app.registry.has_listeners = True

    def expect_changes(self) -> None:
        """Bring the database back at the next reset, whether or not a commit was noticed."""
        self.dirty = True

    def reset(self) -> None:
        """Bring the database back if something was committed, and forget what the application remembers."""
        self.requests.clear()
        if self.dirty:
            self.database.restore(get_database(self.app.registry))
            self.dirty = False
        self.app.registry.notify(SiteReset(self.app.registry))


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and let Pyramid find the files of packages that pytest loaded.

    pytest rewrites the assertions of every distribution that brings a plug-in for it, so of an installed Flasky as
    a whole, and Pyramid's way of finding a package's templates does not know pytest's loader.
    """
    config.addinivalue_line("markers", "databases(*names): run on these databases only; say why beside it")
    pkg_resources.register_loader_type(AssertionRewritingHook, pkg_resources.DefaultProvider)
    load_fixtures(config)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the databases."""
    parser.addini("flasky_databases", "databases that tests run on: sqlite, postgresql", "args", ["sqlite"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that needs a database on every database, or on those that its marker `databases` names."""
    if "database_server" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("databases")
        names = marker.args if marker else metafunc.config.getini("flasky_databases")
        metafunc.parametrize("database_server", names, indirect=True, scope="session")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take away the handlers that a test puts on the root logger, as every command does that reads an INI file.

    Otherwise they write, and redact, what later tests log.
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in [item for item in root.handlers if item not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """The kind of database that this test runs on."""
    server: DatabaseServer = SERVERS[request.param]()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def site_cache(database_server: DatabaseServer) -> Iterator[dict[Any, TestSite]]:
    """Applications by settings, as making one takes longer than most tests."""
    cache: dict[Any, TestSite] = {}
    yield cache
    for site in cache.values():
        get_database(site.app.registry).dispose()


@pytest.fixture
def app_settings() -> dict[str, Any]:
    """INI settings beside `TEST_SETTINGS`; a test module overrides this fixture to say its own."""
    return {}


@pytest.fixture
def test_site(
    database_server: DatabaseServer, site_cache: dict[Any, TestSite], app_settings: dict[str, Any]
) -> Iterator[TestSite]:
    """The application and its database."""
    settings = {**TEST_SETTINGS, **app_settings}
    key = tuple(sorted((name, str(value)) for name, value in settings.items()))
    if key not in site_cache:
        database = _migrated(database_server, settings)
        site = TestSite(flasky.main({}, **{**settings, "sqlalchemy.url": database.url}), database)
        site.watch()
        site_cache[key] = site
    site_cache[key].reset()
    yield site_cache[key]
    site_cache[key].reset()


def _migrated(server: DatabaseServer, settings: dict[str, Any]) -> TestDatabase:
    """A database for a site with these settings; those of one schema are migrated once.

    What the kernel's own settings say makes no difference to a schema, but for the list of plug-ins.
    """
    kernel = {setting.name for setting in KERNEL_SETTINGS} - {"flasky.plugins"}
    schema = frozenset((name, str(value)) for name, value in settings.items() if name not in kernel)
    return server.create(lambda url: migrate({**settings, "sqlalchemy.url": url}), schema)


@pytest.fixture
def database_url(test_site: TestSite) -> str:
    """The URL of the database that `app` uses.

    Whoever asks for it may write by other means than `app` (another engine, a process), so the database is brought
    back after such a test in any case.
    """
    test_site.expect_changes()
    return test_site.database.url


@pytest.fixture
def app(test_site: TestSite) -> Application:
    """The WSGI application, in the environment `testing`, on a freshly migrated database."""
    return test_site.app


@pytest.fixture
def registry(app: Application) -> Registry:
    """The application's registry."""
    return app.registry


def _client(app: Application) -> TestApp:
    from webtest import TestApp  # noqa: PLC0415 - only there with the extra `testing`

    return TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})


@pytest.fixture
def testapp(app: Application) -> TestApp:
    """A WebTest client of `app`, without cookies."""
    return _client(app)


@pytest.fixture
def db(app: Application) -> Iterator[Session]:
    """A session on the application's database, outside of any request; `db.commit()` stores."""
    with get_database(app.registry).writer() as session:
        yield session


@pytest.fixture
def statements(test_site: TestSite) -> Callable[[], list[str]]:
    """A function that returns the SQL statements that the last request sent."""

    def sent() -> list[str]:
        return [statement for request in test_site.requests for statement in request.statements]

    return sent


@pytest.fixture
def mailbox(registry: Registry) -> Mailbox:
    """The mails that the application has committed to send: `messages`, `last`, `to(address)`."""
    return Mailbox(registry)


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """A function that makes an application of its own from settings, on an SQLite file that does not exist yet."""
    made: list[Application] = []

    def make(**settings: Any) -> Application:
        given = {name.replace("__", "."): value for name, value in settings.items()}
        url = f"sqlite:///{tmp_path}/{len(made)}.sqlite"
        made.append(flasky.main({}, **{**TEST_SETTINGS, "sqlalchemy.url": url, **given}))
        return made[-1]

    yield make
    for application in made:
        get_database(application.registry).dispose()


@pytest.fixture(scope="session")
def _bare_app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    url = f"sqlite:///{tmp_path_factory.mktemp('bare')}/never-opened.sqlite"
    return flasky.main({}, **{**TEST_SETTINGS, "sqlalchemy.url": url})


@pytest.fixture
def bare_app(_bare_app: Application) -> Application:
    """An application for tests that need no database; it has none."""
    _bare_app.registry.notify(SiteReset(_bare_app.registry))
    return _bare_app


@pytest.fixture
def bare_testapp(bare_app: Application) -> TestApp:
    """A WebTest client of `bare_app`."""
    return _client(bare_app)


@pytest.fixture
def dummy_request(bare_app: Application) -> Iterator[DummyRequest]:
    """A request that no server received, on the registry of `bare_app`."""
    request = DummyRequest()
    request.registry = bare_app.registry
    # Not pyramid.testing.testConfig: at its end it empties the registry, which other tests share.
    with RequestContext(request):
        yield request


@pytest.fixture
def ini_file(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an INI file with the given settings (`__` stands for a dot) and returns its path."""

    def write(name: str = "site.ini", port: int = 6543, **settings: Any) -> Path:
        given = {key.replace("__", "."): value for key, value in settings.items()}
        url = f"sqlite:///{tmp_path}/data.sqlite"
        return write_ini(tmp_path / name, {**TEST_SETTINGS, "sqlalchemy.url": url, **given}, port)

    return write


@pytest.fixture
def live_site_settings() -> dict[str, Any]:
    """Settings of `live_site` beside `TEST_SETTINGS`; a test module overrides this fixture to say its own."""
    return {}


@pytest.fixture
def make_live_site(
    database_server: DatabaseServer, tmp_path: Path, live_site_settings: dict[str, Any]
) -> Iterator[Callable[..., LiveSite]]:
    """A function that starts a site in a process of its own, on a migrated database of its own."""
    sites: list[LiveSite] = []

    def make(*, start: bool = True, environ: dict[str, str] | None = None, **settings: Any) -> LiveSite:
        port = free_port()
        given = {key.replace("__", "."): value for key, value in settings.items()}
        wanted = {
            **TEST_SETTINGS,
            "flasky.base_url": f"http://127.0.0.1:{port}",
            "flasky.environment": "development",
            **live_site_settings,
            **given,
        }
        database = _migrated(database_server, wanted)
        ini = write_ini(tmp_path / f"live-{len(sites)}.ini", {**wanted, "sqlalchemy.url": database.url}, port)
        sites.append(LiveSite(ini, port, environ))
        if start:
            sites[-1].start()
        return sites[-1]

    yield make
    for site in sites:
        site.kill()


@pytest.fixture
def live_site(make_live_site: Callable[..., LiveSite]) -> LiveSite:
    """A site in a process of its own: `url`, `stop()`, `kill()`, `start()`, `restart()`."""
    return make_live_site()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The machine's Chromium, driven by playwright."""
    with start_browser() as chromium:
        yield chromium


@pytest.fixture
def make_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens a page with playwright's context options (`locale`, `viewport`, `color_scheme`, …).

    At the end the test fails if a page wrote an error to its console, a violated Content-Security-Policy included.
    """
    opened: list[Any] = []

    def make(**options: Any) -> Any:
        opened.append(watched_page(browser, **options))
        return opened[-1]

    yield make
    problems = [problem for page in opened for problem in page.problems]
    for page in opened:
        page.context.close()
    if problems:
        pytest.fail("the browser complained:\n" + "\n".join(problems), pytrace=False)


@pytest.fixture
def page(make_page: Callable[..., Any]) -> Any:
    """A page of a desktop browser in English."""
    return make_page(locale="en-GB", viewport={"width": 1280, "height": 800})


@pytest.fixture
def smtp_server() -> Iterator[SMTPServer]:
    """A real SMTP server on the loopback: `port`, `messages`, `stop()` and `start()`."""
    from flasky.testing.smtp import SMTPServer  # noqa: PLC0415 - only there with the extra `testing`

    server = SMTPServer()
    server.start()
    yield server
    server.stop()
