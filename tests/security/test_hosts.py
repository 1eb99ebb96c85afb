"""Host names and forwarding headers (RED-02, RED-03, P14, P15)."""

from __future__ import annotations

import pytest
from webtest import TestApp

HOSTILE = [
    b"evil.example",
    b"localhost.evil.example",
    b"a b",
    b"a@evil.example",
    b"evil.example/x?y#",
    b"[::1",
    b"",
    b"localhost, evil.example",
    b"\xff",
    b"localhost:99999999",
    b"localhost:x",
    b"localhost:80:80",
    b"-localhost",
    b"localhost\t",
    b"'localhost'",
    b"[::1]evil.example",
    b"%6cocalhost",
    b"localhost\\",
]


@pytest.mark.parametrize("host", HOSTILE)
def test_red_02_an_unknown_or_malformed_host_is_refused(doors, host):
    """RED-02, P14: 400 with a page that does not repeat the host in a link."""
    answer = doors.get("/", extra_environ={"HTTP_HOST": host.decode("latin-1")}, expect_errors=True)

    assert answer.status_code == 400
    assert "//evil" not in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("host", [host for host in HOSTILE if host != b"localhost\t"])
def test_red_02_over_the_wire(raw, host):
    """RED-02: the same bytes through the real server (which itself strips the trailing tab)."""
    answer = raw.send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")

    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"Content-Security-Policy" in answer


def test_red_02_two_host_headers_and_none_at_all(raw):
    """P14: the server joins two with a comma."""
    two = raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    none = raw.send(b"GET / HTTP/1.0\r\n\r\n")

    assert b" 400 " in two.split(b"\r\n")[0]
    assert b" 400 " in none.split(b"\r\n")[0]


def test_red_02_the_refusal_says_what_decides(doors, caplog):
    """Issue: saw, expected, setting."""
    doors.get("/", extra_environ={"HTTP_HOST": "evil.example"}, status=400)

    assert "Host: evil.example" in caplog.text
    assert "localhost" in caplog.text
    assert "flasky.hosts" in caplog.text


PRODUCTION = {
    "flasky__environment": "production",
    "flasky__base_url": "https://community.example",
    "flasky__secret_key": "pWc9m7sVbQ2xLzR4tYh8KdGfJnEa3Uo6",
    "flasky__hosts": "www.community.example .pages.example",
}


@pytest.fixture(scope="module")
def production(make_doors):
    """A client of a site in production."""
    return TestApp(make_doors(**PRODUCTION))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("community.example", 200),
        ("COMMUNITY.example", 200),
        ("community.example:443", 200),
        ("www.community.example", 200),
        ("a.pages.example", 200),
        ("my_app.pages.example", 200),
        ("pages.example", 400),
        ("evilpages.example", 400),
        ("community.example:8080", 400),
        ("localhost", 400),
        ("127.0.0.1", 400),
        ("[::1]", 400),
        ("localhost:6543", 400),
    ],
)
def test_red_02_in_production_only_the_sites_own_names_count(production, host, status):
    """RED-02: the machine's own names are for development."""
    answer = production.get("/doors/about", extra_environ={"HTTP_HOST": host}, expect_errors=True)

    assert answer.status_code == status


@pytest.mark.parametrize("host", ["localhost", "localhost:6543", "127.0.0.1:1", "[::1]", "[::1]:8000"])
def test_red_02_in_development_the_machines_own_names_count(doors, host):
    """Whatever port the server was given."""
    assert doors.get("/doors/about", extra_environ={"HTTP_HOST": host}).status_code == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("GET /doors/about", 200),
        ("GET //doors/about", 200),
        ("GET http://localhost/doors/about", 200),
        ("GET HTTPS://LOCALHOST:443/doors/about?x=1", 200),
        ("GET http://localhost:80", 200),
        ("GET http://evil.example/doors/about", 400),
        ("GET http://localhost:81/doors/about", 400),
        ("GET http://evil@localhost/doors/about", 400),
        ("GET http:///doors/about", 400),
        ("GET ftp://localhost/doors/about", 400),
        ("GET x:/doors/about", 400),
        ("GET doors/about", 400),
        ("GET *", 400),
        ("CONNECT localhost:443", 400),
        ("OPTIONS *", 204),
    ],
)
def test_red_02_the_host_of_a_whole_address_is_the_one_that_counts(raw, target, status):
    """RFC 9112, 3.2: an address with another host than the header names another site. `OPTIONS *` asks the server."""
    answer = raw.send(f"{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nContent-Security-Policy: " in answer


FORWARDING = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "666",
    "X-Forwarded-By": "6.6.6.6",
    "X-Forwarded-Scheme": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Ssl": "on",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=https",
    "X-Real-IP": "6.6.6.6",
    "X-Vhm-Root": "/doors/form",
    "X-Original-URL": "/doors/form",
    "X-Rewrite-URL": "/doors/form",
    "X-HTTP-Method-Override": "POST",
    "X-Scheme": "https",
}


@pytest.mark.parametrize("name", FORWARDING)
def test_red_03_forwarding_headers_of_a_stranger_have_no_effect(doors, name):
    """RED-03, P15: scheme, host, address and routing stay what the server knows."""
    plain = doors.get("/doors/about").json

    assert doors.get("/doors/about", headers={name: FORWARDING[name]}).json == plain
    assert plain["client"] == plain["peer"] == "127.0.0.1"


def test_red_03_all_of_them_over_the_wire(raw):
    """RED-03: and with underscores, which some servers read as dashes."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in FORWARDING.items())
    headers += "X_Forwarded_For: 6.6.6.6\r\nX_Vhm_Root: /doors/form\r\n"
    request = f"GET /doors/about HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"

    answer = raw.send(request.encode())

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"client": "127.0.0.1"' in answer
    assert b'"url": "http://localhost/doors/about"' in answer


def test_red_03_bad_bytes_in_a_dropped_header_do_not_matter(doors):
    """P15: `X-Vhm-Root` with bad bytes was a 500."""
    answer = doors.get("/doors/about", extra_environ={"HTTP_X_VHM_ROOT": "/\xff"}, expect_errors=True)

    assert answer.status_code == 200
