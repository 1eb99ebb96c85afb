"""Where a visitor may be sent on to: only to pages of this site (RED-01)."""

from __future__ import annotations

from urllib.parse import quote, unquote

from pyramid.request import Request

_LONGEST = 2000
#: What a browser reads as the beginning of an address on another host, or drops while reading (`/\\t/evil`).
_SLASHES = "/\\"


def safe_next(request: Request, target: object, default: str | None = None) -> str:
    """The path `target` if it leads to a page of this site, else `default`, else the home page.

    `target` is what a form or a query string said, of any type. Only a path with its query is taken, never a full
    address, not even this site's own. The answer is ASCII and fit for a Location header.
    """
    home = quote(request.script_name, safe="/") + "/"
    fallback = home if default is None else default
    if not isinstance(target, str) or not _is_local(target):
        return fallback
    try:
        # The browser would send these characters encoded; a header can carry them no other way.
        return quote(target, safe="/?#[]@!$&'()*+,;=:%~")
    except UnicodeEncodeError:  # a lone surrogate
        return fallback


def _is_local(target: str) -> bool:
    if not 0 < len(target) <= _LONGEST or target[0] != "/":
        return False
    # A proxy or a framework on the way may decode what is encoded: it must be harmless then as well.
    for text in (target, unquote(target), unquote(unquote(target))):
        path = text.partition("?")[0].partition("#")[0]
        if any(ord(character) < 32 or ord(character) == 127 for character in text):
            return False
        if path[1:2] in _SLASHES and len(path) > 1:
            return False
        if "\\" in path or "//" in path:
            return False
    return target.isprintable()


def current_path(request: Request) -> str:
    """The path and query of this request as they were sent, whatever bytes they hold."""
    environ = request.environ
    path = quote(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), encoding="latin-1")
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path
