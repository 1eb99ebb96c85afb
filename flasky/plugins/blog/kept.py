"""Lists as anonymous visitors see them, kept as HTML between requests.

Each visit asks the database for the number of the lists' version, which changes in the transaction that changes a
list: what is shown is never old. Only beginnings of lists are kept, those that are asked for again and again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable

from markupsafe import Markup
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.directives import ANONYMOUS
from flasky.slots import slots

_KEPT = "blog.kept_lists"
_START = "blog.start"
_MOST = 200
#: The slots of the home page.
_SLOTS = ("head", "navbar", "home", "footer")
_SEEN_BY_VISITORS = (None, ANONYMOUS)


def prepare(registry: Registry) -> None:
    """Begin with nothing kept."""
    registry[_KEPT] = {}
    # Templates and settings may differ from those of the process before.
    registry[_START] = secrets.token_hex(4)


def kept(request: Request, key: Hashable, version: int, make: Callable[[], Markup]) -> Markup:
    """The HTML called `key` in the visitor's language: what was kept of this version, else what `make` returns."""
    lists: dict[Hashable, tuple[int, Markup]] = request.registry[_KEPT]
    full_key = (request.script_name, request.locale_name, key)
    found = lists.get(full_key)
    if found is not None and found[0] == version:
        return found[1]
    html = make()
    if len(lists) >= _MOST:
        lists.clear()
    lists[full_key] = (version, html)
    return html


def is_whole_page(request: Request) -> bool:
    """Whether the version of the lists says for the whole home page that it is the same as before.

    Not for who sends a cookie, and may have a message to be shown or a language. And not where other plug-ins show
    visitors something on the page, of which the version knows nothing.
    """
    if "HTTP_COOKIE" in request.environ:
        return False
    filled = slots(request.registry)
    return not any(item.permission in _SEEN_BY_VISITORS for name in _SLOTS for item in filled.get(name, ()))


def etag(request: Request, version: int) -> str:
    """What names the page as it is now: another one after a change, a restart, and in another language."""
    return f"{request.registry[_START]}-{version}-{request.locale_name}"
