"""Error pages without templates, translations or settings: what is left when those are what broke."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from markupsafe import escape
from webob.acceptparse import create_accept_header

from flasky.logs import REQUEST_ID

HTML = "text/html; charset=utf-8"
JSON = "application/problem+json"

#: Neither may be kept: the request id belongs to one request.
COMMON_HEADERS = (("Cache-Control", "no-store"), ("Vary", "Accept"))

#: In the environ of a request to the route of an API resource: programs read its errors, whatever they accept (HDR-06).
RESOURCE = "flasky.api_resource"
#: Below it, programs read what is said of addresses that are not there, too.
_PROGRAMS = "/api/"

_PAGE = """<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{status} {title}</title></head>
<body><main><h1>{title}</h1>
{paragraphs}
<p>{request_id_label} <code>{request_id}</code></p>
<p><a href="/">Flasky</a></p></main></body>
</html>
"""

#: A part of an Accept header that names what the client does not want (RFC 9110, 12.4.2).
_REFUSED = r";\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)"

_APOLOGY = "Something went wrong on our side. It has been noted."
#: The last resort knows no language, so it speaks both.
_APOLOGY_ZH = "服务器出了问题，我们已经记录下来。"


def prefers_json(environ: Mapping[str, Any]) -> bool:
    """Whether the client of this WSGI environ wants JSON rather than a page.

    An API resource and all below /api/ speak JSON. Elsewhere the Accept header decides, in which `q=0` is a no; one
    that names neither (``*/*``, or none at all) leaves it to what the request itself was sent as.
    """
    if RESOURCE in environ or str(environ.get("PATH_INFO", "")).startswith(_PROGRAMS):
        return True
    accept = str(environ.get("HTTP_ACCEPT", "")).lower()
    wanted = ",".join(part for part in accept.split(",") if not re.search(_REFUSED, part))
    html, wants_json = "html" in wanted, "json" in wanted
    if html and wants_json:
        try:
            offers = create_accept_header(accept).acceptable_offers(["text/html", "application/json", JSON])
        except ValueError:
            return False
        return bool(offers) and offers[0][0] != "text/html"
    if html or wants_json:
        return wants_json
    if "html" in accept or "json" in accept:
        return "json" not in accept
    content_type = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
    return content_type == "application/json" or content_type.endswith("+json")


def fixed_html(
    status: int,
    title: str,
    paragraphs: list[str],
    request_id: str,
    lang: str = "en",
    request_id_label: str = "Request",
) -> bytes:
    """A page that is only text."""
    return _PAGE.format(
        status=status,
        title=escape(title),
        paragraphs="\n".join(f"<p>{escape(text)}</p>" for text in paragraphs),
        request_id=escape(request_id),
        request_id_label=escape(request_id_label),
        lang=escape(lang),
    ).encode()


def problem_json(status: int, title: str, detail: str, request_id: str, **more: Any) -> bytes:
    """The problem as RFC 9457 has it; `type` about:blank says that the status is all that there is to know."""
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": request_id}
    return json.dumps({**problem, **more}, ensure_ascii=False).encode("utf-8", "backslashreplace")


def last_resort_page(environ: Mapping[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of a 500 for a request of which nothing but its WSGI environ can be trusted."""
    title, request_id = HTTPStatus.INTERNAL_SERVER_ERROR.phrase, str(environ.get(REQUEST_ID, ""))
    if prefers_json(environ):
        content_type, body = JSON, problem_json(500, title, _APOLOGY, request_id)
    else:
        content_type, body = HTML, fixed_html(500, title, [_APOLOGY, _APOLOGY_ZH], request_id)
    return [("Content-Type", content_type), ("Content-Length", str(len(body))), *COMMON_HEADERS], body
