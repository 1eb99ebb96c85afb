"""A check of seed data for a plug-in's tests."""

from __future__ import annotations

from pyramid.registry import Registry
from sqlalchemy import func, select

from flasky.database import get_database
from flasky.database.ownership import tables
from flasky.seeds import seeds, sow
from flasky.site import get_site


def assert_seeds_can_run_again(registry: Registry, plugin: str) -> None:
    """Run the seeds of `plugin` twice: the first run says what it adds, the second adds no row anywhere."""
    found = list(seeds(registry, [plugin]))
    assert found, f"the plug-in {plugin} has no seed"  # noqa: S101 - a test's assertion
    for _owner, seed in found:
        assert sow(registry, seed), f"the seed {seed.name} adds nothing to an empty site"  # noqa: S101 - see above
    before = _rows(registry)
    for _owner, seed in found:
        sow(registry, seed)
    more = {name: (before[name], number) for name, number in _rows(registry).items() if number != before[name]}
    assert not more, f"the seeds of {plugin} added rows again: {more}"  # noqa: S101 - see above


def _rows(registry: Registry) -> dict[str, int]:
    with get_database(registry).read_engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in tables(get_site(registry))
        }
