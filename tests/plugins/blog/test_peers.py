"""What Flasky is measured beside still makes the same page."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from flasky.database import get_database

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("as_flasky", [False, True])
def test_the_application_made_by_hand_shows_the_list_as_the_site_does(
    as_flasky: bool,
    member: Any,
    write: Any,
    database_url: str,
    client: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It uses what the blog reads and shows with, so a change of these may need a route or a value more there."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("FLASKY_BENCHMARK_DATABASE", database_url)
    application = import_module("benchmarks.peers.pyramid_app").make(tmp_path, as_flasky=as_flasky)
    write(member("anna"), "To the *river*", title="A walk", tags="walks")

    made = TestApp(application).get("/").html.select_one(".posts")
    get_database(application.registry).dispose()

    assert made.get_text() == client().get("/").html.select_one(".posts").get_text()
    assert made.select_one("em").get_text() == "river"
