"""In development the page for a missing migration has a button that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from accessibility import faults_of

from flasky.testing.ini import write_ini
from flasky.testing.live import LiveSite, free_port
from flasky.testing.plugin import TEST_SETTINGS


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LiveSite]:
    """A site in development whose database was never made. The page and its button are the same on PostgreSQL."""
    port = free_port()
    settings = {
        **TEST_SETTINGS,
        "flasky.environment": "development",
        "flasky.plugins": "main",
        "flasky.base_url": f"http://127.0.0.1:{port}",
        "sqlalchemy.url": f"sqlite:///{tmp_path}/data.sqlite",
    }
    site = LiveSite(write_ini(tmp_path / "site.ini", settings, port), port)
    site.start()
    yield site
    site.kill()


def test_the_button_makes_the_database_and_leads_to_the_page_asked_for(
    fresh: LiveSite, make_page: Callable[..., Any]
) -> None:
    page = make_page(locale="en-GB", viewport={"width": 390, "height": 800})
    page.goto(f"{fresh.url}/_mail")
    assert page.get_by_role("heading", level=1).text_content() == "There is no database yet"
    assert f"alembic -c {fresh.ini} upgrade heads" in page.text_content("main")
    assert faults_of(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="Run it now").click()
    page.wait_for_url(f"{fresh.url}/_mail")
    assert "The database was migrated." in page.text_content("body")
    assert page.get_by_role("heading", level=1).text_content() == "Mails"
    assert "ERROR" not in fresh.log.read_text(encoding="utf-8")
