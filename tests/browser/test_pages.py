"""Pages in a real browser: phone and desktop, light and dark, both languages, by keyboard, without JavaScript.

Every page object fails its test when the browser writes an error to its console; a violation of the
Content-Security-Policy is one (HDR-02).
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from accessibility import faults_of
from PIL import Image
from waitress.server import create_server

import flasky
from flasky.testing.live import free_port
from flasky.testing.plugin import TEST_SETTINGS

PHONE = {"viewport": {"width": 360, "height": 640}}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served site with the sample pages, and without a database."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "samples"))
        settings = {
            **TEST_SETTINGS,
            "flasky.base_url": f"http://127.0.0.1:{port}",
            "flasky.plugins": "main",
            "pyramid.includes": "sample_pages",
            "sqlalchemy.url": f"sqlite:///{tmp_path_factory.mktemp('browser')}/never-opened.sqlite",
        }
        server = create_server(flasky.main({}, **settings), host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.close()
    thread.join(5)


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than the window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


@pytest.mark.parametrize(("scheme", "size", "locale"), [("dark", PHONE, "zh-CN"), ("light", DESKTOP, "en-GB")])
def test_every_page_is_accessible_and_fits(
    make_page: Callable[..., Any], url: str, scheme: str, size: Any, locale: str
) -> None:
    """PARITY 11: axe-core reports nothing, nothing is wider than the window, nothing fails to load."""
    page = make_page(locale=locale, color_scheme=scheme, **size)
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    for path in ("/", "/sample/form", "/sample/times", "/no-such-page", "/sample/flash-show?message=Saved."):
        page.goto(url + path)
        if path == "/sample/form":
            page.get_by_role("button", name="Send").click()
            page.wait_for_selector("[aria-invalid=true]")
        assert faults_of(page) == [], path
        assert overflow(page) <= 0, path
    assert failed == []


def test_the_scheme_is_the_browsers(make_page: Callable[..., Any], url: str) -> None:
    colours = []
    for scheme, scripts in (("light", True), ("dark", True), ("dark", False)):
        page = make_page(color_scheme=scheme, java_script_enabled=scripts)
        page.goto(url)
        # Without scripts a page answers no questions of ours: look at what it draws.
        colours.append(_colour_at(page))
    light, dark, dark_without_scripts = colours
    assert sum(light) > 700
    assert sum(dark) < 150
    assert dark == dark_without_scripts


def _colour_at(page: Any) -> tuple[int, ...]:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    colour: tuple[int, ...] = picture.getpixel((5, picture.height // 2))
    return colour


def test_the_menu_opens_by_keyboard_on_a_phone(make_page: Callable[..., Any], url: str) -> None:
    """PARITY 11; the ring around what has the focus is bright before the dark navbar."""
    page = make_page(**PHONE)
    page.goto(url)
    link = page.locator("#menu").get_by_role("link", name="Home")
    toggler = page.locator(".navbar-toggler")
    assert not link.is_visible()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert toggler.evaluate("node => node === document.activeElement")
    ring = "node => [node === document.activeElement, getComputedStyle(node).outline]"
    assert toggler.evaluate(ring) == [True, "rgb(94, 234, 212) solid 3px"]
    page.keyboard.press("Enter")
    link.wait_for(state="visible")
    assert toggler.get_attribute("aria-expanded") == "true"
    page.wait_for_selector("#menu.collapse.show")
    page.keyboard.press("Tab")
    assert link.evaluate(ring) == [True, "rgb(94, 234, 212) solid 3px"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    link.wait_for(state="hidden")


def test_the_picture_of_the_toggler_is_loaded(make_page: Callable[..., Any], url: str) -> None:
    """HDR-01: Bootstrap would name it by a `data:` address, which the policy refuses."""
    page = make_page(**PHONE)
    loaded: list[str] = []
    page.on("response", lambda response: loaded.append(response.url))
    page.goto(url)
    page.wait_for_load_state("load")
    image = page.locator(".navbar-toggler-icon").evaluate("node => getComputedStyle(node).backgroundImage")
    assert re.fullmatch(r'url\("http://[^"]+/static/bootstrap/v\w+/\w+\.svg"\)', image)
    assert image[5:-2] in loaded


def test_the_skip_link_leads_to_the_content(make_page: Callable[..., Any], url: str) -> None:
    page = make_page(**DESKTOP)
    page.goto(url)
    page.keyboard.press("Tab")
    link = page.locator(".skip-link")
    assert link.evaluate("node => node === document.activeElement")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_without_scripts_everything_is_reachable(make_page: Callable[..., Any], url: str) -> None:
    """PARITY 11: pages work without JavaScript."""
    page = make_page(java_script_enabled=False, locale="en-GB", **PHONE)
    page.goto(f"{url}/sample/flash-go?message=Saved.&category=success")
    assert page.locator(".alert").inner_text().strip() == "Saved."
    assert not page.locator(".alert .btn-close").is_visible()
    assert not page.locator(".navbar-toggler").is_visible()
    assert page.locator("#menu").get_by_role("link", name="Home").is_visible()
    assert "UTC" in page.locator("time").inner_text()
    page.get_by_role("button", name="中文").click()
    assert page.locator("h1").inner_text() == "你好，世界！"


def test_a_message_can_be_dismissed(make_page: Callable[..., Any], url: str) -> None:
    """PARITY 11"""
    page = make_page(locale="en-GB", **DESKTOP)
    page.goto(f"{url}/sample/flash-go?message=Saved.")
    close = page.get_by_role("button", name="Dismiss this message")
    close.focus()
    page.keyboard.press("Enter")
    page.locator(".alert").wait_for(state="detached")
    page.reload()
    assert page.locator(".alert").count() == 0


def test_the_language_is_remembered(make_page: Callable[..., Any], url: str) -> None:
    page = make_page(locale="en-GB", **DESKTOP)
    page.goto(f"{url}/sample/times?x=1")
    page.get_by_role("button", name="中文").click()
    assert page.url == f"{url}/sample/times?x=1"
    assert page.locator("html").get_attribute("lang") == "zh"
    page.goto(url)
    assert page.locator("h1").inner_text() == "你好，世界！"


@pytest.mark.parametrize(
    ("locale", "zone", "shown", "exact"),
    [
        ("zh-CN", "Asia/Shanghai", "2026年3月2日 06:05:06", "2026年3月2日星期一 GMT+8 06:05:06"),
        ("en-GB", "America/New_York", "Mar 1, 2026, 5:05:06 PM", "Sunday, March 1, 2026 at 5:05:06 PM EST"),
    ],
)
def test_times_are_in_the_visitors_zone_and_the_pages_language(
    make_page: Callable[..., Any], url: str, locale: str, zone: str, shown: str, exact: str
) -> None:
    """PARITY 11"""
    page = make_page(locale=locale, timezone_id=zone)
    page.goto(f"{url}/sample/times")
    element = page.locator("#datetime time")
    assert element.inner_text().replace("\u202f", " ") == shown
    assert element.get_attribute("title").replace("\u202f", " ") == exact
    assert page.locator("#date time").inner_text() == shown.rsplit(" ", 2 if "PM" in shown else 1)[0].rstrip(",")


def test_the_first_fault_of_a_form_has_the_focus(make_page: Callable[..., Any], url: str) -> None:
    page = make_page(locale="en-GB", **DESKTOP)
    page.goto(f"{url}/sample/form")
    page.get_by_label("Mail").fill("a@example.com")
    page.get_by_role("button", name="Send").click()
    field = page.locator("#name[aria-invalid=true]")
    field.wait_for()
    assert field.evaluate("node => node === document.activeElement")
    described = [page.locator(f"#{name}").inner_text() for name in field.get_attribute("aria-describedby").split()]
    assert described == ["This field is required.", "Two to twelve characters."]
    assert page.get_by_label("Mail").input_value() == "a@example.com"
