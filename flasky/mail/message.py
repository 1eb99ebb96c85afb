"""Building the message: the bytes that every attempt at delivery sends.

Header values are made safe before there is a message (MAI-01): `clean_subject` leaves one line, and whatever is
not plain ASCII is encoded here by hand. The policies of `email.message` decode an encoded word that somebody has
put into their name and write out the line break that it hides.
"""

from __future__ import annotations

import secrets
import unicodedata
from datetime import datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.utils import format_datetime, formataddr
from typing import NamedTuple
from urllib.parse import urlsplit

#: Characters of a subject, prefix included; a longer one is cut.
LONGEST_SUBJECT = 200

#: What a mail program posts to stop mails of a kind, as it stands in the header and in the body (RFC 8058).
ONE_CLICK = "List-Unsubscribe=One-Click"

_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP
_POLICY = Message().policy.clone(linesep="\r\n", mangle_from_=False)

#: Other, control, surrogate, line and paragraph separator: none of them belongs into one line of text.
_UNWANTED = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: Characters that turn the direction of what follows, by which one subject can look like another.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Envelope(NamedTuple):
    """What stands on the outside: who it is from (display name and address), who it is for, and its id."""

    sender: tuple[str, str]
    recipient: str
    message_id: str
    date: datetime
    language: str


def clean_subject(text: str) -> str:
    """`text` as one line without control characters, at most `LONGEST_SUBJECT` characters long."""
    kept = "".join(" " if _unwanted(character) else character for character in text)
    line = " ".join(kept.split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1].rstrip()}…"


def clean_text(text: str) -> str:
    """`text` without what no mail can hold: lone surrogates, and control characters but tab and line break."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        "\ufffd" if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\t\n" else character
        for character in lines
    )


def new_message_id(base_url: str) -> str:
    """A Message-ID of this site, angle brackets included: 128 random bits at the host of `base_url`."""
    return f"<{secrets.token_hex(16)}@{site_host(base_url)}>"


def site_host(base_url: str) -> str:
    """The host of `base_url` as mail writes it: ASCII, an IPv6 address as a literal."""
    host = urlsplit(base_url).hostname or "localhost"
    if ":" in host:
        return f"[IPv6:{host}]"
    # Nearly each is ASCII already: the codec has tables of its own to load.
    return host if host.isascii() else host.encode("idna").decode()


def build(envelope: Envelope, subject: str, text: str, html: str, unsubscribe: str = "") -> bytes:
    """The message as it goes over the wire: a text and an HTML part, UTF-8, lines of at most 78 bytes, CRLF.

    `subject` must come from `clean_subject`. `unsubscribe` is the address of this site by which mails of this kind are
    stopped (RFC 8058); empty for mails that cannot be.
    """
    # By hand: `email.mime` brings the policies, and with them a parser that each start would pay for.
    message = Message()
    message["Content-Type"] = "multipart/alternative"
    message["MIME-Version"] = "1.0"
    message["Subject"] = _header(subject, "Subject")  # type: ignore[assignment]
    message["From"] = formataddr(envelope.sender)
    message["To"] = envelope.recipient
    message["Date"] = format_datetime(envelope.date)
    message["Message-ID"] = envelope.message_id
    # RFC 3834: keeps holiday notes and other robots from answering.
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = envelope.language
    if unsubscribe:
        message["List-Unsubscribe"] = _OneLine(f"<{unsubscribe}>")  # type: ignore[assignment]
        # Says that a POST of just this to that address is enough.
        message["List-Unsubscribe-Post"] = ONE_CLICK
    for part, subtype in ((text, "plain"), (html, "html")):
        message.attach(_part(part, subtype))
    return message.as_bytes(policy=_POLICY)


class _OneLine(Header):
    """A header that has no place for a break: folded, its first line would be empty behind the name."""

    def encode(self, *_args: object, **_options: object) -> str:
        """The text as it is."""
        return str(self)


def _part(text: str, subtype: str) -> Message:
    # A plain string of the name would choose base64, which nobody can read in the raw message.
    part = Message()
    part["Content-Type"] = f"text/{subtype}"
    part.set_payload(clean_text(text), _UTF8)
    del part["MIME-Version"]
    return part


def _header(text: str, name: str) -> Header:
    # What looks like an encoded word is encoded once more, so that it arrives as it was written.
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    return Header(text, charset, header_name=name)


def _unwanted(character: str) -> bool:
    return unicodedata.category(character) in _UNWANTED or character in _TURNING
