"""The page as one hand-made Pyramid application: no plug-ins, and everything else that Flasky's page does.

It reads with Flasky's own statement, shows the list with its template, and writes out by hand what plug-ins bring to a
page of Flasky: the navbar, the style sheets, the switch of languages. What a site in production needs is a tween: which
host was asked for, the security headers, the number of the request.

There are two of it: with pyramid_jinja2 and Pyramid's requests as they come; and with the template environment, the
renderers and the one class of requests that Flasky has. Beside the second, Flasky has its plug-ins and what makes room
for them, and looks at more of a request: hostile input, methods, secrets in addresses, what caches may keep.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.applications import blog_settings

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "object-src 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_STATIC = "/static/v0123456789ab"


def make(folder: Path, *, as_flasky: bool = False) -> Any:
    """The WSGI application, with templates and requests `as_flasky` has them or as the libraries come."""
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPBadRequest

    from flasky.database.session import Database, open_read_connection, set_database
    from flasky.languages import LANGUAGES, preferred
    from flasky.plugins.blog import reading
    from flasky.requests import use_one_class
    from flasky.templating import Renderers, furnish

    def index(request: Any) -> dict[str, Any]:
        listing = reading.newest(request, 20)
        return {
            "rows": reading.Look(request).rows(listing),
            "newer": None,
            "older": listing.older,
            "path_of_list": request.path,
            "static": _STATIC,
            "languages": LANGUAGES,
        }

    def guard(handler: Callable[[Any], Any], _registry: Any) -> Callable[[Any], Any]:
        def guarded(request: Any) -> Any:
            if request.host not in {"localhost", "localhost:80", "127.0.0.1"}:
                raise HTTPBadRequest("unknown host")
            response = handler(request)
            response.headers.update(HEADERS)
            response.headers["X-Request-ID"] = secrets.token_hex(8)
            response.headers["Vary"] = "Accept-Language, Cookie"
            response.headers["Content-Language"] = request.locale_name
            return response

        return guarded

    settings = {
        "tm.manager_hook": "pyramid_tm.explicit_manager",
        "tm.activate_hook": "flasky.database.session.changes_are_possible",
        "jinja2.directories": f"{Path(__file__).parent}\nflasky.plugins.blog:templates",
        "jinja2.trim_blocks": True,
        "jinja2.lstrip_blocks": True,
        "jinja2.i18n.domain": "flasky",
    }
    with Configurator(settings=settings) as config:
        for library in ("pyramid_jinja2", "pyramid_retry", "pyramid_tm"):
            config.include(library)
        config.add_translation_dirs("flasky:locale", "flasky.plugins.blog:locale")
        config.set_locale_negotiator(lambda request: preferred(request.environ.get("HTTP_ACCEPT_LANGUAGE", "")))
        set_database(config.registry, Database(blog_settings(folder)["sqlalchemy.url"], strict=False))
        config.add_request_method(open_read_connection, "read", reify=True)
        config.registry["made_guard"] = guard
        config.add_tween("benchmarks.peers.pyramid_app.guard_of")
        for name, pattern in (
            ("index", "/"),
            ("search", "/search"),
            ("login", "/login"),
            ("register", "/register"),
            ("blog.post", "/post/{id}"),
            ("accounts.profile", "/user/{username}"),
            ("accounts.avatar", "/avatar/{user_id}/{version}"),
            ("blog.person", "/member/{id}"),
            ("blog.tag", "/tag/{name}"),
            ("blog.feed", "/feed"),
            ("language", "/language"),
        ):
            config.add_route(name, pattern)
        if as_flasky:
            config.commit()
            environment = config.get_jinja2_environment()
            furnish(environment)
            config.add_renderer(".jinja2", Renderers(environment))
        config.add_view(index, route_name="index", renderer="handmade.jinja2", request_method="GET")
        router = config.make_wsgi_app()
        if as_flasky:
            use_one_class(router)
        return router


def guard_of(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """The tween that `make` keeps on the registry: Pyramid wants its name."""
    tween: Callable[[Any], Any] = registry["made_guard"](handler, registry)
    return tween
