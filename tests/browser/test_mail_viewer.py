"""The mail viewer in a real browser: readable, accessible, and with HTML that is locked up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessibility import faults_of
from waitress.server import create_server

import flasky
from flasky.database import get_database
from flasky.mail import send_mail
from flasky.testing.live import free_port
from flasky.testing.plugin import TEST_SETTINGS
from flasky.testing.schema import migrate


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site in development with one mail in its outbox."""
    port = free_port()
    database = tmp_path_factory.mktemp("viewer") / "data.sqlite"
    database.touch()
    settings = {
        **TEST_SETTINGS,
        "flasky.environment": "development",
        "flasky.base_url": f"http://127.0.0.1:{port}",
        "flasky.plugins": "main",
        "pyramid.includes": "sample_mails",
        "sqlalchemy.url": f"sqlite:///{database}",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "samples"))
        migrate(settings)
        app = flasky.main({}, **settings)
    with get_database(app.registry).writer() as session:
        send_mail(app.registry, session, "ann@example.com", "Hello 胡同", "sample/greeting", name="<b>胡同</b>")
        session.commit()
    server = create_server(app, host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.close()
    thread.join(5)
    get_database(app.registry).dispose()


@pytest.mark.parametrize(
    "options",
    [
        {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}},
        {"locale": "zh-CN", "viewport": {"width": 360, "height": 640}, "color_scheme": "dark"},
    ],
    ids=["desktop", "phone-dark-zh"],
)
def test_every_page_of_the_viewer_is_accessible(url: str, make_page, options: dict[str, Any]) -> None:
    page = make_page(**options)
    for path in ("/_mail", "/_mail/1", "/_mail/preview", "/_mail/preview/zh/mail/test"):
        page.goto(url + path)
        assert faults_of(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_mail_is_read_and_its_links_lead_on(url: str, page: Any) -> None:
    page.goto(f"{url}/_mail")
    page.get_by_text("[Flasky] Hello 胡同").click()
    assert "Welcome, <b>胡同</b>" in page.locator("pre").first.inner_text()
    page.get_by_text("Show the HTML part").click()
    page.wait_for_load_state()
    assert page.locator("p").first.inner_text() == "Welcome, <b>胡同</b>"
    # Locked up: to the browser this page is of no site at all, and it must still be possible to follow its links.
    assert page.evaluate("self.origin") == "null"
    page.get_by_role("link").first.click()
    page.wait_for_url(f"{url}/")
