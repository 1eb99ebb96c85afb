"""The header set, the content security policy and what caches may keep (HDR-01, HDR-04, HDR-07, HDR-08)."""

from __future__ import annotations

import pytest
from pyramid.config import Configurator
from pyramid.events import NewResponse
from pyramid.exceptions import ConfigurationError, ConfigurationExecutionError
from pyramid.request import Request
from pyramid.response import Response

from flasky.security.headers import headers_for, keep_private

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
FIXED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def test_hdr_01_the_policy_is_exact(bare_testapp):
    """HDR-01: no unsafe-*, no data: in script, no broad scheme."""
    assert bare_testapp.get("/").headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/", {}, b"", 200),
        ("OPTIONS", "/doors/form", {}, b"", 204),
        ("GET", "/doors/form", {"Range": "bytes=0-"}, b"", 200),
        ("GET", "/%ff", {}, b"", 400),
        ("POST", "/doors/form", {}, b"a=1", 400),
        ("GET", "/doors/closed", {}, b"", 403),
        ("GET", "/nothing", {}, b"", 404),
        ("GET", "/.env", {}, b"", 404),
        ("TRACE", "/", {}, b"", 405),
        ("POST", "/doors/post", {"Content-Type": "application/x-www-form-urlencoded"}, b"a" * (2**20 + 1), 413),
        ("POST", "/doors/json", {"Content-Type": "text/plain"}, b"{}", 415),
        ("POST", "/doors/json", {"Content-Type": "application/json"}, b"[]", 422),
    ],
)
def test_hdr_04_every_status_has_the_set(doors, method, path, headers, body, status):
    """HDR-04, HDR-01: the header set does not depend on who made the answer."""
    answer = doors.request(path, method=method, headers=headers, body=body, expect_errors=True)

    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src")
    assert {name: answer.headers[name] for name in FIXED} == FIXED
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_hdr_04_what_the_server_refuses_by_itself_has_the_set_too(raw, data):
    """HDR-04: waitress answers a broken request before the application sees it."""
    answer = raw.send(data)

    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"Content-Security-Policy: default-src 'none'" in answer
    assert b"X-Frame-Options: DENY" in answer
    assert b"\r\nServer:" not in answer


def test_hdr_08_neither_server_nor_version_is_named(bare_app):
    """HDR-08: a Server header from below is taken away."""
    headers = headers_for(bare_app.registry, {}, [("Server", "waitress/3"), ("X-Powered-By", "Python"), ("A", "b")])

    assert headers[0] == ("A", "b")
    assert not {"server", "x-powered-by"} & {name.lower() for name, _ in headers}


def test_hdr_02_a_view_cannot_loosen_the_policy(bare_app):
    """HDR-02: two policies are both enforced, so the site's is sent beside the view's own."""
    headers = headers_for(bare_app.registry, {}, [("Content-Security-Policy", "script-src *")])

    assert [value for name, value in headers if name == "Content-Security-Policy"] == ["script-src *", POLICY]


def test_headers_that_are_there_are_not_doubled(bare_app):
    """A view may say something stricter for itself."""
    once = headers_for(bare_app.registry, {}, [("referrer-policy", "no-referrer")])

    assert [value for name, value in once if name.lower() == "referrer-policy"] == ["no-referrer"]
    assert headers_for(bare_app.registry, {}, once) == once


def test_hdr_03_hsts_where_the_site_is_on_https(make_doors, bare_app):
    """HDR-03: at least a year, with sub-domains; never for a site on plain http."""
    secure = dict(headers_for(make_doors(flasky__base_url="https://community.example").registry, {}, []))

    assert secure["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert "Strict-Transport-Security" not in dict(headers_for(bare_app.registry, {}, []))


def test_a_plugin_adds_a_source_and_the_introspector_knows_it(doors, doors_app):
    """HDR-02: sources are added by a directive, merged into the base, and visible."""
    policy = doors.get("/doors/about").headers["Content-Security-Policy"]

    assert "img-src 'self' https://images.example.net;" in policy
    (entry,) = doors_app.registry.introspector.get_category("flasky csp")
    assert entry["introspectable"]["source"] == "https://images.example.net"
    assert entry["introspectable"]["directive"] == "img-src"


def _configurator(**_options):
    config = Configurator()
    config.include("flasky.security.headers")
    return config


@pytest.mark.parametrize(
    ("directive", "source"),
    [
        ("script-src", "'unsafe-inline'"),
        ("script-src", "'unsafe-eval'"),
        ("style-src", "'unsafe-inline'"),
        ("script-src", "data:"),
        ("worker-src", "data:"),
        ("frame-src", "data:"),
        ("img-src", "*"),
        ("img-src", "https:"),
        ("img-src", "http://images.example.net"),
        ("img-src", "https://*.example.net"),
        ("img-src", "https://a.example; script-src *"),
        ("img-src", "https://a.example\r\nX: y"),
        ("img-src", "https://a.example b.example"),
        ("script-src", "'strict-dynamic'"),
        ("script-src", "'nonce-abc'"),
        ("default-src", "'self'"),
        ("frame-ancestors", "https://a.example"),
        ("base-uri", "'self'"),
        ("object-src", "'self'"),
        ("report-uri", "https://a.example"),
    ],
)
def test_a_source_that_would_open_the_policy_is_refused(directive, source):
    """HDR-01: the message names what was asked."""
    with pytest.raises((ConfigurationError, ConfigurationExecutionError), match="add_csp_source"):
        _configurator().add_csp_source(directive, source)


@pytest.mark.parametrize(
    ("directive", "source"),
    [
        ("img-src", "data:"),
        ("frame-src", "https://player.example.net:8443/embed/"),
        ("script-src", "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"),
        ("form-action", "https://pay.example.net"),
    ],
)
def test_a_source_that_names_what_it_is_is_accepted(directive, source):
    """HDR-02: what plug-ins do need; two that ask for the same do not conflict."""
    config = _configurator()
    config.add_csp_source(directive, source)
    config.commit()


def test_hdr_07_a_page_with_a_token_is_never_kept(doors):
    """HDR-07: a form page is for one visitor."""
    answer = doors.get("/doors/form")

    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]


def test_hdr_07_an_answer_to_a_member_is_never_kept(doors):
    """HDR-07: no-store for who is signed in, and Vary: Cookie when it was asked who is there."""
    answer = doors.get("/doors/closed", headers={"X-Test-Member": "mia"})

    assert answer.json == {"entered": True}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Cookie" in answer.headers["Vary"]


def test_hdr_07_a_public_answer_stays_cacheable_and_sets_no_cookie(bare_testapp):
    """SES-10, HDR-07: reading creates nothing."""
    for _ in range(100):
        answer = bare_testapp.get("/")
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-cache"


def test_hdr_07_no_cache_shows_for_a_while_what_may_be_hidden_by_now(doors):
    """HDR-07: caches that are told nothing keep an answer as long as they like."""
    for path in ("/doors/about", "/doors/item/1", "/doors/numbers", "/nothing"):
        answer = doors.get(path, expect_errors=True)
        assert answer.headers["Cache-Control"] in {"no-cache", "no-store"}, path


@pytest.mark.parametrize(
    ("header", "value"), [("cache-control", "public, max-age=60"), ("Expires", "Sat, 01 Jan 2050 00:00:00 GMT")]
)
def test_hdr_07_what_a_view_says_itself_about_caches_is_kept(header, value):
    """HDR-07: pictures and files are named by what is in them."""
    response = Response(headerlist=[("Content-Type", "image/png"), (header, value)], app_iter=[])
    keep_private(NewResponse(Request.blank("/"), response))

    assert response.headerlist == [("Content-Type", "image/png"), (header, value)]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost", "http://localhost.evil", "*", ""]
)
def test_hdr_08_no_origin_is_reflected(doors, origin):
    """HDR-08: there is no CORS."""
    answer = doors.get("/doors/about", headers={"Origin": origin})

    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


SECRET_PATHS = [
    "/.env", "/.git/config", "/.git/HEAD", "/.gitignore", "/.htaccess", "/.svn/entries", "/.DS_Store", "/.ssh/id_rsa",
    "/development.ini", "/production.ini", "/testing.ini", "/data-dev.sqlite", "/data.db", "/setup.py", "/Makefile",
    "/pyproject.toml", "/requirements.txt", "/alembic.ini", "/alembic/env.py", "/flasky/settings.py", "/server-status",
    "/phpinfo.php", "/wp-login.php", "/admin.php", "/backup.zip", "/db.sql", "/config.json", "/static/", "/static",
    "/static/flasky/", "/static/flasky", "/static/flasky/.env", "/static/flasky/../settings.py",
    "/static/flasky/..%2fsettings.py", "/static/flasky/%2e%2e/settings.py", "/static/../production.ini",
    "/static/flasky/.git/HEAD", "/static//etc/passwd", "/static/nobody/flasky.css", "/static/flasky/%5c..%5csite.py",
]  # fmt: skip


@pytest.mark.parametrize("path", SECRET_PATHS)
def test_hdr_08_files_that_are_nobodys_business_are_not_found(bare_testapp, path):
    """HDR-08, P34: 40 paths, no listing, no dot-file."""
    assert bare_testapp.get(path, expect_errors=True).status_code == 404


def test_p34_pyramids_own_static_view_serves_no_dot_file_either(doors):
    """P34: a plug-in may use it, and somebody may leave a .env in its folder."""
    assert doors.get("/doors-files/public.txt").text == "public\n"
    for name in (".left_behind", "%2eleft_behind", "./.left_behind", "", "../sample_doors.py"):
        assert doors.get(f"/doors-files/{name}", expect_errors=True).status_code == 404, name
    assert doors.get("/doors-files/%ff", expect_errors=True).status_code == 400


@pytest.mark.parametrize("value", ["bytes=--1", "bytes=" + "9" * 5000 + "-", "bytes=0-" + "9" * 5000])
def test_p09_a_broken_range_on_pyramids_own_static_view(doors, value):
    """P9: it was a 500 there, outside of every tween."""
    assert doors.get("/doors-files/public.txt", headers={"Range": value}).status_code == 200
    late = {"If-Modified-Since": "Sat, 01 Jan 99999 00:00:00 GMT"}
    assert doors.get("/doors-files/public.txt", headers=late).status_code == 200


def test_inp_04_bad_bytes_below_static_are_a_bad_request(bare_testapp):
    """P34: `/static/%ff` is an error of the client."""
    assert bare_testapp.get("/static/flasky/%ff", expect_errors=True).status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Range", "bytes=--1"),
        ("Range", "bytes=" + "9" * 5000 + "-"),
        ("Range", "bytes=5-1"),
        ("Range", "bytes=\xb2-"),
        ("Range", "lines=1-2"),
        ("If-Modified-Since", "Sat, 01 Jan 99999 00:00:00 GMT"),
        ("If-Modified-Since", "Sat, 31 Feb 2024 00:00:00 GMT"),
        ("If-Modified-Since", "Thu, 01 Jan 0001 00:00:00 GMT"),
        ("If-Modified-Since", "yesterday"),
        ("If-Unmodified-Since", "Sat, 01 Jan 99999 00:00:00 GMT"),
        ("If-Range", "Sat, 01 Jan 99999 00:00:00 GMT"),
        ("If-None-Match", '"' * 50),
        ("If-None-Match", "W/W/W/*,,,"),
        ("Accept-Encoding", "gzip;q=9" * 50),
        ("Accept", "/*/;;q"),
        ("Accept-Language", "zh-" + "x" * 3000),
    ],
)
@pytest.mark.parametrize("path", ["/static/flasky/flasky.css", "/static/bootstrap/bootstrap.min.css", "/doors/numbers"])
def test_p09_a_broken_condition_is_ignored(doors, path, name, value):
    """P9: none of these is a reason for a 500, on a file or on any other answer with conditions."""
    environ = {"HTTP_" + name.upper().replace("-", "_"): value}

    answer = doors.get(path, extra_environ=environ, expect_errors=True)

    assert answer.status_code == (200 if value.isascii() else 400)


def test_ranges_and_conditions_that_make_sense_still_work(doors):
    """A good Range gives a part, a good date gives 304, and a Range beyond the end 416."""

    def status(**headers):
        answer = doors.get(
            "/doors/numbers", headers={name.replace("_", "-"): text for name, text in headers.items()}, status="*"
        )
        return answer.status_code, answer.body

    date = doors.get("/doors/numbers").headers["Last-Modified"]
    assert status(Range="bytes=2-4") == (206, b"234")
    assert status(Range="bytes=-3") == (206, b"789")
    assert status(Range="bytes=50-")[0] == 416
    assert status(If_Modified_Since=date)[0] == 304
    assert status(Range="bytes=2-4", If_Range=date) == (206, b"234")
    assert status(Range="bytes=2-4", If_Range="Sun, 01 Feb 2026 00:00:00 GMT") == (200, b"0123456789")
