"""Error pages and other pages of development in a real browser: accessible, and the report can be copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from accessibility import faults_of

from flasky.testing.ini import write_ini
from flasky.testing.live import LiveSite, free_port
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """One development site for all of these tests: error pages ask no database which kind it is."""
    folder, port = tmp_path_factory.mktemp("live"), free_port()
    settings = {
        **TEST_SETTINGS,
        "flasky.environment": "development",
        "flasky.plugins": "main",
        "flasky.base_url": f"http://127.0.0.1:{port}",
        "sqlalchemy.url": f"sqlite:///{folder}/data.sqlite",
    }
    migrate(settings)
    site = LiveSite(write_ini(folder / "site.ini", settings, port), port)
    site.start()
    yield site
    site.kill()


@pytest.fixture
def open_page(make_page: Callable[..., Any]) -> Callable[..., Any]:
    """A function that opens an address and returns the page."""

    def go(url: str, **options: Any) -> Any:
        page = make_page(locale="en-GB", **options)
        page.goto(url)
        return page

    return go


@pytest.mark.parametrize("path", ["/500", "/no-such-page"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_error_pages_are_accessible(live: LiveSite, open_page: Callable[..., Any], path: str, scheme: str) -> None:
    page = open_page(live.url + path, color_scheme=scheme, viewport={"width": 390, "height": 844})
    assert faults_of(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_pages_for_developers_and_nobodys_administration_are_accessible(
    live: LiveSite, open_page: Callable[..., Any]
) -> None:
    """PARITY 11: the frames around slots, what ran for a page, and the screens that nobody may open."""
    page = open_page(live.url, color_scheme="dark", viewport={"width": 390, "height": 844})
    for path, status in (("/?_slots", 200), ("/_trace", 200), ("/administration", 403)):
        assert page.goto(live.url + path).status == status
        assert faults_of(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    page.goto(f"{live.url}/_trace")
    page.locator("main a[href*='/_trace/']").first.click()
    assert faults_of(page) == [], page.url


def test_the_button_copies_the_report(live: LiveSite, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{live.url}/500?colour=blue", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "## FailedOnPurpose" in copied
    assert "Query colour: blue" in copied


def test_without_scripts_the_report_can_be_selected(live: LiveSite, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{live.url}/500", java_script_enabled=False)
    assert "## FailedOnPurpose" in page.get_by_label("To copy").input_value()
    assert not page.get_by_role("button", name="Copy").is_visible()
