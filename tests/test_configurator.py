"""Where a directive was called is noted as Pyramid notes it, and no file is read for it."""

from __future__ import annotations

import linecache
from typing import Any

import pytest
from pyramid.config import Configurator as PyramidConfigurator
from pyramid.response import Response

from flasky.configurator import Configurator


def add_thing(config: PyramidConfigurator, name: str) -> None:
    """A directive."""
    introspectable = config.introspectable("things", name, name, "thing")
    config.action(("thing", name), introspectables=(introspectable,))


def register(config: PyramidConfigurator) -> None:
    """What a plug-in does in its includeme: Pyramid's methods, a method of methods, and a directive."""
    config.add_route(
        "there",
        "/there",
    )
    config.add_view(lambda _request: Response(), route_name="there")
    config.add_notfound_view(lambda _request: Response())
    config.add_static_view("files", "flasky:static")
    config.add_tween("tests.test_configurator.tween")
    config.add_thing("one")


def tween(handler: Any, _registry: Any) -> Any:
    """A tween."""
    return handler


def places(configurator: type[PyramidConfigurator]) -> set[tuple[str, str, int, str]]:
    """What is registered, each with the place that was noted."""
    config = configurator()
    config.add_directive("add_thing", add_thing)
    config.include(register)
    config.commit()
    introspector = config.registry.introspector
    found = set()
    for category in introspector.categories():
        for item in introspector.get_category(category) or ():
            each = item["introspectable"]
            found.add((category, str(each.title).partition(" at 0x")[0], each.action_info.line, each.action_info.file))
    return found


def test_places_are_those_that_pyramid_notes() -> None:
    found = places(Configurator)
    assert {item for item in found if item[3] == __file__} == {
        item for item in places(PyramidConfigurator) if item[3] == __file__
    }
    assert len({item[2] for item in found if item[3] == __file__}) == 5


def test_no_file_is_read_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(linecache, "updatecache", lambda name, *_: read.append(name) or [])
    linecache.clearcache()
    places(Configurator)
    assert read == []


def test_a_name_that_is_no_directive_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="add_thing"):
        _ = Configurator().add_thing
