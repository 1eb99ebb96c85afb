"""The applications that are compared, by name: each a function that makes a WSGI application in `folder`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

WSGIApplication = Callable[..., Iterable[bytes]]

SECRET = "benchmark-secret-of-no-site-0123456789-abcdefgh"


def bare_wsgi(_folder: Path) -> WSGIApplication:
    """A WSGI function and nothing else."""

    def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    return application


def bare_pyramid(_folder: Path) -> WSGIApplication:
    """One view that returns `Response("ok")`, with pyramid_tm, as in SPEED's measurements of a bare view."""
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator(settings={"tm.manager_hook": "pyramid_tm.explicit_manager"}) as config:
        config.include("pyramid_tm")
        config.add_route("index", "/")
        config.add_view(lambda _request: Response("ok"), route_name="index")
        return config.make_wsgi_app()


def bare_pyramid_with_libraries(folder: Path) -> WSGIApplication:
    """The bare Pyramid application in a process that imports the libraries that Flasky uses."""
    import alembic.config  # noqa: F401 - imported for its cost
    import babel.dates  # noqa: F401 - imported for its cost
    import pyramid_jinja2  # noqa: F401 - imported for its cost
    import pyramid_mailer  # noqa: F401 - imported for its cost
    import pyramid_retry  # noqa: F401 - imported for its cost
    import sqlalchemy.orm  # noqa: F401 - imported for its cost
    import wtforms  # noqa: F401 - imported for its cost
    import zope.sqlalchemy  # noqa: F401 - imported for its cost

    return bare_pyramid(folder)


def flasky_site(folder: Path) -> WSGIApplication:
    """Flasky in the environment production, with what ships enabled, on an empty SQLite database."""
    import flasky

    return flasky.main({}, **site_settings(folder))


def site_settings(folder: Path) -> dict[str, str]:
    """The settings of a production site in `folder`."""
    return {
        "flasky.environment": "production",
        "flasky.plugins": "main accounts",
        "flasky.secret_key": SECRET,
        "flasky.base_url": "http://127.0.0.1",
        "flasky.hosts": "localhost",
        "sqlalchemy.url": f"sqlite:///{folder}/benchmark.sqlite",
    }


APPLICATIONS: dict[str, Callable[[Path], WSGIApplication]] = {
    "bare WSGI": bare_wsgi,
    "bare Pyramid": bare_pyramid,
    "bare Pyramid, same libraries": bare_pyramid_with_libraries,
    "Flasky": flasky_site,
}
