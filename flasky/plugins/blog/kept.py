"""What anonymous visitors see of the home page, kept as HTML between requests.

Each visit asks the database for the number of the lists' version, which changes in the transaction that changes a
list: what is shown is never old. Only the beginning of the list is kept, which is asked for again and again: the list,
and where nothing else on the page can change, the page with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any

from markupsafe import Markup
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.courtesy import give_way
from flasky.directives import ANONYMOUS
from flasky.plugins.blog.edition import edition
from flasky.security.headers import is_personal
from flasky.slots import slots

logger = logging.getLogger(__name__)

#: What the whole page is called among what is kept.
PAGE = "page"
_KEPT, _RENEWING = "blog.kept_lists", "blog.kept_lists_renewing"
_MOST = 200
#: The slots of the home page.
_SLOTS = ("head", "navbar", "home", "footer")
_SEEN_BY_VISITORS = (None, ANONYMOUS)


def prepare(registry: Registry) -> None:
    """Begin with nothing kept."""
    registry[_KEPT] = {}
    registry[_RENEWING] = threading.Lock()


def forget(event: Any) -> None:
    """Forget everything: a test begins, whose database counts its versions from the beginning."""
    prepare(event.registry)


def kept(request: Request, key: Hashable, version: int, make: Callable[[], Markup]) -> Markup:
    """The HTML called `key` in the visitor's language: what was kept of this version, else what `make` returns.

    What `make` made for this visitor alone (a form's token, a message) is shown to them and not kept.
    """
    known: dict[Hashable, tuple[int, Markup]] = request.registry[_KEPT]
    full_key = (request.path, request.locale_name, key)
    found = known.get(full_key)
    if found is not None and found[0] == version:
        return found[1]
    html = make()
    if is_personal(request) or request.response_callbacks:
        return html
    if len(known) >= _MOST:
        known.clear()
    known[full_key] = (version, html)
    return html


def renew_afterwards(request: Request) -> None:
    """Let whoever changes a list make the kept pages anew, once that is committed, in place of the next visitor.

    Those who come while it is done, or to another process, compare the version as ever, and make their own.
    """
    if renew not in request.finished_callbacks:
        request.add_finished_callback(renew)


def renew(request: Request) -> None:
    """Make the kept pages anew that visitors have asked for; one thread at a time, as it would be the same."""
    registry, visit = request.registry, getattr(request, "invoke_subrequest", None)
    if getattr(request, "exception", None) is not None or visit is None:
        return
    lock: threading.Lock = registry[_RENEWING]
    if not lock.acquire(blocking=False):
        return
    try:
        for path, language, key in list(registry[_KEPT]):
            if key == PAGE:
                give_way()
                visit(_visitor(request, path, language))
    except Exception:
        # The change is committed; whoever comes next sees what is wrong, if it is more than a busy moment.
        logger.exception("the home page could not be made anew after a change")
    finally:
        lock.release()


def _visitor(request: Request, path: str, language: str) -> Request:
    """Somebody without a cookie, who reads `path` in `language`."""
    inner = path.removeprefix(request.script_name)
    headers = {"Host": request.host, "Accept-Language": language}
    return type(request).blank(inner, {"SCRIPT_NAME": request.script_name}, request.host_url, headers)


def is_whole_page(request: Request) -> bool:
    """Whether the version of the lists says for the whole home page that it is the same as before.

    Not for who sends a cookie, and may have a message to be shown or a language, and not with a query, which the
    switch of languages repeats. And not where other plug-ins show visitors something on the page, of which the version
    knows nothing.
    """
    if "HTTP_COOKIE" in request.environ or request.environ.get("QUERY_STRING"):
        return False
    filled = slots(request.registry)
    return not any(item.permission in _SEEN_BY_VISITORS for name in _SLOTS for item in filled.get(name, ()))


def etag(request: Request, version: int) -> str:
    """What names the home page or a feed as it is now: another one after a change, an update, in another language.

    All processes of a site name it alike, so that a visitor gets a 304 from whichever answers.
    """
    return f"{edition(request.registry)}-{version}-{request.locale_name}"
