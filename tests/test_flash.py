"""flasky.flash: messages for the next page, in a cookie that is forgotten when they were shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from markupsafe import Markup
from pyramid.request import Request
from webtest import TestApp

import flasky
from flasky.flash import Flash, _fit, flash, take_flashes
from flasky.security.keys import Signer
from flasky.testing.plugin import TEST_SETTINGS


@pytest.fixture(scope="module")
def sample_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The site with the sample pages, and without a database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent / "samples"))
        url = f"sqlite:///{tmp_path_factory.mktemp('flash')}/never-opened.sqlite"
        settings = {"sqlalchemy.url": url, "flasky.plugins": "main", "pyramid.includes": "sample_pages"}
        yield flasky.main({}, **{**TEST_SETTINGS, **settings})


@pytest.fixture
def client(sample_app: Any) -> TestApp:
    return TestApp(sample_app, extra_environ={"HTTP_HOST": "localhost"})


def alerts(response: Any) -> list[str]:
    return [" ".join(item.get_text().split()) for item in response.html.select(".alert")]


def test_a_message_is_shown_on_the_next_page_and_only_there(client: TestApp) -> None:
    """PARITY 11"""
    client.get("/sample/flash-go?message=Saved.&category=success")
    page = client.get("/")
    assert alerts(page) == ["Saved."]
    assert page.html.select_one(".alert-success[role=status]")
    assert "flash" not in client.cookies
    assert alerts(client.get("/")) == []


def test_a_page_with_a_message_is_kept_by_nobody(client: TestApp) -> None:
    """HDR-07"""
    client.get("/sample/flash-go?message=Saved.")
    assert client.get("/").headers["Cache-Control"] == "no-store"


def test_a_page_without_a_message_sets_no_cookie(client: TestApp) -> None:
    """SES-10"""
    assert "Set-Cookie" not in client.get("/").headers


def test_a_page_shows_what_it_says_itself(client: TestApp) -> None:
    response = client.get("/sample/flash-show?message=Here.|And here.")
    assert alerts(response) == ["Here.", "And here."]
    assert "Set-Cookie" not in response.headers


def test_messages_add_up_over_redirects(client: TestApp) -> None:
    client.get("/sample/flash-go?message=One.")
    client.get("/sample/flash-go?message=Two.")
    assert alerts(client.get("/")) == ["One.", "Two."]


def test_a_failed_request_announces_nothing(client: TestApp) -> None:
    """What a view said before it failed did not happen."""
    response = client.get("/sample/flash-fail?message=Saved.", status=400)
    assert "Saved." not in response.text
    assert alerts(client.get("/")) == []


def test_what_waits_survives_a_failed_request(client: TestApp) -> None:
    client.get("/sample/flash-go?message=One.")
    client.get("/sample/flash-fail?message=Two.", status=400)
    assert alerts(client.get("/")) == ["One."]


def test_html_is_escaped_unless_it_is_markup(client: TestApp) -> None:
    """XSS-02"""
    hostile = "<b onclick=alert(1)>x</b>"
    client.get(f"/sample/flash-go?message={quote(hostile)}")
    assert "&lt;b onclick" in client.get("/").text
    client.get(f"/sample/flash-go?message={quote('<b>x</b>')}&markup=1")
    assert "<b>x</b>" in client.get("/").text


def test_messages_are_translated(client: TestApp) -> None:
    client.get("/sample/flash-go?translated=1", headers={"Accept-Language": "zh"})
    assert alerts(client.get("/")) == ["此项被重复提交。"]


@pytest.mark.parametrize("text", ["x" * 6000, "胡" * 6000, '"\\' * 3000, "a\n\t\x01" * 2000, "😀" * 2000])
def test_a_long_message_is_cut(client: TestApp, text: str) -> None:
    """SES-09: at most 4096 bytes, cut with an ellipsis, nothing fails."""
    response = client.post("/sample/flash-go", {"message": text})
    header = response.headers["Set-Cookie"]
    assert len(header.encode()) <= 4096
    (shown,) = alerts(client.get("/"))
    assert shown.endswith("…")
    assert len(shown) > 300
    assert " ".join(text.split()).startswith(shown[:-1].strip()[:300])


def test_many_messages_share_the_cookie(client: TestApp) -> None:
    """SES-09"""
    response = client.post("/sample/flash-go", {"message": "|".join(f"{number} " + "x" * 900 for number in range(12))})
    assert len(response.headers["Set-Cookie"]) <= 4096
    shown = alerts(client.get("/"))
    assert [text.split()[0] for text in shown] == [str(number) for number in range(4, 12)]


@pytest.mark.parametrize("cookie", ["x", "x.y", "é", "W10.AAAA", ".", "a" * 4000])
def test_a_forged_cookie_is_dropped(client: TestApp, cookie: str) -> None:
    response = client.get("/", headers={"Cookie": f"flash={quote(cookie)}"})
    assert alerts(response) == []
    assert "flash=;" in response.headers["Set-Cookie"]


def test_a_cookie_signed_for_something_else_is_dropped(bare_app: Any, bare_testapp: TestApp) -> None:
    signed = Signer(bare_app.registry, "csrf").sign(json.dumps([["info", "<b>", True]]))
    assert alerts(bare_testapp.get("/", headers={"Cookie": f"flash={signed}"})) == []


def test_an_unknown_category_is_refused(dummy_request: Any) -> None:
    with pytest.raises(ValueError, match="danger, info, primary"):
        flash(dummy_request, "x", "error")  # type: ignore[arg-type]


def test_the_cookie_lives_five_minutes_and_is_hidden_from_scripts(client: TestApp) -> None:
    header = client.get("/sample/flash-go?message=x").headers["Set-Cookie"]
    assert "Max-Age=300" in header
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header


def test_markup_that_is_cut_becomes_plain_text(bare_app: Any) -> None:
    """A tag cut in the middle would swallow the page."""
    signer = Signer(bare_app.registry, "flash")
    link = Markup("<a href='{}'>{}</a>").format("x" * 5000, "y" * 5000)
    value = _fit(signer, [Flash("info", link)])
    ((_category, text, is_markup),) = json.loads(signer.verify(value) or "")
    assert not is_markup
    assert text.startswith("yyy")
    assert "<" not in text


def test_a_lone_surrogate_is_replaced(bare_app: Any) -> None:
    signer = Signer(bare_app.registry, "flash")
    assert "a?b" in (signer.verify(_fit(signer, [Flash("info", "a\ud800b")])) or "")


def test_a_request_without_cookies_is_asked_nothing(bare_app: Any) -> None:
    request = Request.blank("/")
    request.registry = bare_app.registry
    assert take_flashes(request) == []
