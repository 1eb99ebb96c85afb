"""The score of the HTTP Observatory, worked out without its server (HDR-05).

The tests and their points are those of mdn/mdn-http-observatory, src/grader/charts.js, as of commit 01b4711: a site
begins with 100, faults are taken off, and what is better than asked is added once the score without it is 90 or more.
Redirection is judged by what the site answers to a request that its proxy says came by http.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from webtest import TestApp, TestResponse

import flasky
from flasky.testing.plugin import TEST_SETTINGS
from flasky.wsgi import Application

HOST = "community.example"
LEAST_AGE = 15_768_000


class Scripts(HTMLParser):
    """Notes the scripts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.found.append(dict(attrs))


def content_security_policy(page: TestResponse) -> int:
    policy = {part.split()[0]: part.split()[1:] for part in page.headers["Content-Security-Policy"].split(";")}
    sources = [source for listed in policy.values() for source in listed]
    if any(source.startswith(("'unsafe", "http:", "data:", "*")) or source == "https:" for source in sources):
        return -25
    strict = policy["default-src"] == ["'none'"] and policy["form-action"] in (["'none'"], ["'self'"])
    return 10 if strict else 5


def cookies(page: TestResponse) -> int:
    sent = [cookie.lower() for cookie in page.headers.getall("Set-Cookie")]
    if not sent:
        return 0
    if not all("; secure" in cookie and "; httponly" in cookie for cookie in sent):
        return -40
    return 5 if all("; samesite=lax" in cookie or "; samesite=strict" in cookie for cookie in sent) else 0


def sharing(page: TestResponse) -> int:
    return -50 if "Access-Control-Allow-Origin" in page.headers else 0


def referrer(page: TestResponse) -> int:
    return 5 if page.headers["Referrer-Policy"] in {"no-referrer", "same-origin", "strict-origin"} else -5


def transport(page: TestResponse) -> int:
    value = page.headers.get("Strict-Transport-Security", "")
    age = re.search(r"max-age=(\d+)", value)
    if age is None or int(age[1]) < LEAST_AGE:
        return -20
    # Browsers' list takes in whoever asks with these words; being on it is worth the points.
    return 5 if int(age[1]) >= 31_536_000 and "includeSubDomains" in value and value.endswith("; preload") else 0


def scripts(page: TestResponse) -> int:
    found = Scripts(page.text).found
    if any(not (script.get("src") or "").startswith("/static/") for script in found):
        return -50
    return 5 if found and all((script.get("integrity") or "").startswith("sha384-") for script in found) else 0


def fixed(page: TestResponse) -> int:
    framing = 5 if "frame-ancestors 'none'" in page.headers["Content-Security-Policy"] else -20
    sniffing = 0 if page.headers["X-Content-Type-Options"] == "nosniff" else -5
    resources = 10 if page.headers["Cross-Origin-Resource-Policy"] == "same-origin" else 0
    return framing + sniffing + resources


def redirection(page: TestResponse) -> int:
    """Whether the same page by http leads to https on the same host at once."""
    by_http = page.test_app.get(page.request.path, headers={"X-Forwarded-Proto": "http"}, expect_errors=True)
    wanted = f"https://{HOST}{page.request.path}"
    return 0 if by_http.status_code == 308 and by_http.location == wanted else -20


JUDGES: tuple[Callable[[TestResponse], int], ...] = (
    content_security_policy,
    cookies,
    sharing,
    referrer,
    transport,
    scripts,
    fixed,
    redirection,
)


def score(page: TestResponse) -> int:
    """The points of one page."""
    points = [judge(page) for judge in JUDGES]
    base = 100 + sum(point for point in points if point < 0)
    return base + (sum(point for point in points if point > 0) if base >= 90 else 0)


@pytest.fixture(scope="module")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TestApp]:
    """A function that makes a client of a site on https, whose database is never opened."""
    url = f"sqlite:///{tmp_path_factory.mktemp('observatory')}/never-opened.sqlite"

    def make(**settings: str) -> TestApp:
        given = {name.replace("__", "."): value for name, value in settings.items()}
        base = {"sqlalchemy.url": url, "flasky.base_url": f"https://{HOST}"}
        site: Application = flasky.main({}, **{**TEST_SETTINGS, **base, **given})
        return TestApp(site, extra_environ={"HTTP_HOST": HOST, "wsgi.url_scheme": "https"})

    return make


@pytest.mark.parametrize(("preload", "more"), [("true", 5), ("false", 0)])
def test_hdr_05_public_pages_and_the_sign_in_page_reach_their_scores(
    make_site: Callable[..., TestApp], preload: str, more: int
) -> None:
    """140 and 145 with the owner's word for the browsers' list, five less without: that is the owner's to say."""
    site = make_site(flasky__hsts_preload=preload)
    assert {path: score(site.get(path)) for path in ("/", "/auth/login")} == {
        "/": 135 + more,
        "/auth/login": 140 + more,
    }
    missing = site.get("/nothing-here", status=404)
    assert score(missing) == 130 + more, "it has no script to be marked"


@pytest.mark.parametrize(
    "header",
    ["Content-Security-Policy", "Referrer-Policy", "Strict-Transport-Security", "Cross-Origin-Resource-Policy"],
)
def test_hdr_05_the_score_sees_what_is_worse(make_site: Callable[..., TestApp], header: str) -> None:
    page = make_site().get("/")
    before = score(page)
    page.headers[header] = {"Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'"}.get(
        header, "x"
    )
    assert score(page) < before


def test_hdr_03_by_http_a_page_leads_to_https_and_nothing_sent_is_worked_on(make_site: Callable[..., TestApp]) -> None:
    """Only where the proxy says that a visitor came by http: one that says nothing sends nobody in circles."""
    site = make_site()
    by_http = {"X-Forwarded-Proto": "http"}
    assert site.get("/auth/login?next=%2Fx", headers=by_http).location == f"https://{HOST}/auth/login?next=%2Fx"
    refused = site.post("/auth/login", {"login": "a"}, headers=by_http, status=400)
    assert "https" in refused.text
    assert site.get("/", extra_environ={"wsgi.url_scheme": "http"}).status_code == 200
    plain = make_site(flasky__base_url=f"http://{HOST}")
    assert plain.get("/", headers=by_http).status_code == 200
