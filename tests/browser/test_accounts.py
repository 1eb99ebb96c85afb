"""Accounts in a real browser: a whole life of a member, and every page on a phone and a desktop, in both languages."""

from __future__ import annotations

import io
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from accessibility import faults_of
from waitress.server import create_server

import flasky
from flasky.database import get_database
from flasky.jobs.worker import start_quick_worker
from flasky.plugins.accounts import registration
from flasky.plugins.accounts.work import open_work
from flasky.testing.live import free_port
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate

PHONE = {"viewport": {"width": 360, "height": 640}}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PASSWORD, OTHER = "correct horse battery staple", "another fine battery staple"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site in development with an administrator."""
    port = free_port()
    database = tmp_path_factory.mktemp("accounts") / "data.sqlite"
    database.touch()
    settings = {
        **TEST_SETTINGS,
        "flasky.environment": "development",
        "flasky.base_url": f"http://127.0.0.1:{port}",
        "flasky.plugins": "main accounts",
        "sqlalchemy.url": f"sqlite:///{database}",
        "accounts.argon2_memory_kib": "64",
        "accounts.argon2_time_cost": "1",
    }
    migrate(settings)
    app = flasky.main({}, **settings)
    with open_work(app.registry) as work:
        hutong = registration.create(
            work, username="胡同", email="h@example.com", password=PASSWORD, role="Administrator"
        )
        # That of the browser, which changes here: else it would be kept when they sign in first.
        hutong.language = ""
    server = create_server(app, host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    worker = start_quick_worker(app.registry)
    yield f"http://127.0.0.1:{port}"
    worker.stop(5)
    server.close()
    thread.join(5)
    get_database(app.registry).dispose()


def check(page: Any) -> None:
    """axe-core finds nothing, and nothing is wider than the window."""
    assert faults_of(page) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, page.url


def sign_in(page: Any, url: str, login: str, password: str = PASSWORD) -> None:
    page.goto(f"{url}/auth/login")
    page.get_by_label("Name or address").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def open_mail(page: Any, url: str, subject: str) -> None:
    """Read the newest mail of that subject in the development viewer and follow its first link."""
    page.goto(f"{url}/_mail")
    link = page.get_by_role("link", name=subject).first
    deadline = time.monotonic() + 30
    while not link.is_visible() and time.monotonic() < deadline:
        # A job writes it, right after the answer.
        page.reload()
    link.click()
    page.locator("main pre a").first.click()


def test_the_life_of_a_member(make_page: Callable[..., Any], url: str) -> None:
    """Join, read the mail, confirm, sign in, add a second factor, sign out, reset, end a session, export, delete."""
    page = make_page(locale="en-GB", accept_downloads=True, **DESKTOP)
    page.goto(url)
    page.get_by_role("link", name="Join").click()
    page.get_by_label("Name").fill("anna")
    page.get_by_role("button", name="Join").click()
    assert page.locator(":focus").get_attribute("id") == "email"
    assert page.get_by_label("Name").input_value() == "anna"
    page.get_by_label("Address").fill("anna@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    assert "anna@example.com" in page.locator("main").inner_text()

    open_mail(page, url, "Confirm your address")
    page.get_by_role("button", name="Yes, confirm it").click()
    assert "is confirmed" in page.get_by_role("status").inner_text()
    sign_in(page, url, "anna")

    page.goto(f"{url}/auth/two-factor")
    page.get_by_role("button", name="Add a second factor").click()
    secret = page.locator("code.key").inner_text()
    check(page)
    page.get_by_role("textbox", name="Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Add the second factor").click()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("navigation").get_by_role("button", name="Sign out").click()
    assert "You are signed out" in page.get_by_role("status").inner_text()

    page.goto(f"{url}/auth/reset")
    page.get_by_label("Address").fill("anna@example.com")
    page.get_by_role("button", name="Mail me a link").click()
    open_mail(page, url, "Choose a new password")
    page.get_by_label("New password").fill(OTHER)
    page.get_by_label("The same password again").fill(OTHER)
    page.get_by_role("button", name="Store the password").click()

    other = make_page(locale="en-GB", **PHONE)
    for browser, code in ((page, codes[0]), (other, codes[1])):
        sign_in(browser, url, "anna", OTHER)
        browser.get_by_label("Code").fill(code)
        browser.get_by_role("button", name="Go on").click()
        browser.wait_for_url(f"{url}/")
    page.goto(f"{url}/auth/sessions")
    check(page)
    page.get_by_role("button", name="End all other sessions").click()
    other.goto(f"{url}/auth/sessions")
    assert "/auth/login" in other.url

    page.goto(f"{url}/auth/export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        assert "accounts/account.json" in archive.namelist()
    page.goto(f"{url}/auth/delete")
    page.get_by_label("Your password").fill(OTHER)
    page.get_by_role("button", name="Delete my account").click()
    assert "will be deleted" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("link", name="Sign in").is_visible()


def test_what_was_typed_goes_on_by_itself(make_page: Callable[..., Any], url: str) -> None:
    """A session that ended meanwhile costs nothing of what was typed."""
    page = make_page(locale="en-GB", **DESKTOP)
    sign_in(page, url, "胡同")
    page.goto(f"{url}/user/胡同/edit")
    page.get_by_label("Location").fill("北京 <&>")
    page.context.clear_cookies(name="session")
    page.get_by_role("button", name="Store").click()
    page.get_by_label("Name or address").fill("胡同")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/user/[^/]+$"))
    assert "北京 <&>" in page.locator("main").inner_text()


@pytest.mark.parametrize(("scheme", "size", "locale"), [("dark", PHONE, "zh-CN"), ("light", DESKTOP, "en-GB")])
def test_every_page_is_accessible_and_fits(
    make_page: Callable[..., Any], url: str, scheme: str, size: Any, locale: str
) -> None:
    """PARITY 11, PARITY 22a: axe-core reports nothing, nothing is too wide, and in Chinese nothing is English."""
    page = make_page(locale=locale, color_scheme=scheme, **size)
    for path in PAGES if locale == "zh-CN" else PAGES[2::3]:
        page.goto(url + path)
        if path == "/auth/login":
            check(page)
            page.fill("#login", "胡同")
            page.fill("#password", PASSWORD)
            page.locator("main form button").click()
            page.wait_for_url(f"{url}/")
            continue
        check(page)
        if locale == "zh-CN" and path not in HOLDS_NAMES:
            text = re.sub(NOT_CHINESE, "", page.locator("main").inner_text())
            assert not re.search(r"[A-Za-z]{3,}", text), (path, text)


PAGES = (
    "/auth/register", "/auth/reset", "/auth/login", "/auth", "/auth/sessions", "/auth/events", "/auth/change-password",
    "/auth/two-factor", "/auth/export", "/auth/delete", "/auth/first-steps", "/people", "/people/1", "/roles",
    "/roles/1", "/user/胡同", "/user/胡同/edit",
)  # fmt: skip
#: Pages with the names of roles, permissions and time zones.
HOLDS_NAMES = {"/roles", "/roles/1", "/people/1", "/user/胡同/edit"}
NOT_CHINESE = r"JPEG|PNG|WebP|GIF|MiB|UTC|example\.com|flasky\.admin|accounts|(Headless)?Chrome|Linux"
