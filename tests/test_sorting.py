"""Pyramid's sorters remember their order until something is added or taken out."""

from __future__ import annotations

import pytest
from pyramid.config import Configurator
from pyramid.interfaces import IPredicateList, IViewDerivers
from pyramid.util import TopologicalSorter

from flasky.sorting import sort_once


@pytest.fixture
def config() -> Configurator:
    made = Configurator()
    sort_once(made.registry)
    return made


def test_the_order_is_pyramids(config: Configurator) -> None:
    here, theirs = (each.registry.getUtility(IViewDerivers) for each in (config, Configurator()))
    assert type(here) is not type(theirs)
    assert [name for name, _value in here.sorted()] == [name for name, _value in theirs.sorted()]


def test_it_is_sorted_once(config: Configurator, monkeypatch: pytest.MonkeyPatch) -> None:
    sorter = config.registry.getUtility(IPredicateList, name="view").sorter
    before = sorter.sorted()
    before.clear()
    monkeypatch.setattr(TopologicalSorter, "sorted", lambda _self: pytest.fail("sorted again"))
    assert sorter.sorted()


def test_what_is_added_or_taken_out_later_counts(config: Configurator) -> None:
    sorter = config.registry.getUtility(IViewDerivers)
    names = [name for name, _value in sorter.sorted()]
    config.add_view_deriver(lambda view, _info: view, name="late")
    config.commit()
    assert [name for name, _value in sorter.sorted() if name != "late"] == names
    assert "late" in dict(sorter.sorted())
    sorter.remove("late")
    assert [name for name, _value in sorter.sorted()] == names


def test_a_sorter_of_another_class_stays_as_it_is() -> None:
    class Own(TopologicalSorter):  # type: ignore[misc] # Pyramid has no types
        pass

    config = Configurator()
    own = Own()
    config.registry.registerUtility(own, IViewDerivers)
    config.registry.registerUtility(object(), IPredicateList, name="odd")
    sort_once(config.registry)
    assert type(own) is Own
