"""Hostile input: what no view should ever see, refused with a sentence (INP-01, INP-04, INP-05, P9, P34).

Three places, each as early as it can be. A tween looks at the path, the query and the headers. When the route is
known, the body is looked at: its size, its number of fields, and every byte of a form. Before the view runs, a
parameter that is given twice is refused. A view that needs more says so with options::

    @view_config(…, max_body=8 * 2**20, files=("picture",), repeated=("tag",))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated, BeforeTraversal
from pyramid.httpexceptions import HTTPNotFound
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.static import static_view
from pyramid.tweens import EXCVIEW

from flasky.errors.exceptions import RefusedInput
from flasky.languages import _
from flasky.security import conditional, forms
from flasky.security.cookie_header import clean_cookies
from flasky.security.csrf import SAFE_METHODS
from flasky.security.methods import methods_of_view, views_of_routes

Handler = Callable[[Request], Response]

#: Bytes of a request's body that a view takes unless it says `max_body`.
MAX_BODY = 2**20
#: Parameters in a query, or fields in a form.
MAX_FIELDS = forms.MAX_FIELDS

_DOORS_KEY = "flasky.doors"


class Door(NamedTuple):
    """What the views of one route and method take in."""

    max_body: int = MAX_BODY
    files: frozenset[str] = frozenset()
    serves_files: bool = False

    def __or__(self, other: Door) -> Door:
        """What both take in together: which of the views will answer is not known yet."""
        return Door(
            max(self.max_body, other.max_body),
            self.files | other.files,
            self.serves_files or other.serves_files,
        )


_DEFAULT_DOOR = Door()


def check_request_line_and_headers(handler: Handler, _registry: Registry) -> Handler:
    """A tween that refuses a path, query or header that is not text, and ignores broken conditions."""

    def checked(request: Request) -> Response:
        environ = request.environ
        cookies = environ.get("HTTP_COOKIE", "")
        # First of all: the page that refuses the rest reads cookies too.
        clean_cookies(environ)
        if not (cookies.isascii() and cookies.isprintable()):
            _check_text("HTTP_COOKIE", cookies)
        # All at once: both tests are one pass in C, and nearly every request ends here.
        whole = "".join([value for value in environ.values() if value.__class__ is str])
        if not (whole.isascii() and whole.isprintable()):
            for name, value in environ.items():
                if value.__class__ is str and not (value.isascii() and value.isprintable()):
                    _check_text(name, value)
        _check_query(environ.get("QUERY_STRING", ""))
        conditional.drop_broken(environ)
        return handler(request)

    return checked


def _check_text(name: str, value: str) -> None:
    if name == "PATH_INFO":
        place = _("the path")
    elif name == "QUERY_STRING":
        place = _("the query")
    elif name.startswith("HTTP_"):
        place = _("the header ${name}", mapping={"name": name.removeprefix("HTTP_").replace("_", "-").title()})
    elif name in {"CONTENT_TYPE", "SCRIPT_NAME", "REQUEST_METHOD"}:
        place = name.replace("_", "-").title()
    else:
        return
    decode(value.encode("latin-1", "replace"), place)
    if any(ord(character) < 32 or ord(character) == 127 for character in value.replace("\t", "")):
        raise RefusedInput(seen=_("a control character in ${place}", mapping={"place": place}), expected=_("text"))
    if name == "PATH_INFO" and "\t" in value:
        raise RefusedInput(seen=_("a control character in ${place}", mapping={"place": place}), expected=_("text"))


def _check_query(query: str) -> None:
    if query.count("&") >= MAX_FIELDS:
        raise RefusedInput(
            seen=_("${number} parameters in the query", mapping={"number": query.count("&") + 1}),
            expected=_("at most ${number}", mapping={"number": MAX_FIELDS}),
        )
    if "%" in query:
        decode(unquote_to_bytes(query.encode("latin-1", "replace")), _("the query"))


def decode(data: bytes, place: str) -> str:
    """`data` as text. Raises RefusedInput when it is not UTF-8 (lone surrogates are not) or holds a NUL."""
    return forms.decode(data, place)


def check_body(event: BeforeTraversal) -> None:
    """Refuse a body that is too large, or a form that is broken, before anything parses it."""
    request: Request = event.request
    route = getattr(request, "matched_route", None)
    doors = request.registry[_DOORS_KEY]
    door = doors.get((route.name, request.method), _DEFAULT_DOOR) if route else _DEFAULT_DOOR
    if door.serves_files and any(part.startswith(".") for part in request.matchdict.get("subpath", ())):
        # Pyramid would serve a .env that somebody left in the folder (P34).
        raise HTTPNotFound
    environ = request.environ
    length = environ.get("CONTENT_LENGTH")
    if length == "0" and not environ.get("CONTENT_TYPE"):
        # Most requests: pyramid_retry has looked for a body, and found none.
        return
    if length or environ.get("CONTENT_TYPE") or environ.get("wsgi.input_terminated"):
        _check_length(length or "", door.max_body)
        forms.check_form(request, door.files, door.max_body)


def _check_length(length: str, limit: int) -> None:
    if length and not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise RefusedInput(
            seen=_("a Content-Length that is not a number"), expected=_("the number of bytes of the body")
        )
    if length and int(length) > limit:
        raise forms.too_large(int(length), limit)


def refuse_repetition(view: Any, info: Any) -> Any:
    """A view deriver that refuses a parameter that is given twice, unless the view says `repeated=(its name,)`.

    Of two values one part of a program reads the first and another the last (ACL-06).
    """
    repeated = frozenset(info.options.get("repeated") or ())
    if info.exception_only:
        return view

    def checked(context: Any, request: Request) -> Any:
        if "&" in request.environ.get("QUERY_STRING", ""):
            _refuse_twice(request.GET, repeated, _("the query"))
        if request.method not in SAFE_METHODS and len(request.POST) > 1:
            _refuse_twice(request.POST, repeated, _("the form"))
        return view(context, request)

    return checked


refuse_repetition.options = ("repeated", "max_body", "files")  # type: ignore[attr-defined]


def _refuse_twice(values: Any, repeated: frozenset[str], place: str) -> None:
    seen: set[str] = set()
    for name in values:
        if name in seen and name not in repeated:
            raise RefusedInput(
                seen=_("${name} more than once in ${place}", mapping={"name": ascii(name[:40]), "place": place}),
                expected=_("each name once"),
                setting=f"the view's option repeated=({name[:40]!a},)",
            )
        seen.add(name)


def _collect(event: ApplicationCreated) -> None:
    registry = event.app.registry
    doors: dict[tuple[str, str], Door] = {}
    for route, view in views_of_routes(registry):
        door = Door(
            view.get("max_body") or MAX_BODY,
            frozenset(view.get("files") or ()),
            isinstance(view["callable"], static_view),
        )
        for method in methods_of_view(view):
            key = (route, method)
            doors[key] = doors[key] | door if key in doors else door
    registry[_DOORS_KEY] = doors


def includeme(config: Configurator) -> None:
    """Stand below the exception views, so that a refusal is a page like any other."""
    config.add_tween(
        "flasky.security.sanity.check_request_line_and_headers", under=EXCVIEW, over="flasky.security.hosts.check_hosts"
    )
    config.add_subscriber(_collect, ApplicationCreated)
    config.add_subscriber(check_body, BeforeTraversal)
    config.add_view_deriver(refuse_repetition, "flasky_repetition", under="csrf_view", over="secured_view")
