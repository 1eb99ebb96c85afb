"""What a cached application is told between two tests."""

from __future__ import annotations

from typing import NamedTuple

from pyramid.registry import Registry


class SiteReset(NamedTuple):
    """A test begins: whatever this application remembers outside of its database has to be forgotten.

    Published to the application's registry; a plug-in that keeps something there subscribes to it. It stands in a
    module of its own so that doing so does not import pytest.
    """

    registry: Registry
