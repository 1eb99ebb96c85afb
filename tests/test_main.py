"""`flasky.main`, the factory that INI files name."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from webtest import TestApp

import flasky
from flasky.ini import CannotStart
from flasky.settings import ConfigurationFaults
from flasky.wsgi import Application


def test_parity_5_main_makes_a_wsgi_application(make_app: Callable[..., Application]) -> None:
    """Settings in, a WSGI application with the home page out."""
    app = make_app()
    assert TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/").status_int == 200


def test_a_process_that_would_misread_files_is_refused(
    make_app: Callable[..., Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where pserve or another server has read the INI file by then, some letters of it as others."""
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale: "GBK")
    with pytest.raises(CannotStart, match=r"Python takes files for GBK here.* LC_ALL=C\.UTF-8 or PYTHONUTF8=1"):
        make_app()


def test_declared_settings_reach_views_with_their_types(make_app: Callable[..., Application]) -> None:
    settings = make_app(mail__port="2525", mail__tls="off").registry.settings
    assert (settings["mail.port"], settings["mail.tls"]) == (2525, False)
    assert settings["flasky.plugins"] == ("main", "accounts")


def test_main_reads_like_a_table_of_contents() -> None:
    """DESIGN §2: under 20 lines."""
    source = inspect.getsource(flasky.main)
    code = [line for line in source.splitlines() if line.strip()]
    assert len(code) < 20


def test_importing_flasky_costs_nothing() -> None:
    """What only lists or reads something must not wait for Pyramid or SQLAlchemy."""
    code = (
        "import sys, flasky, flasky.cli; print([m for m in ('pyramid', 'sqlalchemy', 'alembic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The garbage collector as a process begins with it: on, and it looks at everything."""
    # Not what stands there for the other tests (tests/conftest.py).
    monkeypatch.setattr(flasky, "gc", gc)
    gc.unfreeze()
    yield
    gc.freeze()
    gc.enable()


@pytest.mark.usefixtures("collector")
def test_the_collector_leaves_the_first_application_alone(make_app: Callable[..., Application]) -> None:
    """Not the second: a process that makes several wants some of them to go."""
    make_app()
    left_alone = gc.get_freeze_count()
    assert left_alone
    assert gc.isenabled()
    make_app()
    assert gc.get_freeze_count() <= left_alone
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_a_start_that_fails_leaves_the_collector_as_it_was(make_app: Callable[..., Application]) -> None:
    with pytest.raises(ConfigurationFaults):
        make_app(flasky__plugins="nowhere")
    assert gc.isenabled()
    assert not gc.get_freeze_count()


@pytest.mark.usefixtures("collector")
def test_a_collector_that_is_off_stays_off(make_app: Callable[..., Application]) -> None:
    gc.disable()
    make_app()
    assert not gc.isenabled()
    assert not gc.get_freeze_count()
