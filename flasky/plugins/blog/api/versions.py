"""ETags: which state of a text a program has read, and which version of it it changes (CON-02)."""

from __future__ import annotations

import json
import re
import zlib

from pyramid.httpexceptions import HTTPPreconditionFailed, HTTPPreconditionRequired
from pyramid.request import Request

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _
from flasky.plugins.blog.api.shapes import Shape
from flasky.plugins.blog.models import Comment, Post

#: A proxy that compresses answers makes a tag weak; which version it names stays.
_TAG = r'(?:W/)?"([\x21\x23-\x7e]*)"'
_TAGS = rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*"
_VERSION = r"([0-9]{1,9})(?:-([0-9a-f]{8})-[0-9a-f]{8})?"

#: The version, and which text it is one of; that is empty where a bare version was sent.
Named = tuple[int, str]


def etag_of(thing: Post | Comment, shape: Shape) -> str:
    """What names the state of something as it is told: its version, which text it is, and a checksum of all of it.

    The version alone would not do: a comment that is counted and a moderator's decision are no edit of the text.
    """
    return f"{thing.version}-{_text(thing)}-{zlib.crc32(json.dumps(shape).encode()):08x}"


def versions_required(request: Request) -> frozenset[Named]:
    """The versions that `If-Match` names. Raises HTTPPreconditionRequired (428) where it names none, RefusedInput."""
    named = versions_named(request)
    if named is None:
        raise HTTPPreconditionRequired
    return named


def versions_named(request: Request) -> frozenset[Named] | None:
    """The versions that `If-Match` names; None where there is no such header, or one that means any version.

    Raises RefusedInput (400) for what is no such header.
    """
    header = request.environ.get("HTTP_IF_MATCH", "").strip()
    if header in {"", "*"}:
        return None
    if not re.fullmatch(_TAGS, header):
        raise RefusedInput(seen=f"If-Match: {ascii(header[:40])[1:-1]}", expected=_("an ETag in quotation marks"))
    found = (re.fullmatch(_VERSION, tag) for tag in re.findall(_TAG, header))
    return frozenset((int(match[1]), match[2] or "") for match in found if match)


def check_version(thing: Post | Comment, versions: frozenset[Named]) -> None:
    """Raise HTTPPreconditionFailed (412) unless what is stored is one of these versions."""
    if versions.isdisjoint({(thing.version, ""), (thing.version, _text(thing))}):
        raise HTTPPreconditionFailed


def _text(thing: Post | Comment) -> str:
    """Which text it is: an older copy of a database that was put back gives ids again."""
    return f"{zlib.crc32(thing.created_at.isoformat().encode()):08x}"
