"""The site decides where the pages of a plug-in are; every link follows."""

from __future__ import annotations

from typing import Any

import pytest
from made_plugins import make_plugin
from webtest import TestApp

from flasky.plugin import Plugin
from flasky.prefixes import parse_prefix
from flasky.settings import ConfigurationFaults
from flasky.site import get_site

PAGES = """
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
for what, pattern in (('index', ''), ('show', '/{{number}}')):
    config.add_route(f'{name}.{{what}}', pattern, inherit_slash=not pattern or None)
    config.add_view(lambda request: Response(request.path), route_name=f'{name}.{{what}}', request_method='GET',
                    permission=NO_PERMISSION_REQUIRED)
config.add_navigation('{name}.index', 'The {name}')
"""


@pytest.fixture
def site(make_app: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes plug-ins with their proposed prefixes, and an application with settings."""

    def make(proposed: dict[str, str], **settings: str) -> TestApp:
        for name, prefix in proposed.items():
            make_plugin(tmp_path, name, PAGES.format(name=name), declaration=f"prefix={prefix!r}")
        monkeypatch.syspath_prepend(tmp_path)
        given = {f"flasky__prefix__{name}": value for name, value in settings.items()}
        app = make_app(flasky__plugins=" ".join(["main", *proposed]), **given)
        return TestApp(app, extra_environ={"HTTP_HOST": "localhost"})

    return make


def test_what_the_plug_in_proposes_holds_until_the_site_decides(site: Any) -> None:
    client = site({"prea": "/prea"})
    assert client.get("/prea").text == "/prea"
    assert client.get("/prea/3").text == "/prea/3"


@pytest.mark.parametrize(("name", "prefix"), [("preb", "/umfragen"), ("prec", "/a/b"), ("pred", "/投票")])
def test_the_site_moves_it_and_the_links_follow(site: Any, name: str, prefix: str) -> None:
    client = site({name: f"/{name}"}, **{name: prefix})
    (link,) = client.get("/").html.find_all("a", string=f"The {name}")
    assert client.get(link["href"], status=200)
    assert client.app.registry.settings[f"flasky.prefix.{name}"] == prefix
    client.get(f"/{name}", status=404)


@pytest.mark.parametrize("value", ["umfragen", "/umfragen/", "//x", "/x y", "/{x}", "/x?y", "/%41", "/"])
def test_what_is_no_prefix_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected nothing, or a path such as /polls"):
        parse_prefix(value)
    assert "expected nothing, or a path" in Plugin(name="polls", prefix=value).faults()[0]


def test_two_of_one_prefix_are_a_fault(site: Any) -> None:
    with pytest.raises(ConfigurationFaults) as caught:
        site({"pree": "/pree", "pref": "/pref"}, pref="/pree")
    text = str(caught.value)
    assert "key flasky.prefix.pref: the plug-ins 'pree' and 'pref' both have the prefix /pree" in text
    assert "'pree.show' of pree and 'pref.show' of pref are at the same address /pree/{}" in text


def test_an_address_of_the_kernel_is_a_fault(site: Any) -> None:
    with pytest.raises(ConfigurationFaults, match=r"'flasky\.health\.live' of flasky .* address /health/live"):
        site({"preg": "/preg"}, preg="/health/live")


def test_a_misspelt_plug_in_is_a_fault_with_the_near_one(site: Any) -> None:
    with pytest.raises(ConfigurationFaults, match=r"flasky\.prefix\.preh2.*Did you mean flasky\.prefix\.preh1\?"):
        site({"preh1": "/preh"}, preh2="/x")


def test_the_line_of_a_plug_in_that_is_not_enabled_keeps_no_site_down(make_app: Any) -> None:
    """As `moved.size` does not: it could otherwise be neither disabled nor left out nor removed."""
    app = make_app(flasky__plugins="main accounts", flasky__prefix__moved="/umzug", flasky__prefix__blog="no prefix")
    assert "flasky.prefix.moved" not in get_site(app.registry).settings


def test_what_cannot_be_a_plug_in_is_a_fault_all_the_same(make_app: Any) -> None:
    with pytest.raises(ConfigurationFaults, match=r"flasky\.prefix\.Not a name: there is no such setting"):
        make_app(flasky__plugins="main", **{"flasky__prefix__Not a name": "/x"})


def test_what_the_world_looks_for_at_the_root_stays_there(make_app: Any) -> None:
    app = make_app(flasky__plugins="main accounts blog", flasky__prefix__blog="/journal")
    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
    robots = client.get("/robots.txt", status=200)
    assert "http://localhost/journal/sitemap.xml" in robots
    assert "Disallow: /journal/drafts\n" in robots
    client.get("/journal/robots.txt", status=404)


def test_what_ships_can_be_moved_too(make_app: Any) -> None:
    app = make_app(flasky__plugins="main accounts", flasky__prefix__accounts="/members")
    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost"})
    page = client.get("/members/auth/login", status=200)
    assert page.forms[0].action == "/members/auth/login"
    assert client.get("/").html.find("a", href="/members/auth/login") is not None
    client.get("/auth/login", status=404)
