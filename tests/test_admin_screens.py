"""Administration screens: one page links to those that a visitor may see; what does not fit is a fault at start."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from made_plugins import make_plugin
from webtest import TestApp

from flasky.admin_screens import admin_screens, visible_screens
from flasky.settings import ConfigurationFaults

TWO = """
config.set_identity(lambda request: request.registry.get("test.identity"))
for order, what in ((20, 'first'), (10, 'second')):
    config.declare_permission(f'{name}.{{what}}', what, roles=())
    config.add_route(f'{name}.{{what}}', f'/{{what}}')
    config.add_view(lambda request: {{}}, route_name=f'{name}.{{what}}', renderer='json', request_method='GET',
                    permission=f'{name}.{{what}}')
    config.add_admin_screen(f'{name}.{{what}}', f'The {{what}} screen', permission=f'{name}.{{what}}',
                            description='For <b>', order=order)
"""


@pytest.fixture(autouse=True)
def _path(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)


def _identity(*permissions: str) -> Any:
    return SimpleNamespace(permissions=frozenset(permissions), language=None, timezone=None)


def test_the_page_links_to_what_a_visitor_may_see(make_app, tmp_path) -> None:
    make_plugin(tmp_path, "screens", TWO.format(name="screens"))
    app = make_app(flasky__plugins="main screens")
    client = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "HTTP_COOKIE": "some=thing"})
    assert [screen.route for screen in admin_screens(app.registry)] == ["screens.second", "screens.first"]
    client.get("/administration", status=403)
    assert "Administration" not in client.get("/", status=200)
    app.registry["test.identity"] = _identity("screens.first")
    page = client.get("/administration", status=200)
    assert "The first screen" in page
    assert "For &lt;b&gt;" in page
    assert "The second screen" not in page
    assert client.get("/", status=200).html.find("a", href="/administration") is not None
    app.registry["test.identity"] = _identity("screens.first", "screens.second")
    links = [a["href"] for a in client.get("/administration").html.select("main a")]
    assert links == ["/second", "/first"]
    chinese = client.get("/administration", headers={"Accept-Language": "zh"})
    assert "<h1>管理</h1>" in chinese


def test_a_site_without_screens_shows_nobody_anything(bare_app) -> None:
    request = SimpleNamespace(registry=SimpleNamespace(get=lambda *_: {}), identity=_identity("a.b"))
    assert visible_screens(request) == []


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("scrone", "config.add_admin_screen('scrone.x', 'X', permission='scrone.lost')", "no enabled plug-in declares"),
        ("scrtwo", "config.add_admin_screen('scrtwo.x', 'X', permission='')", "needs a permission"),
        (
            "scrthree",
            (
                "config.declare_permission('scrthree.x', 'X')\n"
                "config.add_admin_screen('scrthree.x', 'X', permission='scrthree.x')"
            ),
            "has no route",
        ),
        (
            "scrfour",
            (
                "config.declare_permission('scrfour.x', 'X')\nconfig.add_route('scrfour.x', '/x/{id}')\n"
                "config.add_admin_screen('scrfour.x', 'X', permission='scrfour.x')"
            ),
            "without placeholders",
        ),
        (
            "scrfive",
            (
                "config.declare_permission('scrfive.x', 'X')\nconfig.declare_permission('scrfive.y', 'Y')\n"
                "config.add_route('scrfive.x', '/x')\n"
                "config.add_view(lambda request: {}, route_name='scrfive.x', renderer='json', permission='scrfive.y')\n"
                "config.add_admin_screen('scrfive.x', 'X', permission='scrfive.x')"
            ),
            "says permission='scrfive.x', and its view 'scrfive.y'",
        ),
    ],
)
def test_what_does_not_fit_is_a_fault_at_start(make_app, tmp_path, name, body, words) -> None:
    make_plugin(tmp_path, name, body)
    with pytest.raises(ConfigurationFaults, match=words):
        make_app(flasky__plugins=f"main {name}")
