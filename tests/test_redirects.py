"""flasky.redirects: nobody is sent on to another site (RED-01)."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from pyramid.request import Request

from flasky.redirects import current_path, safe_next

HOME = "https://community.example.com/"

#: What attackers try, and what must lead to the home page.
HOSTILE = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "//\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x00//evil.example",
    "/\x00/evil.example",
    "/\x0b/evil.example",
    "/\x7f/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d%0aLocation:%20//evil.example",
    "/%00",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "/%5c%5cevil.example",
    "/%252fevil.example",
    "/%255cevil.example",
    "/%2509/evil.example",
    "%2f%2fevil.example",
    "http://evil.example",
    "https://evil.example/",
    "http:/\\//evil.example",
    "http:/evil.example",
    "http:evil.example",
    "https:evil.example",
    "https:///evil.example",
    "HTTPS://evil.example",
    "ht\ttp://evil.example",
    "://evil.example",
    ":evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://evil.example",
    "mailto:a@evil.example",
    "https://community.example.com@evil.example/",
    "//community.example.com@evil.example",
    "https://community.example.com.evil.example/",
    "https://community.example.com/",
    "//community.example.com/",
    "https://еvil.example",
    "/／evil.example\u2028",
    "/x\u2028//evil.example",
    "/\ud800",
    "evil.example",
    "./x",
    "../x",
    "?next=//evil.example",
    "#x",
    "",
    "/x//evil.example",
    "/x\\evil.example",
    "/x\r\nSet-Cookie: a=b",
    "/" + "a" * 2000,
    None,
    b"/x",
    ["/x"],
    7,
]

HARMLESS = [
    ("/", "/"),
    ("/posts/7", "/posts/7"),
    ("/posts?page=2&q=a%20b#comments", "/posts?page=2&q=a%20b#comments"),
    ("/user/胡同", "/user/%E8%83%A1%E5%90%8C"),
    ("/a b", "/a%20b"),
    ("/search?q=http://evil.example//x", "/search?q=http://evil.example//x"),
    ("/search?q=a\\b", "/search?q=a%5Cb"),
    ("/@evil.example", "/@evil.example"),
    ("/user/%E8%83%A1", "/user/%E8%83%A1"),
    ("/x:y", "/x:y"),
]


def request(**environ: str) -> Request:
    return Request.blank(HOME, environ=environ)


def test_the_corpus_is_as_large_as_asked_for() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("target", HOSTILE, ids=lambda value: ascii(value)[:40])
def test_hostile_targets_lead_home(target: object) -> None:
    """RED-01"""
    assert safe_next(request(), target) == "/"
    assert safe_next(request(), target, "/elsewhere") == "/elsewhere"


@pytest.mark.parametrize(("target", "expected"), HARMLESS)
def test_pages_of_this_site_are_kept(target: str, expected: str) -> None:
    answer = safe_next(request(), target)
    assert answer == expected
    assert answer.isascii()
    assert urlsplit(urljoin(HOME, answer)).netloc == "community.example.com"


def test_home_is_where_the_site_is_mounted() -> None:
    assert safe_next(request(SCRIPT_NAME="/club"), "//evil.example") == "/club/"


def test_the_current_path_survives_any_bytes() -> None:
    broken = request(SCRIPT_NAME="/club", PATH_INFO="/\xff/a b", QUERY_STRING="q=%ff&x=1")
    assert current_path(broken) == "/club/%FF/a%20b?q=%ff&x=1"
