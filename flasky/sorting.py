"""Pyramid's view derivers and predicates, sorted when they change instead of anew for each view and route."""

from __future__ import annotations

from typing import Any

from pyramid.interfaces import IPredicateList, IViewDerivers
from pyramid.registry import Registry
from pyramid.util import TopologicalSorter


class _SortedOnce(TopologicalSorter):  # type: ignore[misc] # Pyramid has no types
    """Sorts when it is first asked after a change."""

    _order: list[Any] | None = None

    def add(self, *arguments: Any, **options: Any) -> None:
        """Add a value, see Pyramid."""
        self._order = None
        super().add(*arguments, **options)

    def remove(self, name: Any) -> None:
        """Take the value `name` out."""
        self._order = None
        super().remove(name)

    def sorted(self) -> list[Any]:
        """Names and values in their order. Raises ConfigurationError when there is none."""
        if self._order is None:
            self._order = super().sorted()
        return list(self._order)


def sort_once(registry: Registry) -> None:
    """Let the sorters that Pyramid has made by now remember their order.

    Pyramid makes them itself and cannot be told of which class. One that is of another class, or that is kept somewhere
    else in another Pyramid, stays as it is.
    """
    predicates = [getattr(each, "sorter", None) for _name, each in registry.getUtilitiesFor(IPredicateList)]
    for sorter in (registry.queryUtility(IViewDerivers), *predicates):
        if type(sorter) is TopologicalSorter:
            sorter.__class__ = _SortedOnce
