"""The slots of a page, seen: `?_slots` behind any address of a development site shows where each is and who fills it.

A label stands where the slot is, and below the page a list of all of them, those too that nobody fills. There is
no style and no script in the page itself, so that its policy holds as it is.
"""

from __future__ import annotations

from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from pyramid.events import NewResponse
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request

from flasky.ownership import owner_of_module
from flasky.slots import Contribution, may_see, show_slot, slots
from flasky.templating import get_environment

SWITCH = "_slots"
#: Nothing can be seen in there.
_INVISIBLE = "head"
_SHOWN = "flasky.tracing.slots"


@pass_context
def show_slot_with_label(context: Context, name: str, **values: Any) -> Markup:
    """``slot(…)`` of a development site."""
    request = context.get("request") or get_current_request()
    shown = show_slot(context, name, **values)
    if SWITCH not in request.GET:
        return shown
    request.environ.setdefault(_SHOWN, {})[name] = None
    if name == _INVISIBLE:
        return shown
    who = ", ".join(_fillers(request.registry, name)) or "–"
    return Markup('<flasky-slot><span class="flasky-slot-label">{}: {}</span>{}</flasky-slot>').format(name, who, shown)


def _fillers(registry: Registry, name: str) -> list[str]:
    items = slots(registry).get(name, ())
    return [f"{number}. {owner_of_module(registry, item.package).name}" for number, item in enumerate(items, 1)]


def add_panel(event: NewResponse) -> None:
    """Subscriber: add the list of the slots, and the style of their labels, to a page that was asked to show them."""
    request, response = event.request, event.response
    names = request.environ.get(_SHOWN)
    if names is None or response.content_type != "text/html":
        return
    environment = get_environment(request.registry)

    def part(name: str) -> bytes:
        rows = [(slot, [_row(request, item) for item in slots(request.registry).get(slot, ())]) for slot in names]
        return environment.get_template(name).render(request=request, slots=rows, switch=SWITCH).encode()

    body = response.body.replace(b"</head>", part("tracing/slots_head.jinja2") + b"</head>", 1)
    before, end, after = body.rpartition(b"</body>")
    response.body = before + part("tracing/slots.jinja2") + end + after
    # The page is not the one that this would be the mark of.
    response.headers.pop("ETag", None)


def _row(request: Request, item: Contribution) -> dict[str, Any]:
    owner = owner_of_module(request.registry, item.package)
    return {
        "owner": str(owner),
        "order": item.order,
        "filling": item.shown_filling,
        "name": item.name,
        "permission": item.permission or "",
        "seen": may_see(item.permission, request),
    }
