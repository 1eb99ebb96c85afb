"""The applications that are compared, by name: each a function that makes a WSGI application in `folder`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
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
    """One view that returns `Response("ok")`, with pyramid_tm."""
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator(settings={"tm.manager_hook": "pyramid_tm.explicit_manager"}) as config:
        config.include("pyramid_tm")
        config.add_route("index", "/")
        config.add_view(lambda _request: Response("ok"), route_name="index")
        return config.make_wsgi_app()


def bare_pyramid_with_libraries(folder: Path) -> WSGIApplication:
    """The bare Pyramid application in a process that imports every library module that Flasky's process has.

    Which those are is asked of Flasky itself, once, and kept in `folder`: a list written by hand would be wrong soon.
    """
    listing = folder / "libraries.txt"
    if not listing.exists():
        command = [sys.executable, "-m", "benchmarks.applications", str(folder)]
        listing.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own command
    for name in listing.read_text().split():
        import_module(name)
    return bare_pyramid(folder)


def print_libraries(folder: Path) -> None:
    """Print the modules of installed packages that a Flasky that has answered a request has imported."""
    from benchmarks.pages import caller

    caller(flasky_site(folder))()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if (
            "site-packages" in file
            and "_vendor" not in file
            and name == getattr(module, "__name__", "")
            and "_distutils_hack" not in name
        ):
            print(name)


def flasky_site(folder: Path) -> WSGIApplication:
    """Flasky in the environment production, with what ships enabled, on an empty SQLite database."""
    import flasky

    return flasky.main({}, **site_settings(folder))


def flasky_blog(folder: Path) -> WSGIApplication:
    """Flasky in the environment production with all that ships, on the blog that `benchmarks.blog` filled."""
    return _blog(folder, keep_lists="false")


def flasky_blog_kept(folder: Path) -> WSGIApplication:
    """The same, keeping lists and comparing them with the database at each visit, as it does unless told otherwise."""
    return _blog(folder, keep_lists="true")


def _blog(folder: Path, *, keep_lists: str) -> WSGIApplication:
    import flasky

    return flasky.main({}, **blog_settings(folder), **{"blog.keep_lists": keep_lists})


def blog_settings(folder: Path) -> dict[str, str]:
    """The settings of a production site with the blog; its database is `blog.sqlite` in `folder`, or as
    FLASKY_BENCHMARK_DATABASE says."""
    url = os.environ.get("FLASKY_BENCHMARK_DATABASE") or f"sqlite:///{folder}/blog.sqlite"
    return {**site_settings(folder), "flasky.plugins": "main accounts api blog", "sqlalchemy.url": url}


def flask_peer(folder: Path) -> WSGIApplication:
    """The page in Flask."""
    from benchmarks.peers.flask_app import make

    return make(folder)


def django_peer(folder: Path) -> WSGIApplication:
    """The page in Django."""
    from benchmarks.peers.django_app import make

    return make(folder)


def pyramid_peer(folder: Path) -> WSGIApplication:
    """The page as one hand-made Pyramid application."""
    from benchmarks.peers.pyramid_app import make

    return make(folder)


def pyramid_peer_as_flasky(folder: Path) -> WSGIApplication:
    """The same with Flasky's template environment and class of requests."""
    from benchmarks.peers.pyramid_app import make

    return make(folder, as_flasky=True)


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
    "Flasky blog": flasky_blog,
    "Flasky blog, lists kept": flasky_blog_kept,
    "Pyramid, by hand": pyramid_peer,
    "Pyramid, by hand, Flasky's templates and requests": pyramid_peer_as_flasky,
    "Flask": flask_peer,
    "Django": django_peer,
}


if __name__ == "__main__":
    print_libraries(Path(sys.argv[1]))
