"""`flasky plugin doctor`: ten different faults in one INI file, found in one start (F35, F36, F37)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from warm import WarmConsole

from flasky.cli import main

PLUGIN = (
    "from flasky.plugin import Plugin\nfrom flasky.settings import Setting\nplugin = Plugin(name={name!r}, {more})\n"
)
MODELS = (
    "from sqlalchemy.orm import Mapped, mapped_column\nfrom flasky.database import Base\n"
    "class Thing{name}(Base):\n    __tablename__ = 'doctor_things'\n"
    "    id: Mapped[int] = mapped_column(primary_key=True)\n"
)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function that installs a plug-in with further arguments of its declaration and a body of its includeme."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)

    def make(name: str, body: str = "pass", more: str = "", before: str = "", **files: str) -> Path:
        package = packages / f"ill_{name}"
        package.mkdir()
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        text = f"{before}{PLUGIN.format(name=name, more=more)}def includeme(config):\n{lines}"
        (package / "__init__.py").write_text(text)
        for file, content in files.items():
            (package / f"{file}.py").write_text(content)
        info = packages / f"ill_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ill-{name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[flasky.plugins]\n{name} = ill_{name}:plugin\n")
        return package

    return make


def test_ten_faults_are_ten_entries_of_one_run(
    install: Callable[..., Path], ini_file: Callable[..., Path], warm_console: WarmConsole
) -> None:
    """Each has its plug-in, its place and its remedy; the exit status is 1, and `pserve` says the same."""
    view = "config.add_view(dict, route_name='main.index', request_method='PUT', renderer='untold/no.jinja2')"
    packages = install("newer", more="requires_flasky='>=99'").parent
    install("hen", more="requires=('egg',)")
    install("egg", more="requires=('hen',)")
    install("breaks", before="import no_module_of_this_name\n")
    install("sized", more="settings=(Setting('sized.size', int),)")
    install("first", "config.add_route('shared.page', '/a')\nconfig.declare_permission('shared.read', 'Read')")
    install("second", "config.add_route('shared.page', '/b')\nconfig.declare_permission('shared.read', 'Read')")
    install("table_a", more="models='ill_table_a.models'", models=MODELS.format(name="A"))
    install("table_b", more="models='ill_table_b.models'", models=MODELS.format(name="B"))
    install("untold", view)
    install("fails", "1 / 0")
    install("alone", more="requires=('nobody_listed',)")
    enabled = "main accounts acounts newer hen egg breaks sized first second table_a table_b untold fails alone"
    ini = ini_file(flasky__plugins=enabled, sized__size="big")
    # In processes of their own: SQLAlchemy cannot forget a model that was half made.
    doctor = ["flasky", "--ini", str(ini), "plugin", "doctor"]
    own = {"folder": packages, "environ": {**os.environ, "PYTHONPATH": str(packages)}}
    done = warm_console.run(*doctor, "--json", **own)
    assert done.returncode == 1, done.stderr
    rows = json.loads(done.stdout)
    expected = [
        ("acounts", "no installed plug-in is called 'acounts'", "Did you mean 'accounts'?"),
        ("newer", "works with Flasky >=99", "Install a version of it that fits"),
        ("hen", "require one another in a circle: hen → egg → hen", "Take one"),
        ("breaks", "No module named 'no_module_of_this_name'", "Mend the package"),
        ("sized", "expected a whole number, got 'big'", "Mend sized.size"),
        ("second", "the route 'shared.page' is claimed by first (", "rename it in second"),
        ("second", "the permission 'shared.read' is claimed by first (", "rename it in second"),
        ("table_b", "the table 'doctor_things' is claimed by table_a and by table_b", "rename the table in table_b"),
        ("untold", "no enabled plug-in has the template 'untold/no.jinja2'", "Add it or correct the name"),
        ("fails", "the includeme of the plug-in 'fails' failed: ZeroDivisionError", "take fails out"),
        ("alone", "the plug-in 'alone' requires 'nobody_listed'", "Add nobody_listed to the list"),
    ]
    for plugin, problem, remedy in expected:
        [row] = [row for row in rows if problem in row["problem"]]
        assert (row["plugin"], remedy in row["remedy"]) == (plugin, True), row
        assert "site.ini" in row["where"] or f"ill_{plugin}" in row["where"], row
    assert len(rows) == len(expected)
    said = warm_console.run(*doctor, **own).stdout
    assert "11 faults." in said
    assert "remedy: Did you mean 'accounts'?" in said


def test_pserve_tells_the_same_without_a_traceback(
    install: Callable[..., Path], ini_file: Callable[..., Path], warm_console: WarmConsole, tmp_path: Path
) -> None:
    """A failing includeme and a conflict, from the server's own command."""
    packages = install("boom", "raise RuntimeError('no luck')").parent
    install("one", "config.add_route('shared.page', '/a')")
    install("two", "config.add_route('shared.page', '/b')")
    ini = ini_file(port=0, flasky__plugins="main accounts boom one two")
    environ = {**os.environ, "PYTHONPATH": str(packages)}
    done = warm_console.run("pserve", str(ini), folder=tmp_path, environ=environ)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Flasky cannot start: 2 faults" in done.stderr
    assert "RuntimeError: no luck" in done.stderr


def test_a_site_that_starts_has_no_fault(ini_file: Callable[..., Path]) -> None:
    done = CliRunner().invoke(main, ["--ini", str(ini_file()), "plugin", "doctor"])
    assert (done.exit_code, done.output) == (0, "The site starts.\n")


def test_a_command_and_fixtures_that_are_not_there_are_told_although_the_site_starts(
    install: Callable[..., Path], ini_file: Callable[..., Path]
) -> None:
    """Nothing else would say so before somebody types the command; nothing of them is imported."""
    install("hollow", more="commands='ill_hollow.cly:group', fixtures='ill_hollow.nofix'")
    install("sound", more="commands='ill_sound.cli:group'", cli="1 / 0")
    done = CliRunner().invoke(
        main, ["--ini", str(ini_file(flasky__plugins="hollow sound")), "plugin", "doctor", "--json"]
    )
    assert done.exit_code == 1
    assert [(row["plugin"], row["problem"]) for row in json.loads(done.output)] == [
        (
            "hollow",
            "the plug-in 'hollow' declares commands='ill_hollow.cly:group', but there is no module ill_hollow.cly",
        ),
        (
            "hollow",
            "the plug-in 'hollow' declares fixtures='ill_hollow.nofix', but there is no module ill_hollow.nofix",
        ),
    ]


def test_doctor_works_without_a_readable_ini_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ini"
    broken.write_text("[app:main\n")
    done = CliRunner().invoke(main, ["--ini", str(broken), "plugin", "doctor"])
    assert done.exit_code == 1
    assert "1 fault." in done.output
