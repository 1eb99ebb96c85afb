"""What holds for the whole suite: which tests coverage watches, and a process that commands are forked from."""

from __future__ import annotations

import gc
import os
import pkgutil
import shutil
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from coverage import Coverage
from warm import Forked, WarmConsole

import flasky
from flasky.testing.databases import SERVERS, DatabaseServer
from flasky.testing.live import LiveSite

HERE = Path(__file__).parent

#: Where Linux keeps files in memory, and the bytes that have to be free there and in the machine's memory: those of the
#: databases of four processes, twice.
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - the folder that is made there is this process's own

#: Tests that drive whole programs (a browser, a server that is killed, every command of the documentation), each
#: process of which would start at half the speed, and one that measures time. What they run of Flasky is run by other
#: tests too.
UNWATCHED = frozenset(
    {"browser", "docs", "faults", "tools", "test_make.py"}
    | {"plugin_platform/test_docs.py", "plugin_platform/test_pip.py", "plugins/blog/test_markdown_cost.py"}
)

#: Tests, and whole files of them, in process of what others run too, but for a few branches: those that ask every
#: page the same question.
REPEATING = frozenset(
    {
        "cli/test_check.py::test_flasky_itself_names_nothing_that_does_not_exist",
        "cli/test_check.py::test_every_kind_of_mistake_is_found_with_file_and_line",
        "database/test_engine.py",
        "database/test_ownership.py",
        "database/test_retry.py",
        "database/test_session.py",
        "errors/test_failures.py",
        "functional/test_accounts_security.py",
        "functional/test_accounts_signing_in.py::test_enu_01_everything_wrong_is_answered_alike",
        "functional/test_errors.py",
        "jobs/test_docs.py",
        "languages/test_chinese.py",
        "mail/test_rendering.py",
        "mail/test_services.py",
        "migrations/test_plugins.py",
        "migrations/test_renames.py",
        "plugin_platform/test_attribution.py::test_an_error_in_a_page_belongs_to_the_innermost_plugin",
        # The rules that these run on sound plug-ins are each run on broken ones as well.
        "plugin_platform/test_conformance.py::test_the_other_samples_keep_every_promise",
        "plugin_platform/test_conformance.py::test_the_rules_about_tables_hold_on_postgresql_too",
        "plugin_platform/test_conformance.py::test_what_ships_and_a_broken_promise_on_postgresql",
        "plugin_platform/test_examples.py",
        "plugin_platform/test_life.py::test_a_failing_trial_changes_neither_ini_file_nor_database",
        "plugin_platform/test_order.py::test_two_applications_in_one_process_do_not_meet",
        "plugin_platform/test_safe.py::test_without_leaves_out_what_requires_it_too",
        "plugin_platform/test_shipped.py",
        "plugin_platform/test_slots_and_templates.py",
        "plugins/accounts/test_about.py",
        "plugins/accounts/test_authentication.py",
        "plugins/accounts/test_equal_work.py",
        "plugins/accounts/test_few_mails.py",
        "plugins/accounts/test_leaving.py::test_what_is_none_is_refused",
        "plugins/accounts/test_limits_redis.py",
        "plugins/accounts/test_registration.py::test_joining_makes_an_account_that_waits_for_its_address",
        "plugins/accounts/test_tokens.py",
        "plugins/accounts/test_wiring.py",
        "plugins/blog/test_api_page.py",
        "plugins/blog/test_concurrency.py",
        "plugins/blog/test_kept.py",
        "plugins/blog/test_mentions.py",
        "plugins/blog/test_moderation.py::test_nobody_reports_their_own",
        "plugins/blog/test_moderation_queue.py",
        "plugins/blog/test_notices.py::test_of_many_texts_that_are_shown_again_as_many_mails_go_at_once_as_of_a_few",
        "plugins/blog/test_search.py::test_words_of_many_scripts_are_found",
        "plugins/blog/test_security.py",
        "plugins/blog/test_slots.py",
        "plugins/blog/test_unread.py",
        "security/test_csrf.py",
        "security/test_generated.py",
        "security/test_observatory.py",
        "security/test_redaction.py::test_log_01_long_text_is_read_once",
        "security/test_sanity.py::test_no_body_of_any_shape_keeps_a_thread_busy",
        "security/test_sanity.py::test_no_header_of_any_shape_keeps_a_thread_busy",
        "test_architecture.py",
        "test_bytecode.py",
        "test_extension_points.py",
        "test_seeds.py::test_in_the_order_of_the_plug_ins_and_again_without_harm",
        "test_setup.py",
        # A shell that forks from a warm process is not seen by coverage.
        "test_shell.py::test_cfg_03_the_databases_password_is_not_shown",
        "test_shell.py::test_parity_17_and_19_the_walk",
        "test_shell.py::test_parity_20a_a_missing_schema_says_which_command_makes_it",
    }
)


#: Modules with tests of ten seconds and more each, the longest first.
LONGEST = (
    "plugin_platform/test_docs.py",
    "plugin_platform/test_pip.py",
    "docs/test_tutorial.py",
    "plugin_platform/test_new.py",
    "tools/test_environment.py",
)

#: How often the garbage collector looks through what is new, and through what is older, while tests run: as seldom as
#: a site of its own would need it, it takes a twentieth of the time. What is timed is timed with Python's own numbers
#: (tests/samples/pace.py).
SELDOM = (10_000, 10, 10)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into the order in which they are best dealt out.

    pytest-xdist gives each process a run of neighbours, and lets one that is through take over what stands last in the
    list of another. So each begins with some of the longest (whoever came to one of them last would go on alone), and
    goes on with its part of those on databases, of one kind if it can be. What needs none stands last: for a few tests
    that are taken over, nobody has to start another server of databases and make each site on it once more.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    modules = [[item for item in items if _place(item).as_posix() == name] for name in LONGEST]
    others = [item for item in items if _place(item).as_posix() not in LONGEST]
    on_databases = [item for item in others if _database_of(item)]
    rest = iter([item for item in others if not _database_of(item)])
    dealt: list[pytest.Item] = []
    for number in range(processes):
        begin, end = (len(on_databases) * part // processes for part in (number, number + 1))
        run = [*chain(*modules[number::processes]), *on_databases[begin:end]]
        # As many as pytest-xdist gives to this process.
        run += islice(rest, max(0, (len(items) + number) // processes - len(run)))
        dealt += run
    items[:] = [*dealt, *rest]


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Keep the making of thousands of tests out of what is looked through for garbage."""
    if isinstance(collector, pytest.Session):
        gc.disable()


def pytest_collection_finish() -> None:
    """What there is now stays until the end: nobody need look through it again and again."""
    gc.freeze()
    gc.set_threshold(*SELDOM)
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Where coverage measures, say when it is to look away."""
    if Coverage.current() is not None:
        config.pluginmanager.register(Watch())


class Watch:
    """Lets coverage look away where it would see nothing new, as what it watches takes twice the time.

    Started anew, it would look through every imported module in a run of one process, for longer than most tests take.
    """

    def __init__(self) -> None:
        self._tracers = sys.gettrace(), threading.gettrace()
        #: With this in their environment (coverage's patch "subprocess"), new processes are watched.
        self._processes = {name: value for name, value in os.environ.items() if name == "COVERAGE_PROCESS_CONFIG"}
        self._set_up: set[tuple[pytest.FixtureDef[Any], int]] = set()

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Import all of Flasky while coverage watches, and nothing else.

        What a test that is not watched were the first to import would count as never run, and which test is the first
        in a process is chance.
        """
        if isinstance(collector, pytest.Session):
            for module in pkgutil.walk_packages(flasky.__path__, "flasky."):
                if not module.name.endswith("__main__"):
                    import_module(module.name)
            self._look_away()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Look at this test or not."""
        if _is_watched(item):
            sys.settrace(self._tracers[0])
            threading.settrace(self._tracers[1])
            os.environ.update(self._processes)
        else:
            self._look_away()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Look away from what a fixture of these tests does for one test after the other, when it was seen once.

        Not from the threads and processes that it starts: they serve the test. The test kit's own fixtures make another
        site for each set of settings.
        """
        tracer = sys.gettrace()
        known = fixturedef, getattr(request, "param_index", 0)
        of_tests = not fixturedef.func.__module__.startswith("flasky.")
        if tracer is None or not of_tests or fixturedef.scope != "function":
            return (yield)
        if known in self._set_up:
            sys.settrace(None)
        self._set_up.add(known)
        try:
            return (yield)
        finally:
            sys.settrace(tracer)

    @staticmethod
    def _look_away() -> None:
        sys.settrace(None)
        threading.settrace(None)
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture(scope="session")
def warm_console() -> Iterator[WarmConsole]:
    """Runs console scripts as forks of a process that has imported Flasky's kernel."""
    console = WarmConsole()
    yield console
    console.stop()


@pytest.fixture(scope="session", autouse=True)
def _counted_nothing() -> Iterator[None]:
    """Let `flasky.main` know that things are frozen without counting them: it would take longer than some sites do."""
    known = SimpleNamespace(
        isenabled=gc.isenabled, disable=gc.disable, enable=gc.enable, freeze=gc.freeze, get_freeze_count=lambda: 1
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flasky, "gc", known)
        yield


@pytest.fixture(scope="session", autouse=True)
def _warm_sites(warm_console: WarmConsole) -> Iterator[None]:
    """Start live sites from the warm process, which takes half the time of a cold start.

    Servers that begin cold are in tests/test_server.py and tests/plugin_platform/test_safe.py.
    """

    def launch(site: LiveSite) -> Forked:
        return warm_console.start("pserve", str(site.ini), environ={**os.environ, **site.environ}, output=site.log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveSite, "launch", launch)
        yield


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """The kind of database that this test runs on, its files in memory where there is room.

    A database of PostgreSQL is three hundred files. On a disk making one takes eight times the processor time; and
    removing them all, on a busy one, was seen to take a minute, in which nothing else was left to do.
    """
    with pytest.MonkeyPatch.context() as patch:
        if _has_room():
            patch.setattr(tempfile, "tempdir", str(MEMORY))
        server: DatabaseServer = SERVERS[request.param]()
    yield server
    server.stop()


def _has_room() -> bool:
    try:
        known = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        free = int(known["MemAvailable"].split()[0]) * 1024
        return min(free, shutil.disk_usage(MEMORY).free) > ROOM
    except OSError:
        return False


def _place(item: pytest.Item) -> Path:
    """Where a test is: below this folder, or wherever whoever named it keeps it."""
    return item.path.relative_to(HERE) if item.path.is_relative_to(HERE) else item.path


def _is_watched(item: pytest.Item) -> bool:
    """Whether a test can show code that no other shows: what runs on both databases is watched on SQLite."""
    place = _place(item)
    test = f"{place.as_posix()}::{getattr(item, 'originalname', '')}"
    if place.parts[0] in UNWATCHED or {place.as_posix(), test} & (UNWATCHED | REPEATING):
        return False
    marker = item.get_closest_marker("databases")
    has_twin = marker is None or "sqlite" in marker.args
    return not (has_twin and _database_of(item) == "postgresql")


def _database_of(item: pytest.Item) -> str:
    """The kind of database that a test runs on, or nothing."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return str(parameters.get("database_server", ""))
