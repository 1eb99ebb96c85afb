"""Static files: what a plug-in publishes, under addresses that change when the content does.

A plug-in publishes a folder under its own name (`config.add_static_files`). Its files are at
``/static/<name>/v<version>/<path>``, where the version is a hash over the whole folder: a style sheet may name its
neighbours by relative address, and every address changes when one file does. Such an answer may be kept for ever.
The same file without a version, or with an older one, is answered too, to be asked for again soon. Nothing here
needs the database.
"""

from __future__ import annotations

import hashlib
import mimetypes
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.httpexceptions import HTTPNotFound
from pyramid.path import AssetResolver
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import FileResponse, Response
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky import bootstrap
from flasky.site import get_site

_REGISTRY_KEY = "flasky.static_files"
_VERSION_LENGTH = 12
_FOR_EVER = "public, max-age=31536000, immutable"
_SOON = "public, max-age=300"
_A_DAY = "public, max-age=86400"
#: Types whose guess depends on the machine's registry (P34: a wrong one is refused by `nosniff`).
_TYPES = {
    ".css": "text/css",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class UnknownAsset(LookupError):
    """A template or a view asked for the address of a static file that nobody publishes."""


class Files(Protocol):
    """Where the files of one name come from."""

    def version(self) -> str:
        """The hash over all of the content."""
        ...

    def names(self) -> frozenset[str]:
        """The paths of all files, with forward slashes."""
        ...

    def integrity(self, path: str) -> str:
        """The fingerprint of the file `path`, as the attribute `integrity` of a script wants it."""
        ...

    def answer(self, path: str, request: Request) -> Response:
        """The file `path`, which is one of `names`."""
        ...


class Folder:
    """The files of a folder, except those that begin with a dot or lie in a folder that does (P34).

    `watched` looks for changed files at every use (development); without it the folder is read once.
    """

    def __init__(self, root: Path, *, watched: bool) -> None:
        self._root = root
        self._watched = watched
        self._lock = threading.Lock()
        self._seen: object = None
        self._version = ""
        self._fingerprints: Mapping[str, str] = {}

    def version(self) -> str:
        """The hash over every path and content."""
        self._look()
        return self._version

    def names(self) -> frozenset[str]:
        """The paths of the files."""
        self._look()
        return frozenset(self._fingerprints)

    def integrity(self, path: str) -> str:
        """The fingerprint of the content that `version` is about."""
        return self._fingerprints[path]

    def answer(self, path: str, request: Request) -> Response:
        """The file's content, from the disk."""
        file = self._root / path
        if not file.is_file():  # It was there when the folder was read.
            raise HTTPNotFound
        return FileResponse(str(file), request, content_type=content_type(path))

    def _look(self) -> None:
        if self._version and not self._watched:
            return
        with self._lock:
            files = self._files()
            seen = [(name, file.stat().st_mtime_ns) for name, file in files.items()] if self._watched else None
            if self._version and seen == self._seen:
                return
            content = {name: file.read_bytes() for name, file in files.items()}
            self._fingerprints = _fingerprints(content)
            self._version = _hash(content)
            self._seen = seen

    def _files(self) -> dict[str, Path]:
        found = {}
        for file in sorted(self._root.rglob("*")):
            parts = file.relative_to(self._root).parts
            if file.is_file() and not any(part.startswith(".") for part in parts):
                found["/".join(parts)] = file
        return found


class Generated:
    """Files that a function makes when the first of them is asked for: path to content."""

    def __init__(self, make: Callable[[], Mapping[str, bytes]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._content: Mapping[str, bytes] | None = None
        self._fingerprints: Mapping[str, str] = {}
        self._version = ""
        self._made = datetime.now(UTC)

    def version(self) -> str:
        """The hash over every path and content."""
        self._files()
        return self._version

    def names(self) -> frozenset[str]:
        """The paths of the files."""
        return frozenset(self._files())

    def integrity(self, path: str) -> str:
        """The fingerprint of the content."""
        self._files()
        return self._fingerprints[path]

    def answer(self, path: str, _request: Request) -> Response:
        """The file's content, from memory."""
        response = Response(self._files()[path], content_type=content_type(path))
        response.last_modified = self._made
        return response

    def _files(self) -> Mapping[str, bytes]:
        if self._content is None:
            with self._lock:
                if self._content is None:
                    content = self._make()
                    self._version = _hash(content)
                    self._fingerprints = _fingerprints(content)
                    self._content = content
        return self._content


def content_type(path: str) -> str:
    """The media type of a file by its ending, without a charset."""
    suffix = Path(path).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def _hash(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode())
        total.update(files[name])
    return total.hexdigest()[:_VERSION_LENGTH]


def _fingerprints(files: Mapping[str, bytes]) -> dict[str, str]:
    """Path to ``sha384-…`` (Subresource Integrity, W3C), of the scripts: only they are marked with it."""
    return {
        name: "sha384-" + b64encode(hashlib.sha384(content).digest()).decode() if name.endswith(".js") else ""
        for name, content in files.items()
    }


def add_static_files(config: Configurator, name: str, source: str | Callable[[], Mapping[str, bytes]]) -> None:
    """Directive `config.add_static_files("polls", "flasky_polls:static")`: publish a folder under a name.

    `source` is a folder as ``package:folder``, or a function that returns the files: path to content. Raises
    ConfigurationError for a folder that is not there.
    """
    root: Path | None = None
    if callable(source):
        files: Files = Generated(source)
    else:
        root = Path(AssetResolver(config.package).resolve(source).abspath())
        if not root.is_dir():
            raise ConfigurationError(f"add_static_files({name!r}, {source!r}): there is no folder {root}")
        files = Folder(root, watched=get_site(config.registry).environment == "development")
    introspectable = config.introspectable("flasky static files", name, str(source), "static files")
    introspectable["name"] = name
    introspectable["source"] = source
    introspectable["folder"] = root

    def register() -> None:
        config.registry.setdefault(_REGISTRY_KEY, {})[name] = files

    config.action(("flasky.static_files", name), register, introspectables=(introspectable,))


def static_files(registry: Registry) -> dict[str, Files]:
    """Everything that is published, by name."""
    published: dict[str, Files] = registry.get(_REGISTRY_KEY, {})
    return published


def asset_url(request: Request, name: str, path: str) -> str:
    """The address of the file `path` that is published under `name`. Raises UnknownAsset if there is none."""
    files = static_files(request.registry).get(name)
    if files is None or path not in files.names():
        published = f"{name} publishes no such file" if files else f"nothing is published as {name!r}"
        raise UnknownAsset(f"asset_url({name!r}, {path!r}): {published}")
    address = f"/static/{name}/v{files.version()}/{_quoted(path)}"
    script_name = request.environ.get("SCRIPT_NAME", "")
    return quote(script_name, encoding="latin-1") + address if script_name else address


def asset_integrity(request: Request, name: str, path: str) -> str:
    """The fingerprint of a published script, for its attribute `integrity` (HDR-05). Raises UnknownAsset as asset_url.

    A browser runs the script only if it is that one, whatever a cache or a proxy made of it.
    """
    asset_url(request, name, path)
    return static_files(request.registry)[name].integrity(path)


@lru_cache(maxsize=1024)
def _quoted(path: str) -> str:
    return quote(path)


def serve(request: Request) -> Response:
    """Answer a static file; 404 for anything that is not exactly the path of a published one."""
    name, _, path = request.matchdict["path"].partition("/")
    files = static_files(request.registry).get(name)
    if files is None:
        raise HTTPNotFound
    if path in files.names():
        return _cached(request, files, path, _SOON)
    version, _, path = path.partition("/")
    if path not in files.names() or not _is_version(version):
        raise HTTPNotFound
    return _cached(request, files, path, _FOR_EVER if version == f"v{files.version()}" else _SOON)


def serve_favicon(request: Request) -> Response:
    """The icon where browsers look for it unasked."""
    return _cached(request, static_files(request.registry)["flasky"], "favicon.ico", _A_DAY)


def _is_version(text: str) -> bool:
    return text[:1] == "v" and len(text) == _VERSION_LENGTH + 1 and text[1:].isalnum()


def _cached(request: Request, files: Files, path: str, cache_control: str) -> Response:
    response = files.answer(path, request)
    response.headers["Cache-Control"] = cache_control
    response.etag = f"{files.version()}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"
    response.conditional_response = True
    # WebOb's ranges raise on hostile values, and nobody resumes the download of a style sheet.
    request.range = None
    if response.content_type in {"text/css", "text/javascript"}:
        response.charset = "utf-8"
    _forget_absurd_dates(request)
    return response


def _forget_absurd_dates(request: Request) -> None:
    """Drop an If-Modified-Since that no calendar holds, or that is not yet: WebOb would raise."""
    try:
        since = request.if_modified_since
        absurd = since is not None and since > datetime.now(UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        absurd = True
    if absurd:
        request.environ.pop("HTTP_IF_MODIFIED_SINCE", None)


def includeme(config: Configurator) -> None:
    """Serve what is published, and publish the kernel's own files and Bootstrap."""
    config.add_directive("add_static_files", add_static_files)
    config.add_route("flasky.static", "/static/{path:.*}")
    config.add_route("flasky.favicon", "/favicon.ico")
    options = {"request_method": "GET", "permission": NO_PERMISSION_REQUIRED, "statements": 0}
    config.add_view(serve, route_name="flasky.static", **options)
    config.add_view(serve_favicon, route_name="flasky.favicon", **options)
    config.add_static_files("flasky", "flasky:static")
    config.add_static_files("bootstrap", bootstrap.files)
