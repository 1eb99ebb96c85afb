"""MAI-01, P19: whatever stands in a name or a title, a mail has one subject, one recipient and no line too many."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email import policy

import pytest

from flasky.mail.message import (
    LONGEST_SUBJECT,
    Envelope,
    build,
    clean_subject,
    clean_text,
    new_message_id,
    site_host,
)

ENVELOPE = Envelope(
    sender=("Flasky Admin", "flasky@example.com"),
    recipient="ann@example.com",
    message_id="<1234@example.com>",
    date=datetime(2026, 3, 1, 12, tzinfo=UTC),
    language="en",
)

INJECTIONS = [
    "a\nBcc: eve@example.com",
    "a\r\nBcc: eve@example.com",
    "a\rBcc: eve@example.com",
    "a\n\nbody",
    "a\r\n\r\n<script>",
    "a\r\n .\r\nQUIT",
    "a\n Bcc: eve@example.com",
    "a\n\tBcc: eve@example.com",
    "a\x00b",
    "a\x0bBcc: eve@example.com",
    "a\x0cBcc: eve@example.com",
    "a\x1c\x1d\x1eb",
    "a\x7fb",
    "a\x85Bcc: eve@example.com",
    "a\u2028Bcc: eve@example.com",
    "a\u2029Bcc: eve@example.com",
    "a\ud800b",
    "a\udc8ab",
    "a\u202egpj.exe",
    "a\u2066b\u2069",
    "=?utf-8?q?a=0D=0ABcc:_eve@example.com?=",
    "=?utf-8?b?YQ0KQmNjOiBldmVAZXhhbXBsZS5jb20=?=",
    "=?iso-8859-1?q?=0ATo:_eve@example.com?= x",
    "a\r\nTo: eve@example.com\r\nSubject: other",
    "a\r\nContent-Type: text/html\r\n\r\n<b>",
    "胡同\r\nBcc: eve@example.com",
    "胡同" * 500,
    "a" * 5000,
    "a b " * 2000,
    "\r\n" * 50,
    "%0d%0aBcc: eve@example.com",
    "\\r\\nBcc: eve@example.com",
    "{{7*7}} ${x} %(x)s {0.__class__}",
]


def _headers(raw: bytes) -> list[str]:
    """The names in the header block as a server sees them: one a line that does not begin with white space."""
    block, _, _ = raw.partition(b"\r\n\r\n")
    lines = [line for line in block.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    return [line.partition(b":")[0].decode() for line in lines]


def test_there_are_thirty_strings_and_more() -> None:
    assert len(INJECTIONS) >= 30


@pytest.mark.parametrize("text", INJECTIONS, ids=lambda text: ascii(text)[:40])
def test_a_subject_is_one_header_and_nothing_else(text: str) -> None:
    subject = clean_subject(f"[Flasky] {text}")
    raw = build(ENVELOPE, subject, f"{text}\n", f"<p>{text}</p>\n".replace("\ud800", "").replace("\udc8a", ""))

    assert sorted(_headers(raw)) == sorted(
        [
            "Content-Type",
            "MIME-Version",
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Content-Language",
        ]
    )
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    # What a reader of the mail sees, decoded the way that mail programs do it.
    seen = email.message_from_bytes(raw, policy=policy.default)
    assert str(seen["Subject"]) == subject
    assert str(seen["To"]) == "ann@example.com"
    assert seen["Bcc"] is None
    assert len(subject) <= LONGEST_SUBJECT
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", subject)


def test_a_subject_keeps_what_people_write() -> None:
    assert clean_subject("  胡同  and   Ann’s “post” 👩‍💻 ") == "胡同 and Ann’s “post” 👩‍💻"


def test_an_overlong_subject_is_cut_visibly() -> None:
    assert clean_subject("x" * 500) == "x" * (LONGEST_SUBJECT - 1) + "…"


def test_both_parts_arrive_as_they_were_written() -> None:
    """PARITY 22a: Chinese text goes in and comes out unharmed."""
    text, html = "胡同 wrote:\n\nFrom here on\n.\n.dot\n" + "long " * 300 + "\n", "<p>胡同 &amp; co</p>\n"
    message = email.message_from_bytes(build(ENVELOPE, "胡同", text, html), policy=policy.default)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n") == text
    assert message.get_body(("html",)).get_content().replace("\r\n", "\n") == html
    assert str(message["Subject"]) == "胡同"


def test_the_headers_say_who_when_and_that_nobody_typed_it() -> None:
    message = email.message_from_bytes(build(ENVELOPE, "s", "t\n", "h\n"), policy=policy.default)
    assert message["From"] == "Flasky Admin <flasky@example.com>"
    assert message["Date"].datetime == ENVELOPE.date
    assert message["Message-ID"] == "<1234@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"


@pytest.mark.parametrize("name", ["胡同", 'Quo"te', "A, B", "A <b@c>", "a\\b"])
def test_a_sender_s_name_cannot_become_an_address(name: str) -> None:
    envelope = Envelope((name, "flasky@example.com"), "ann@example.com", "<1@example.com>", ENVELOPE.date, "en")
    message = email.message_from_bytes(build(envelope, "s", "t\n", "h\n"), policy=policy.default)
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "flasky@example.com")


def test_text_keeps_tabs_and_lines_and_loses_what_no_mail_can_hold() -> None:
    assert clean_text("a\tb\r\nc\rd\x00\ud800e\x85") == "a\tb\nc\nd��e�"


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://community.example.com", "community.example.com"),
        ("http://localhost:6543", "localhost"),
        ("https://例子.com", "xn--fsqu00a.com"),
        ("http://[::1]:6543", "[IPv6:::1]"),
    ],
)
def test_message_ids_are_unique_and_at_the_site_s_host(base_url: str, host: str) -> None:
    assert site_host(base_url) == host
    first, second = new_message_id(base_url), new_message_id(base_url)
    assert first != second
    assert re.fullmatch(rf"<[0-9a-f]{{32}}@{re.escape(host)}>", first)
