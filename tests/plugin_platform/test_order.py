"""One resolved order serves everything (DESIGN 3): two plug-ins, enabled in both orders."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from alembic.config import Config
from webtest import TestApp

from alembic import command
from flasky.assets import static_files
from flasky.cli import main, plugin_commands
from flasky.cli.context import Context
from flasky.cli.slots import slot_rows
from flasky.cli.templates import layers
from flasky.directives import navigation
from flasky.jobs.contracts import jobs
from flasky.loader import declarations
from flasky.ownership import contributions
from flasky.site import get_site
from flasky.wsgi import Application

MakeApp = Callable[..., Application]

pytestmark = pytest.mark.usefixtures("samples")


def test_the_golden_order(make_app: MakeApp) -> None:
    """Template, slot, navigation, subscriber and static file follow the INI's order where nothing is required."""
    for names in (("board", "echo"), ("echo", "board")):
        app = make_app(flasky__plugins=f"main accounts {' '.join(names)}")
        registry = app.registry
        assert [item.name for item in get_site(registry).plugins] == ["main", "accounts", *names]
        assert [owner for owner, _ in layers(registry)["board/latest.jinja2"]] == [*reversed(names)]
        [home] = [row for row in slot_rows(registry) if row["slot"] == "home"]
        assert [item["plugin"] for item in home["filled_by"] if item["plugin"] in names] == [*names]
        ours = [entry.name.partition(".")[0] for entry in navigation(registry)]
        assert [name for name in ours if name in names] == [*names]
        assert [name for name in static_files(registry) if name in names] == [*names]
        page = TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/")
        assert page.request.environ["sample.order"] == [*names]
        marks = re.findall(r'class="(board|echo)-latest"', page.text)
        assert marks == [*names]
        assert ('class="echo-before"' in page.text) is (names[-1] == "echo")


@pytest.fixture
def ordered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two plug-ins with a command and a migration each, `heron` and `ibis`; the list is what the migrations ran."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "order_of_birds.py").write_text("ran = []\n")
    for name in ("heron", "ibis"):
        package = packages / f"order_{name}"
        (package / "migrations").mkdir(parents=True)
        (package / "__init__.py").write_text(
            "from flasky.plugin import Plugin\n"
            f"plugin = Plugin(name={name!r}, commands='order_{name}:main', migrations='order_{name}:migrations')\n"
            "def includeme(config):\n    pass\n"
        )
        (package / "migrations" / "1.py").write_text(
            f'"""Fly"""\nimport order_of_birds\nrevision = "{name}1"\ndown_revision = depends_on = None\n'
            f"branch_labels = ({name!r},)\ndef upgrade() -> None:\n    order_of_birds.ran.append({name!r})\n"
            "def downgrade() -> None:\n    pass\n"
        )
        info = packages / f"order_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: order-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = order_{name}:plugin\n")
        # Another test may have imported the one of its own folder.
        monkeypatch.delitem(sys.modules, f"order_{name}", raising=False)
    monkeypatch.delitem(sys.modules, "order_of_birds", raising=False)
    monkeypatch.syspath_prepend(packages)
    ran: list[str] = import_module("order_of_birds").ran
    return ran


@pytest.mark.parametrize("names", [("heron", "ibis"), ("ibis", "heron")])
def test_the_golden_order_of_commands_and_migrations(
    ordered: list[str], ini_file: Callable[..., Path], names: tuple[str, str]
) -> None:
    """`alembic upgrade heads` runs each plug-in's migrations in its turn, behind those of what ships."""
    ini = ini_file(flasky__plugins=f"main accounts {' '.join(names)}")
    context = click.Context(main, obj=Context(str(ini)))
    assert [name for name in plugin_commands(context) if name in names] == [*names]
    with redirect_stderr(io.StringIO()):
        command.upgrade(Config(str(ini), stdout=io.StringIO()), "heads")
    assert ordered == [*names]


def test_commands_of_what_is_required_come_first_in_either_order(ini_file: Callable[..., Path]) -> None:
    """As everything else of it, although the INI file names it later."""
    for listed in ("poster board echo", "echo poster board"):
        context = click.Context(main, obj=Context(str(ini_file(flasky__plugins=f"main accounts {listed}"))))
        names = [item.name for item in declarations(f"main accounts {listed}".split())]
        assert names.index("board") < names.index("poster")
        ours = [name for name in plugin_commands(context) if name in {"board", "echo"}]
        assert ours == [name for name in names if name in {"board", "echo"}]


def test_what_is_required_comes_first_in_either_order(make_app: MakeApp) -> None:
    for listed in ("accounts board poster", "poster board accounts"):
        app = make_app(flasky__plugins=f"main {listed}")
        assert [item.name for item in get_site(app.registry).plugins] == ["main", "accounts", "board", "poster"]
        page = TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/").text
        assert "poster-latest" in page
        assert "board-latest" not in page


def test_two_applications_in_one_process_do_not_meet(make_app: MakeApp) -> None:
    """Isolation: both are served at once, from two threads, and each has only what its own plug-ins bring."""
    names = "main accounts", "main accounts board poster echo"
    alone = [contributions(make_app(flasky__plugins=name).registry) for name in names]
    plain, full = (make_app(flasky__plugins=name) for name in names)

    def visit(app: Application) -> set[tuple[str, int, bool]]:
        client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
        pages = [client.get(path, status="*") for path in ("/", "/echo", "/static/board/board.css") * 5]
        return {(page.request.path, page.status_int, "s footer&gt;" in page.text) for page in pages}

    with ThreadPoolExecutor(2) as threads:
        of_plain, of_full = threads.map(visit, (plain, full))
    assert of_plain == {("/", 200, False), ("/echo", 404, False), ("/static/board/board.css", 404, False)}
    assert of_full == {("/", 200, True), ("/echo", 200, False), ("/static/board/board.css", 200, False)}

    # Everything that each of them has, before the other was made and after both were asked.
    assert [contributions(app.registry) for app in (plain, full)] == alone
    assert {one.plugin for one in alone[0]} == {"flasky", "main", "accounts"}
    others = {one for one in alone[1] if one.plugin in {"board", "poster", "echo"}}
    assert {one for one in alone[1] if one not in alone[0]} == others
    for inspected in (navigation, static_files, slot_rows, layers, jobs):
        assert "board" not in str(inspected(plain.registry))
    assert "board.shown" not in plain.registry.settings
    assert full.registry.settings["board.shown"] == 3


def calls(app: Application, path: str) -> int:
    """How many Python functions are called to answer GET `path`, when everything is warm.

    The least of five requests: now and then one has the garbage collector's work to do, or what is due once a minute.
    """
    return min(_calls_of_one(app, path) for _ in range(5))


def _calls_of_one(app: Application, path: str) -> int:
    import sys  # noqa: PLC0415 - only here

    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
    for _ in range(3):
        client.get(path)
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event == "call"

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"}
    request = client.RequestClass.blank(path, environ=environ)
    sys.setprofile(count)
    try:
        request.call_application(app)
    finally:
        sys.setprofile(None)
    return counted


def test_a_page_does_not_pay_for_plugins_that_bring_nothing_to_it(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten plug-ins with a route behind the page's, a permission, static files and a slot elsewhere cost no call."""
    names = []
    for number in range(10):
        name = f"idle{number}"
        package = tmp_path / f"sample_{name}"
        (package / "static").mkdir(parents=True)
        (package / "__init__.py").write_text(
            "from flasky.plugin import Plugin\n"
            f"plugin = Plugin(name={name!r}, after=('main',))\n"
            "def includeme(config):\n"
            f"    config.add_route('{name}.index', '/{name}')\n"
            f"    config.declare_permission('{name}.see', 'See')\n"
            f"    config.add_static_files('{name}', '{package.name}:static')\n"
            f"    config.add_slot('profile', fill, name='{name}')\n"
            "def fill(request, **values):\n    return 'x'\n"
        )
        info = tmp_path / f"sample_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sample-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = sample_{name}:plugin\n")
        names.append(name)
    monkeypatch.syspath_prepend(tmp_path)
    without, many = make_app(), make_app(flasky__plugins=f"main accounts {' '.join(names)}")
    assert calls(many, "/") == calls(without, "/")
