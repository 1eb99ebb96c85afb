"""Tests of the database use the plug-in of tests/samples/shelf: it has tables and pages of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

#: Only the metadata: the package itself can always be imported, but is no installed plug-in elsewhere.
SHELF = Path(__file__).resolve().parents[1] / "samples" / "shelf"


@pytest.fixture(autouse=True)
def shelf_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the distribution in tests/samples/shelf one that is installed."""
    monkeypatch.syspath_prepend(str(SHELF))


@pytest.fixture
def app_settings() -> dict[str, Any]:
    """The site has the plug-in `shelf`."""
    return {"flasky.plugins": "main accounts shelf"}
