"""`inspect` is told which module a file is before a decorator asks it, and works as before where it cannot be told."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pyramid.config import Configurator

from flasky.source_files import know_callers, know_files

PACKAGE = "package_with_views"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An imported package of a view, which is not imported yet, two packages deep."""
    inner = tmp_path / PACKAGE / "inner"
    (inner / "no_package").mkdir(parents=True)
    (inner.parent / "__init__.py").write_text("", encoding="utf-8")
    (inner / "__init__.py").write_text("", encoding="utf-8")
    (inner / "__main__.py").write_text("", encoding="utf-8")
    (inner / "no_package" / "plain.py").write_text("", encoding="utf-8")
    (inner / "views.py").write_text(
        "from pyramid.view import view_config\n\n\n"
        '@view_config(route_name="there", renderer="string")\n'
        "def there(request):\n"
        '    return ""\n',
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(inspect, "modulesbyfile", {})
    yield __import__(PACKAGE)
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def place_of_view() -> tuple[str, int, str]:
    """Where Pyramid finds that the view of the package stands."""
    config = Configurator()
    config.add_route("there", "/there")
    config.scan(f"{PACKAGE}.inner.views")
    config.commit()
    views = [item["introspectable"] for item in config.registry.introspector.get_category("views")]
    [view] = [view for view in views if view["route_name"] == "there"]
    info = view.action_info
    return info.file, info.line, info.src


def test_files_are_known_by_the_names_of_their_modules(package: ModuleType) -> None:
    know_files(PACKAGE)
    root = Path(str(package.__file__)).parent
    assert inspect.modulesbyfile == {
        str(root / "__init__.py"): PACKAGE,
        str(root / "inner" / "__init__.py"): f"{PACKAGE}.inner",
        str(root / "inner" / "views.py"): f"{PACKAGE}.inner.views",
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the modules whose files `inspect` looked up."""
    names: list[str] = []
    former = inspect.getabsfile

    def watched(thing: Any, *arguments: Any) -> str:
        names.append(getattr(thing, "__name__", ""))
        return former(thing, *arguments)

    monkeypatch.setattr(inspect, "getabsfile", watched)
    return names


def test_a_view_of_a_known_file_looks_through_no_other_module(package: ModuleType, asked: list[str]) -> None:
    know_files(PACKAGE)
    place = place_of_view()
    assert asked == []
    assert place == (str(Path(str(package.__file__)).parent / "inner" / "views.py"), 4, place[2])
    assert "view_config" in place[2]


def test_without_an_index_a_view_is_found_where_it_stands(package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.delattr(inspect, "modulesbyfile")
        know_files(PACKAGE)
    assert inspect.modulesbyfile == {}
    file, line, _text = place_of_view()
    assert (Path(file).name, line) == ("views.py", 4)


def test_what_the_index_says_already_stays(package: ModuleType) -> None:
    file = str(package.__file__)
    inspect.modulesbyfile[file] = "__main__"
    know_files(PACKAGE)
    assert inspect.modulesbyfile[file] == "__main__"


def test_asking_for_all_callers_looks_through_no_module(package: ModuleType, asked: list[str]) -> None:
    know_callers()
    names = [inspect.modulesbyfile[each.filename] for each in inspect.stack()]
    assert asked == []
    assert (names[0], names[-1]) == (__name__, "__main__")


def test_a_start_looks_through_no_module(package: ModuleType, make_app: Callable[..., Any], asked: list[str]) -> None:
    """The decorators of Flasky's and the plug-ins' views, and what the libraries ask, are all known beforehand."""
    make_app()
    assert asked == []


def test_a_single_module_is_no_fault() -> None:
    know_files("textwrap")
