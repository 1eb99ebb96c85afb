"""What a developer wants to know about an error: traceback, request, settings and SQL, also as Markdown to copy.

Only in development. Values that are secret are hidden all the same: a page gets copied into a public question.
"""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request

from flasky.errors.failures import text_of
from flasky.logs import shown_path, without_controls
from flasky.ownership import owner_of_error, owner_of_request
from flasky.settings import Value
from flasky.site import Site

HIDDEN = "(hidden)"

_AROUND = 3
_LONGEST_VALUE = 500
#: Names of fields and parts of paths whose values are secret.
_HIDDEN_NAME = r"(?i)passw|secret|token|code|key|csrf"
#: Of headers those, too, that let somebody act in the sender's name.
_HIDDEN_HEADER = r"(?i)cookie|auth|session"
#: The scheme and host of an address, which tell nobody's secret; a user's name and password may stand between them.
_ORIGIN = r"(?i)(https?://)(?:[^/?#\\]*@)?([^/?#@\\]*)(?=[/?#]|$)"
#: What browsers take for the beginning of a host, or for the slash of a path.
_ODD = re.compile(r"//|\\")
#: Shorter ones would blot out ordinary words.
_LEAST_SECRET = 6


class Line(NamedTuple):
    """A line of source around a frame."""

    number: int
    text: str
    current: bool


class Frame(NamedTuple):
    """A frame of the traceback with the source around it; `shown` where the error most likely is made."""

    file: str
    line: int
    function: str
    source: tuple[Line, ...]
    shown: bool


class Report(NamedTuple):
    """Everything that the development page shows."""

    summary: str
    reason: str
    advice: str
    frames: tuple[Frame, ...]
    traceback: str
    request: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str, str], ...]
    statements: tuple[str, ...]
    owner: str = ""
    #: The path of the page that shows what ran.
    trace: str = ""

    @property
    def markdown(self) -> str:
        """The whole report as Markdown."""
        parts = [f"## {self.summary}", *([f"Plug-in: {self.owner}"] if self.owner else [])]
        if self.advice:
            parts.append(self.advice)
        if self.reason != self.summary:
            parts.append(self.reason)
        if self.traceback:
            parts += ["### Traceback", _fenced(self.traceback)]
        parts += [
            "### Request",
            _fenced("\n".join(f"{name}: {value}" for name, value in (*self.request, *self.headers))),
        ]
        if self.statements:
            parts += ["### SQL", _fenced(";\n".join(self.statements))]
        lines = "\n".join(f"{name} = {value}  ({source})" for name, value, source in self.settings)
        return "\n\n".join([*parts, "### Settings", _fenced(lines)])

    def as_json(self) -> dict[str, Any]:
        """What a JSON client gets of it."""
        return {
            "reason": self.reason,
            "advice": self.advice,
            "plugin": self.owner,
            "traceback": self.traceback.splitlines(),
            "statements": list(self.statements),
        }


def make_report(
    error: Exception, request: Request, site: Site, *, reason: str = "", advice: str = "", whole: bool = True
) -> Report:
    """Describe `error` for a developer. With `whole` false only reason and advice: the code is not what is wrong."""
    values = site.settings.describe()
    hide = _hider(values, secret_parts(getattr(request, "matchdict", None) or {}))
    owner = str(owner_of_error(request.registry, error, owner_of_request(request)))
    if not whole:
        return Report(hide(text_of(error)), hide(reason), advice, (), "", (), (), (), (), owner)
    return Report(
        summary=hide(text_of(error)),
        reason=hide(reason),
        advice=advice,
        frames=tuple(_frames(error)),
        traceback=hide(without_controls("".join(traceback.format_exception(error)).rstrip())),
        request=tuple((name, hide(value)) for name, value in _request(request)),
        headers=tuple((name, hide(value)) for name, value in _headers(request)),
        settings=tuple((value.setting.name, hide(value.shown), value.where) for value in values),
        statements=tuple(hide(statement) for statement in request.__dict__.get("statements", ())),
        owner=owner,
        trace=request.route_path("flasky.trace", id=request.id),
    )


def is_secret_name(name: str) -> bool:
    """Whether what is called so must not be shown or logged."""
    return re.search(_HIDDEN_NAME, name) is not None


def secret_parts(match: Mapping[str, Any]) -> list[str]:
    """The parts of a path that are secret by the names that its route gives them: `match`, from name to part."""
    parts = (part for name, part in match.items() if part and is_secret_name(name))
    return ["/".join(part) if isinstance(part, tuple) else str(part) for part in parts]


def _hider(values: Iterable[Value], parts: Iterable[str]) -> Any:
    """A function that blots secrets out of a text, wherever they got into it: the site's, and these of the path."""
    secrets = set(parts)
    for value in values:
        if value.setting.secret and value.value:
            secrets.update([value.value] if isinstance(value.value, str) else map(str, value.value))
    longest_first = sorted((secret for secret in secrets if len(secret) >= _LEAST_SECRET), key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first))
    return (lambda text: re.sub(pattern, HIDDEN, text)) if pattern else str


def _frames(error: Exception) -> Iterable[Frame]:
    entries = traceback.extract_tb(error.__traceback__)
    libraries = tuple(sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib"))
    own = [entry for entry in entries if not entry.filename.startswith(libraries)]
    for entry in entries:
        number = entry.lineno or 0
        around = range(max(1, number - _AROUND), number + _AROUND + 1)
        lines = ((at, linecache.getline(entry.filename, at)) for at in around)
        source = tuple(Line(at, text.rstrip("\n"), at == number) for at, text in lines if text)
        # The innermost code that is no library's.
        yield Frame(_short(entry.filename), number, entry.name, source, entry is own[-1] if own else False)


def _short(filename: str) -> str:
    """The path from the current folder on, where the file is below it."""
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename


def _request(request: Request) -> Iterable[tuple[str, str]]:
    environ = request.environ
    route = getattr(request, "matched_route", None)
    yield "Method", request.method
    yield "URL", f"{request.host_url}{without_controls(shown_path(environ))}"
    for name, value in _pairs(request):
        yield f"Query {name}", HIDDEN if is_secret_name(name) else _without_secrets(value, request)[:_LONGEST_VALUE]
    yield "Route", f"{route.name} {route.pattern}" if route is not None else "none matched"
    yield "Request number", request.id


def _without_secrets(value: str, request: Request) -> str:
    """`value`, and if it is an address, as `next` has one, then without its query and the secret parts of its path."""
    # Browsers leave out what is around it, too.
    value = value.strip()
    origin = re.match(_ORIGIN, value)
    start, site = (origin.end(), origin[1] + origin[2]) if origin else (0, "")
    path = re.split("[?#]", value[start:], maxsplit=1)[0]
    rest, shown = value[start + len(path) :], unquote(path)
    if _ODD.search(shown):
        # Where it leads is not for us to find out.
        return site + HIDDEN
    if not path.startswith("/"):
        return f"{site}{value[start:]}"
    for route in request.registry.getUtility(IRoutesMapper).get_routes():
        for part in secret_parts(route.match(shown) or {}):
            shown = shown.replace(part, HIDDEN)
    return f"{site}{shown}{rest[:1]}{HIDDEN if rest else ''}"


def _pairs(request: Request) -> list[tuple[str, str]]:
    try:
        return [(str(name), str(value)) for name, value in request.GET.items()]
    except UnicodeDecodeError:
        return [("string", "is not UTF-8")]


def _headers(request: Request) -> Iterable[tuple[str, str]]:
    for name, value in sorted(request.headers.items()):
        yield name, without_controls(_shown_header(name, value, request))[:_LONGEST_VALUE]


def _shown_header(name: str, value: str, request: Request) -> str:
    if is_secret_name(name) or re.search(_HIDDEN_HEADER, name):
        return HIDDEN
    if name.lower() == "referer":
        # The page before may have been one of a mailed link, of this site or of another.
        origin = re.match(_ORIGIN, value)
        return f"{origin[1]}{origin[2]}/{HIDDEN}" if origin else HIDDEN
    return _without_secrets(value, request)


def _fenced(text: str) -> str:
    """`text` as a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
