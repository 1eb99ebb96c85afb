"""What Flasky is measured beside still makes the same page.

The other frameworks come with what `make dev` installs for every test, so that none of this is ever skipped.
"""

from __future__ import annotations

import urllib.request
from importlib import import_module
from pathlib import Path
from typing import Any

import jinja2
import pytest
from webtest import TestApp, TestResponse

from flasky.database import get_database

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Any:
    """A function that imports a module of `benchmarks`; its applications read the database of the test."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("FLASKY_BENCHMARK_DATABASE", database_url)
    return lambda name: import_module(f"benchmarks.{name}")


def listed(page: Any) -> list[tuple[str, str, list[str], str]]:
    """Of each post of a page its title, author, tags, and what it says of comments."""
    return [
        (
            post.h2.get_text(strip=True),
            post.select_one(".post-author").get_text(strip=True),
            [tag.get_text(strip=True) for tag in post.select(".post-tag")],
            " ".join(post.select_one("a[href$='#comments']").get_text().split()),
        )
        for post in page.select(".post")
    ]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("as_flasky", [False, True])
def test_the_application_made_by_hand_shows_the_list_as_the_site_does(
    as_flasky: bool, member: Any, write: Any, client: Any, tmp_path: Path, benchmarks: Any
) -> None:
    """It uses what the blog reads and shows with, so a change of these may need a route or a value more there."""
    application = benchmarks("peers.pyramid_app").make(tmp_path, as_flasky=as_flasky)
    write(member("anna"), "To the *river*", title="A walk", tags="walks")

    made = TestApp(application).get("/").html.select_one(".posts")
    get_database(application.registry).dispose()

    assert made.get_text() == client().get("/").html.select_one(".posts").get_text()
    assert made.select_one("em").get_text() == "river"


@pytest.mark.parametrize("name", ["Flask", "Django", "FastAPI"])
def test_the_other_frameworks_show_the_posts_that_the_site_shows(
    name: str, member: Any, write: Any, comment: Any, client: Any, tmp_path: Path, benchmarks: Any
) -> None:
    """Each on the server on which it is measured: they read tables that they know nothing of, and these change."""
    anna, bob = member("anna"), member("小鲍", email="bao@example.com")
    walk = write(anna, "To the *river*", title="A walk", tags="walks 胡同")
    write(bob, "Nobody has answered", title="Alone")
    write(bob, "Not yet", title="A draft", draft=True)
    for _ in range(2):
        comment(bob, walk)

    with benchmarks("serving").serving(name, tmp_path) as server:
        address = f"http://127.0.0.1:{server.port}/"
        with urllib.request.urlopen(address, timeout=30) as answer:
            shown = TestResponse(answer.read(), content_type="text/html").html

    assert listed(shown) == listed(client().get("/").html)
    assert [post[0] for post in listed(shown)] == ["Alone", "A walk"]
    assert [post.em.get_text() for post in shown.select(".post:has(em)")] == ["river"]


@pytest.mark.databases("sqlite")  # A template is compiled alike whatever is shown.
def test_flask_compiles_its_template_once(
    member: Any, write: Any, tmp_path: Path, benchmarks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was compiled for each visit would make everything else look fast."""
    write(member("anna"), title="A walk")
    compiled = []
    compile_template = jinja2.Environment.compile
    monkeypatch.setattr(
        jinja2.Environment,
        "compile",
        lambda *arguments, **options: compiled.append(1) or compile_template(*arguments, **options),
    )
    application = benchmarks("peers.flask_app").make(tmp_path)
    browser = TestApp(application)
    counts = [len(compiled) for _ in range(2) if browser.get("/").html.select_one(".post")]
    # The file is another one for the next test.
    application.extensions["sqlalchemy"].dispose()
    assert counts == [1, 1]
