"""What holds for the whole suite: which tests coverage watches, and a process that commands are forked from."""

from __future__ import annotations

import gc
import os
import pkgutil
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from coverage import Coverage
from warm import Forked, WarmConsole

import flasky
from flasky.testing.live import LiveSite

HERE = Path(__file__).parent

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
        "database/test_engine.py",
        "database/test_ownership.py",
        "database/test_retry.py",
        "database/test_session.py",
        "errors/test_failures.py",
        "functional/test_accounts_security.py",
        "functional/test_errors.py",
        "mail/test_rendering.py",
        "mail/test_services.py",
        "migrations/test_plugins.py",
        "migrations/test_renames.py",
        # The rules that these run on sound plug-ins are each run on broken ones as well.
        "plugin_platform/test_conformance.py::test_the_other_samples_keep_every_promise",
        "plugin_platform/test_conformance.py::test_the_rules_about_tables_hold_on_postgresql_too",
        "plugin_platform/test_conformance.py::test_what_ships_and_a_broken_promise_on_postgresql",
        "plugin_platform/test_examples.py",
        "plugin_platform/test_life.py::test_a_failing_trial_changes_neither_ini_file_nor_database",
        "plugin_platform/test_shipped.py",
        "plugin_platform/test_slots_and_templates.py",
        "plugins/accounts/test_authentication.py",
        "plugins/accounts/test_equal_work.py",
        "plugins/accounts/test_few_mails.py",
        "plugins/accounts/test_leaving.py::test_what_is_none_is_refused",
        "plugins/accounts/test_limits_redis.py",
        "plugins/accounts/test_tokens.py",
        "plugins/accounts/test_wiring.py",
        "plugins/blog/test_concurrency.py",
        "plugins/blog/test_kept.py",
        "plugins/blog/test_mentions.py",
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
        "test_setup.py",
        # A shell that forks from a warm process is not seen by coverage.
        "test_shell.py::test_cfg_03_the_databases_password_is_not_shown",
        "test_shell.py::test_parity_17_and_19_the_walk",
        "test_shell.py::test_parity_20a_a_missing_schema_says_which_command_makes_it",
    }
)


#: Modules with tests of ten seconds and more each.
LONGEST = frozenset(
    {"docs/test_tutorial.py", "tools/test_environment.py"}
    | {"plugin_platform/test_docs.py", "plugin_platform/test_new.py", "plugin_platform/test_pip.py"}
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: whoever came to one of them last would go on alone, with the other cores idle.

    pytest-xdist lets idle processes take over what stands last in the list of another.
    """
    items.sort(key=lambda item: _place(item).as_posix() not in LONGEST)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Keep the making of thousands of tests out of what is looked through for garbage."""
    if isinstance(collector, pytest.Session):
        gc.disable()


def pytest_collection_finish() -> None:
    """What there is now stays until the end: nobody need look through it again and again."""
    gc.freeze()
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
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return not (has_twin and parameters.get("database_server") == "postgresql")
