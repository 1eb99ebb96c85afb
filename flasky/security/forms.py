"""Forms, looked at byte by byte before WebOb parses them (INP-01, INP-04, INP-05).

WebOb replaces bad bytes, decodes parts by whatever charset they name, returns a list for a nested part and an
object for a text field that calls itself a file; each of these is an error in some view later. What passes here
is a form of a browser: text fields of valid UTF-8, and files only under the names that the view asked for.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from pyramid.httpexceptions import HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType
from pyramid.request import Request

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _

MAX_FIELDS = 1000
MAX_PARTS = 100

_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9_-]+)=(?:"([^"\\]*)"|([^\s;",]+))')
#: RFC 2046, and a dollar sign, with which the boundaries of WebTest end: tests of plug-ins upload with it.
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?$-]")
_NAME = re.compile(r';\s*name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_FILE_NAME = re.compile(r";\s*filename\*?=", re.IGNORECASE)
_UTF8 = frozenset({"utf-8", "utf8"})
_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


class MediaType(NamedTuple):
    """A Content-Type: `name` in lower case, and its parameters."""

    name: str
    parameters: dict[str, str]


def decode(data: bytes, place: str) -> str:
    """`data` as text. Raises RefusedInput when it is not UTF-8 (lone surrogates are not) or holds a NUL."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedInput(
            seen=_("bytes in ${place} that are not UTF-8", mapping={"place": place}), expected="UTF-8"
        ) from error
    if "\0" in text:
        raise RefusedInput(seen=_("a NUL character in ${place}", mapping={"place": place}), expected=_("text"))
    return text


def too_large(length: int, limit: int) -> HTTPRequestEntityTooLarge:
    """The refusal of a body of `length` bytes where at most `limit` are accepted."""
    text = _("The body has ${length} bytes; at most ${limit} are accepted here.")
    return HTTPRequestEntityTooLarge(_(text, mapping={"length": length, "limit": limit}))


def parse_media_type(value: str) -> MediaType:
    """Read a Content-Type header. Raises RefusedInput when its parameters are broken or given twice."""
    name, semicolon, _rest = value.partition(";")
    parameters: dict[str, str] = {}
    position = len(name)
    while semicolon and position < len(value.rstrip("; \t")):
        match = _PARAMETER.match(value, position)
        if match is None or match[1].lower() in parameters:
            raise RefusedInput(seen=_("a Content-Type with broken parameters"), expected="type/subtype; name=value")
        parameters[match[1].lower()] = match[3] if match[2] is None else match[2]
        position = match.end()
    return MediaType(name.strip().lower(), parameters)


def check_charset(media_type: MediaType) -> None:
    """Raise 415 for a charset other than UTF-8."""
    charset = media_type.parameters.get("charset", "utf-8")
    if charset.lower() not in _UTF8:
        raise HTTPUnsupportedMediaType(_("This charset is not understood; use utf-8."))


def check_form(request: Request, files: frozenset[str], limit: int) -> None:
    """Refuse a broken form; a body of another type is left alone.

    `files` are the names under which files are accepted, `limit` the bytes of the body. Raises RefusedInput (400),
    HTTPRequestEntityTooLarge (413) or HTTPUnsupportedMediaType (415).
    """
    raw = request.environ.get("CONTENT_TYPE") or ""
    name = raw.partition(";")[0].strip()
    if name.lower() not in {"", _URLENCODED, _MULTIPART}:
        return
    media_type = parse_media_type(raw)
    check_charset(media_type)
    if name != media_type.name or raw.partition(";")[0] != name:
        # WebOb knows these types in lower case only and would see an empty form.
        request.environ["CONTENT_TYPE"] = media_type.name + raw[len(raw.partition(";")[0]) :]
    if media_type.name == _MULTIPART:
        boundary = _boundary(media_type)
        _check_parts(_body(request, limit), boundary, files)
    elif name or request.method == "POST":
        _check_fields(_body(request, limit))
    _parse(request)


def _body(request: Request, limit: int) -> bytes:
    try:
        body: bytes = request.body
    except OSError as error:
        raise RefusedInput(
            seen=_("a body that ends too early"), expected=_("as many bytes as Content-Length says")
        ) from error
    if len(body) > limit:
        raise too_large(len(body), limit)
    return body


def _check_fields(body: bytes) -> None:
    count = body.count(b"&") + 1
    if count > MAX_FIELDS:
        raise RefusedInput(
            seen=_("${number} fields in the form", mapping={"number": count}),
            expected=_("at most ${number}", mapping={"number": MAX_FIELDS}),
        )
    decode(unquote_to_bytes(body) if b"%" in body else body, _("the form"))


def _boundary(media_type: MediaType) -> bytes:
    boundary = media_type.parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise RefusedInput(seen=_("a multipart form without a boundary"), expected="multipart/form-data; boundary=…")
    return boundary.encode()


def _check_parts(body: bytes, boundary: bytes, files: frozenset[str]) -> None:
    delimiter = b"--" + boundary
    count = body.count(delimiter)
    if count > MAX_PARTS + 1:
        raise RefusedInput(
            seen=_("${number} parts in the form", mapping={"number": count - 1}),
            expected=_("at most ${number}", mapping={"number": MAX_PARTS}),
        )
    segments = (b"\r\n" + body).split(b"\r\n" + delimiter)
    # WebOb also takes a boundary after a bare line feed: two readings of one form.
    if segments[0] or not segments[-1].startswith(b"--") or len(segments) != count + 1:
        raise RefusedInput(seen=_("a multipart form with broken boundaries"), expected=_("parts between boundaries"))
    for segment in segments[1:-1]:
        _check_part(segment, files)


def _check_part(segment: bytes, files: frozenset[str]) -> None:
    head, blank, content = segment.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"\r\n"):
        raise RefusedInput(seen=_("a part of the form without headers"), expected="Content-Disposition: form-data")
    headers = _part_headers(decode(head[2:], _("the headers of a part of the form")))
    disposition = headers.get("content-disposition", "")
    match = _NAME.search(disposition)
    if not disposition.lower().startswith("form-data") or match is None:
        raise RefusedInput(seen=_("a part of the form without a name"), expected="form-data; name=…")
    encoding = headers.get("content-transfer-encoding", "").lower()
    media_type = parse_media_type(headers.get("content-type", ""))
    if encoding not in _PLAIN_ENCODINGS or media_type.name.startswith(("multipart/", "message/")):
        raise RefusedInput(seen=_("an encoded or nested part of the form"), expected=_("the field's plain content"))
    if media_type.parameters.get("charset", "utf-8").lower() not in _UTF8:
        raise HTTPUnsupportedMediaType(_("This charset is not understood; use utf-8."))
    name = match[1] if match[2] is None else match[2]
    if not _FILE_NAME.search(disposition):
        decode(content, _("the field ${name}", mapping={"name": ascii(name[:40])}))
    elif name not in files:
        raise RefusedInput(
            seen=_("a file in the field ${name}", mapping={"name": ascii(name[:40])}),
            expected=_("text"),
            setting=f"the view's option files=({name[:40]!a},)",
        )


def _part_headers(head: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in head.split("\r\n"):
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if not colon or key in headers or any(ord(character) < 32 for character in line.replace("\t", "")):
            raise RefusedInput(
                seen=_("a part of the form with broken headers"), expected=_("each header once, on a line")
            )
        headers[key] = value.strip()
    return headers


def _parse(request: Request) -> None:
    """Let WebOb parse the form here, where its complaints are still a refusal."""
    try:
        values = request.POST
        len(values)
    except (ValueError, TypeError, LookupError, OSError) as error:
        raise RefusedInput(
            seen=_("a form that cannot be read"), expected=_("the form as a browser sends it")
        ) from error
