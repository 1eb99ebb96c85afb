"""flasky.assets: static files with the hash of their content in the address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from webtest import TestApp

from flasky.assets import Folder, UnknownAsset, asset_url, content_type, static_files
from flasky.database import get_database
from flasky.settings import ConfigurationFaults


def request_for(app: Any, script_name: str = "") -> Request:
    request = Request.blank("/", environ={"SCRIPT_NAME": script_name})
    request.registry = app.registry
    return request


@pytest.fixture
def css_url(bare_app: Any) -> str:
    return asset_url(request_for(bare_app), "flasky", "flasky.css")


def test_a_versioned_file_may_be_kept_for_ever(bare_testapp: TestApp, css_url: str) -> None:
    """HDR-07"""
    response = bare_testapp.get(css_url)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.content_type == "text/css"
    assert response.charset.lower() == "utf-8"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("version", ["", "v000000000000/"])
def test_without_the_current_version_it_is_kept_for_a_short_time(bare_testapp: TestApp, version: str) -> None:
    """A page from before an update still finds its style sheet; nobody keeps it under the wrong address."""
    response = bare_testapp.get(f"/static/flasky/{version}flasky.css")
    assert response.headers["Cache-Control"] == "public, max-age=300"


def test_the_second_request_is_answered_304(bare_testapp: TestApp, css_url: str) -> None:
    etag = bare_testapp.get(css_url).headers["ETag"]
    response = bare_testapp.get(css_url, headers={"If-None-Match": etag}, status=304)
    assert response.body == b""
    assert response.headers["Cache-Control"].endswith("immutable")


def test_two_files_of_a_folder_have_two_etags(bare_testapp: TestApp) -> None:
    first, second = (bare_testapp.get(f"/static/flasky/{name}").headers["ETag"] for name in ("head.js", "flasky.js"))
    assert first != second


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/flasky",
        "/static/flasky/",
        "/static/flasky/.env",
        "/static/flasky/v000000000000/",
        "/static/flasky/xx/flasky.css",
        "/static/flasky/../assets.py",
        "/static/flasky/%2e%2e/assets.py",
        "/static/flasky/..%2fassets.py",
        "/static/flasky//flasky.css",
        "/static/flasky/flasky.css/",
        "/static/flasky/flasky.css%00",
        "/static/flasky/%5c..%5cassets.py",
        "/static/nobody/flasky.css",
        "/static//etc/passwd",
        "/static/flasky/FLASKY.CSS",
    ],
)
def test_nothing_but_published_files_is_served(bare_testapp: TestApp, path: str) -> None:
    """P34, HDR-08"""
    response = bare_testapp.get(path, expect_errors=True)
    assert response.status_int in {400, 404}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Range", "bytes=--1"),
        ("Range", "bytes=" + "9" * 5000 + "-"),
        ("If-Modified-Since", "Fri, 31 Dec 99999 23:59:59 GMT"),
        ("If-Modified-Since", "yesterday"),
        ("If-None-Match", 'W/"unclosed'),
    ],
)
def test_hostile_headers_get_the_file(bare_testapp: TestApp, css_url: str, header: str, value: str) -> None:
    """PITFALLS, "more inputs that give 500": ranges and dates on static files."""
    assert bare_testapp.get(css_url, headers={header: value}).status_int == 200


def test_unsafe_methods_are_refused(bare_testapp: TestApp, css_url: str) -> None:
    assert bare_testapp.put(css_url, expect_errors=True).status_int in {400, 403, 404, 405}


def test_the_icon_is_where_browsers_look_for_it(bare_testapp: TestApp) -> None:
    response = bare_testapp.get("/favicon.ico")
    assert response.body[:4] == b"\0\0\1\0"
    assert response.content_type == "image/vnd.microsoft.icon"
    assert response.headers["Cache-Control"] == "public, max-age=86400"


def test_an_address_begins_where_the_site_is_mounted(bare_app: Any) -> None:
    assert asset_url(request_for(bare_app, "/a b"), "flasky", "head.js").startswith("/a%20b/static/flasky/v")


@pytest.mark.parametrize(("name", "path"), [("flasky", "flasky.cs"), ("nobody", "x.css")])
def test_an_unknown_file_is_named(bare_app: Any, name: str, path: str) -> None:
    with pytest.raises(UnknownAsset, match=path):
        asset_url(request_for(bare_app), name, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "img" / "b.svg").write_text("<svg/>")
    (tmp_path / ".env").write_text("SECRET")
    (tmp_path / ".git" / "config").write_text("x")
    return tmp_path


def test_files_that_begin_with_a_dot_do_not_exist(folder: Path) -> None:
    """P34"""
    assert Folder(folder, watched=False).names() == {"a.css", "img/b.svg"}


def test_the_version_is_of_the_content_and_of_nothing_else(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("copy")
    (other / "img").mkdir()
    (other / "a.css").write_text("a{}")
    (other / "img" / "b.svg").write_text("<svg/>")
    assert Folder(folder, watched=False).version() == Folder(other, watched=False).version()
    (other / "img" / "b.svg").write_text("<svg />")
    assert Folder(folder, watched=False).version() != Folder(other, watched=False).version()


def test_a_watched_folder_notices_a_change(folder: Path) -> None:
    files = Folder(folder, watched=True)
    before = files.version()
    assert files.version() == before
    (folder / "a.css").write_text("b{}")
    os.utime(folder / "a.css", (1, 1))
    after = files.version()
    (folder / "new.js").write_text("1")
    assert len({before, after, files.version()}) == 3


def test_an_unwatched_folder_is_read_once(folder: Path) -> None:
    files = Folder(folder, watched=False)
    before = files.version()
    (folder / "a.css").write_text("b{}")
    assert files.version() == before


def test_a_file_that_was_deleted_since_is_404(folder: Path) -> None:
    files = Folder(folder, watched=False)
    assert "a.css" in files.names()
    (folder / "a.css").unlink()
    with pytest.raises(HTTPNotFound):
        files.answer("a.css", Request.blank("/"))


def test_a_folder_that_is_not_there_stops_the_start(make_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "flasky.plugins.main.includeme", lambda config: config.add_static_files("main", "flasky:nowhere")
    )
    with pytest.raises(ConfigurationFaults, match="nowhere"):
        make_app()


def test_content_types_do_not_depend_on_the_machine() -> None:
    assert [content_type(name) for name in ("a.js", "a.svg", "a.woff2", "a.CSS", "a.unheardof")] == [
        "text/javascript",
        "image/svg+xml",
        "font/woff2",
        "text/css",
        "application/octet-stream",
    ]


def test_every_published_file_can_be_fetched(bare_app: Any, bare_testapp: TestApp) -> None:
    for name, files in static_files(bare_app.registry).items():
        for path in files.names():
            response = bare_testapp.get(asset_url(request_for(bare_app), name, path))
            assert response.content_length, path
            assert response.headers["Cache-Control"].endswith("immutable")


def test_static_files_need_no_database(bare_app: Any, bare_testapp: TestApp, css_url: str) -> None:
    """They are served while the database is down (F20): no connection is opened."""
    database = get_database(bare_app.registry)
    bare_testapp.get(css_url)
    assert database.read_engine.pool.checkedout() == 0
    assert not Path(database.engine.url.database).exists()
