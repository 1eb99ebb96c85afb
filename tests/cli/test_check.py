"""`flasky check`, on a plug-in with one mistake of each kind."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from flasky import references

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "flasky"
Flasky = Callable[..., Result]

VIEWS = """\
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config


@view_config(route_name="polls.index", permission="polls.vote", renderer="polls/index.jinja2")
def index(request):
    request.route_path("polls.idnex")
    request.has_permission("polls.vtoe")
    request.registry.settings["polls.sise"], request.registry.settings.get("mail.prot")
    request.registry.settings["pyramid.whatever"]
    request.send_mail("a@example.com", "Subject", "mail/tset")
    request.asset_url(request, "flasky", "flaksy.css")
    request.route_path("polls." + "computed")
    return {}


def shapes(request):
    get_environment(request.registry).get_template("polls/nothing.jinja2")
    s = get_site(request.registry).settings
    (t := request.registry.settings)["mail.qqqqqqqqqqqqq1"]

    def inner():
        return s["mail.qqqqqqqqqqqqq2"], t.get("mail.qqqqqqqqqqqqq3")


def other(s):
    settings = {}
    jinja2.Environment().get_template("polls/of_another_environment.jinja2")
    return s["mail.port of something else"], settings["mail"], settings.get("polls")


def parameter(t, request):
    s = request.registry.settings
    return t["mail.port of something else"], (lambda s: s["mail.port of something else"])


def inside():
    class Names:
        s = get_site(None).settings

        def method(self, registry):
            return s["mail.port of something else"]
"""
TEMPLATE = """\
{% extends "base.jinja2" %}
{% block content %}
{{ request.route_path("main.idnex") }} {{ request.route_url("main.index") }}
{{ asset_url("flasky", "favicon.svgg") }}
{% include "polls/perhaps.jinja2" ignore missing %}
{{ request.registry.settings["flasky.bse_url"] }}
{{ request.registry.settings.get("mail.prot") }} {{ request.registry.settings["flasky.base_url"] }}
{% endblock %}
"""
INIT = """\
from flasky.plugin import Plugin

plugin = Plugin(name="polls")


def includeme(config):
    config.add_jinja2_search_path("flasky_polls:templates", name=".jinja2")
    config.add_route("polls.index", "/polls")
    config.scan("flasky_polls.views")
"""


@pytest.fixture
def polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the plug-in `polls`, installed."""
    folder = tmp_path / "flasky_polls"
    (folder / "templates" / "polls").mkdir(parents=True)
    (folder / "__init__.py").write_text(INIT, encoding="utf-8")
    (folder / "views.py").write_text(VIEWS, encoding="utf-8")
    (folder / "templates" / "polls" / "index.jinja2").write_text(TEMPLATE, encoding="utf-8")
    metadata = tmp_path / "flasky_polls-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: flasky_polls\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[flasky.plugins]\npolls = flasky_polls:plugin\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    # Before, too: the plug-in of the documentation's pages has this name, and what a test imported stays imported.
    _forget("flasky_polls")
    yield folder
    _forget("flasky_polls")


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


@pytest.fixture(scope="module", autouse=True)
def _what_ships_is_read_once() -> Iterator[None]:
    """The checks of this module read Flasky's own files, which do not change meanwhile, with the first of them only."""
    kept: dict[tuple[str, Path], list[references.Reference]] = {}

    def remembering(name: str) -> Callable[..., Iterator[references.Reference]]:
        read = getattr(references, name)

        def look(*given: Any) -> Iterator[references.Reference]:
            file = given[-1]
            if not file.is_relative_to(SHIPPED):
                return read(*given)
            if (name, file) not in kept:
                kept[name, file] = list(read(*given))
            return iter(kept[name, file])

        return look

    with pytest.MonkeyPatch.context() as patch:
        for name in ("in_python", "in_template"):
            patch.setattr(references, name, remembering(name))
        yield


def test_flasky_itself_names_nothing_that_does_not_exist(flasky: Flasky) -> None:
    """Every shipped plug-in and the kernel."""
    result = flasky("--ini", ROOT / "development.ini", "check")
    assert (result.exit_code, result.output) == (0, "No problem found.\n")


def test_every_kind_of_mistake_is_found_with_file_and_line(
    flasky: Flasky, ini_file: Callable[..., Path], polls: Path
) -> None:
    result = flasky("--ini", ini_file(flasky__plugins="main accounts polls"), "check")
    assert result.exit_code == 1
    page = "flasky_polls/templates/polls/index.jinja2"
    assert result.output.splitlines() == [
        f"{page}:3: there is no route 'main.idnex'. Did you mean 'main.index'?",
        f"{page}:4: there is no static file 'flasky/favicon.svgg'. Did you mean 'flasky/favicon.svg'?",
        f"{page}:6: there is no setting 'flasky.bse_url'. Did you mean 'flasky.base_url'?",
        f"{page}:7: there is no setting 'mail.prot'. Did you mean 'mail.port'?",
        "flasky_polls/views.py:5: there is no permission 'polls.vote'",
        "flasky_polls/views.py:7: there is no route 'polls.idnex'. Did you mean 'polls.index'?",
        "flasky_polls/views.py:8: there is no permission 'polls.vtoe'",
        "flasky_polls/views.py:9: there is no setting 'mail.prot'. Did you mean 'mail.port'?",
        "flasky_polls/views.py:9: there is no setting 'polls.sise'",
        "flasky_polls/views.py:11: there is no mail 'mail/tset'. Did you mean 'mail/test'?",
        "flasky_polls/views.py:12: there is no static file 'flasky/flaksy.css'. Did you mean 'flasky/flasky.css'?",
        "flasky_polls/views.py:18: there is no template 'polls/nothing.jinja2'. Did you mean 'polls/index.jinja2'?",
        "flasky_polls/views.py:20: there is no setting 'mail.qqqqqqqqqqqqq1'",
        "flasky_polls/views.py:23: there is no setting 'mail.qqqqqqqqqqqqq2'",
        "flasky_polls/views.py:23: there is no setting 'mail.qqqqqqqqqqqqq3'",
        "15 problems.",
    ]


def test_json(flasky: Flasky, ini_file: Callable[..., Path], polls: Path) -> None:
    rows = json.loads(flasky("--ini", ini_file(flasky__plugins="main polls"), "check", "--json").output)
    assert len(rows) == 15
    assert rows[0]["where"] == "flasky_polls/templates/polls/index.jinja2:3"


def test_a_view_on_a_route_that_does_not_exist_is_found_although_nothing_starts(
    flasky: Flasky, ini_file: Callable[..., Path], polls: Path
) -> None:
    """Pyramid stops at it; the place is told like the others."""
    (polls / "views.py").write_text(VIEWS.replace('route_name="polls.index"', 'route_name="polls.x"'), encoding="utf-8")
    result = flasky("--ini", ini_file(flasky__plugins="main accounts polls"), "check")
    assert result.exit_code == 1
    assert "flasky_polls/views.py:5: No route named polls.x found for view registration" in result.output


def test_a_template_that_does_not_exist_is_found(flasky: Flasky, ini_file: Callable[..., Path], polls: Path) -> None:
    """The site does not start with it; the check says where it is named, in words and in JSON."""
    page = polls / "templates" / "polls" / "index.jinja2"
    page.write_text('{% extends "base.jinja2" %}\n\n{% include "polls/aside.jinja2" %}\n', encoding="utf-8")
    ini = ini_file(flasky__plugins="main accounts polls")
    result = flasky("--ini", ini, "check")
    assert result.exit_code == 1
    assert f"{page}, line 3: " in result.output
    assert "'polls/aside.jinja2'" in result.output
    assert len(json.loads(flasky("--ini", ini, "check", "--json").output)) == 1


def test_a_plugin_that_is_switched_off_is_not_checked(
    flasky: Flasky, ini_file: Callable[..., Path], polls: Path
) -> None:
    assert flasky("--ini", ini_file(flasky__plugins="main"), "check").exit_code == 0


def test_deploy_adds_what_a_public_site_must_not_have(flasky: Flasky, ini_file: Callable[..., Path]) -> None:
    """CFG-02: numbered findings, exit status for CI."""
    result = flasky("--ini", ini_file(flasky__plugins="main"), "check", "--deploy")
    assert result.exit_code == 1
    assert "F101: flasky.environment is testing" in result.output


MORE = """\
from typing import Final

ROUTE = "polls.by_constant"
RENDERER: Final = "polls/by_constant.jinja2"
HIDDEN = "polls.hidden_by_a_parameter"
TWICE = "polls.bound_twice"
TWICE = "polls.index"
POLL = "polls.elsewhere"


def names(request, config, HIDDEN):
    request.route_path(ROUTE)
    request.route_url(HIDDEN), request.route_url(TWICE)
    request.route_path("polls.yes" if config else "polls.no")
    request.route_path(config or "polls.or")
    request.current_route_url(_route_name="polls.current")
    request.has_permission(permission="polls.keyword")
    asset_url(request, name="polls", path="keyword.png")
    render(renderer_name=RENDERER, value={})
    request.send_mail("a@example.com", "Subject", template="mail/keyword")
    request.registry.settings["mail.qqqqq1" if config else "mail.port"]
    config.get_settings()["mail.qqqqq2"], config.get_settings().get("mail.qqqqq3"), config.get_settings()["mail.port"]
    own = config.get_settings()
    own["mail.qqqqq4"], own.get("mail.port")
    request.static_path("flasky_polls:static/nope.css"), request.static_url(path="flasky_polls:static/polls.css")
    request.has_permission("__no_permission")


def not_run(config):
    config.add_slot("home", "polls/slot.jinja2")
    config.add_slot("home", filling="polls/filling.jinja2", permission="polls.slot")
    config.replace_slot("home", "name", "polls/replaced.jinja2")
    config.add_route(POLL, "/elsewhere")
    config.add_route(name="polls.by_keyword", pattern="/by-keyword")


def fine(request):
    request.route_path(POLL), request.route_path("polls.by_keyword")
"""
MORE_PAGE = """\
{{ request.route_path(route_name="polls.keyword") }}
{{ request.has_permission(permission="polls.permission") }}
{{ asset_url(name="polls", path="keyword.svg") }}
{{ request.route_path("polls.one" if x else "main.index") }}
{% include ["polls/one.jinja2", "polls/two.jinja2"] %}
{% include ["polls/one.jinja2", "polls/index.jinja2"] %}{% include ["polls/one.jinja2", x] %}
{% include x or "polls/if.jinja2" %}
<img src="/static/polls/literal.png"> <img src="/static/polls/dot.png?x=1"> <img src="/static/polls/{{ x }}.png">
<!-- on /static/polls/comment.png --> <img src="/static/polls/v0123456789ab/dot.png">
{{ request.static_url("flasky_polls:static/dot.jpeg") }} {{ request.static_path("flasky_polls:static/dot.png", x=1) }}
"""
CSS = """\
/* url(comment.png)
*/
@import "sub/nope.css";
a { background: url(dot.png) url("dot.png#x") url('no%20pe.png') }
b { background: url(data:image/png;base64,AA) url(https://example.com/x.png) url(//example.com/x) url(#here) }
c { background: url(/static/flasky/favicon.svg) url(/static/flasky/favicon.svgg) url(/elsewhere.png) }
d::after{content: "url(text.png)" '@import "text.css"' "\\"url(text.png)" "/*"; b: url(gone\\ 1.png) url("\\67one.png")}
e { background: url(dot\\.png) url("d\\6f t.png") url('dot.\\
png'); quotes: "*/" my-url(text.png) }
.f\\' { b: url(\\0.png) url(\\d800.png) url(\\110000.png) }
"""


@pytest.fixture
def more(polls: Path) -> Path:
    """The plug-in `polls` with names in every shape, beside code that does not run."""
    (polls / "views.py").write_text("", encoding="utf-8")
    (polls / "more.py").write_text(MORE, encoding="utf-8")
    pages = polls / "templates" / "polls"
    (pages / "index.jinja2").write_text("", encoding="utf-8")
    (pages / "more.jinja2").write_text(MORE_PAGE, encoding="utf-8")
    (polls / "static" / "sub").mkdir(parents=True)
    (polls / "static" / "polls.css").write_text(CSS, encoding="utf-8")
    (polls / "static" / "dot.png").write_bytes(b"")
    (polls / "static" / "sub" / "sub.css").write_text("a { b: url(../dot.png) url(dot.png) }", encoding="utf-8")
    adding = (
        '    config.add_static_files("polls", "flasky_polls:static")\n'
        '    config.add_static_view("files", "flasky_polls:static")\n    config.scan'
    )
    (polls / "__init__.py").write_text(INIT.replace("    config.scan", adding), encoding="utf-8")
    return polls


def test_names_are_found_in_whatever_shape_they_stand(
    flasky: Flasky, ini_file: Callable[..., Path], more: Path
) -> None:
    """Constants of the module, keywords, either-or, calls that do not run, lists, literal addresses, style sheets."""
    result = flasky("--ini", ini_file(flasky__plugins="main polls"), "check")
    said = [line.partition(". Did you mean")[0] for line in result.output.splitlines()]
    page, code = "flasky_polls/templates/polls/more.jinja2", "flasky_polls/more.py"
    assert said == [
        f"{code}:12: there is no route 'polls.by_constant'",
        f"{code}:14: there is no route 'polls.no'",
        f"{code}:14: there is no route 'polls.yes'",
        f"{code}:15: there is no route 'polls.or'",
        f"{code}:16: there is no route 'polls.current'",
        f"{code}:17: there is no permission 'polls.keyword'",
        f"{code}:18: there is no static file 'polls/keyword.png'",
        f"{code}:19: there is no template 'polls/by_constant.jinja2'",
        f"{code}:20: there is no mail 'mail/keyword'",
        f"{code}:21: there is no setting 'mail.qqqqq1'",
        f"{code}:22: there is no setting 'mail.qqqqq2'",
        f"{code}:22: there is no setting 'mail.qqqqq3'",
        f"{code}:24: there is no setting 'mail.qqqqq4'",
        f"{code}:25: there is no static file 'flasky_polls:static/nope.css'",
        f"{code}:26: there is no permission '__no_permission'",
        f"{code}:30: there is no template 'polls/slot.jinja2'",
        f"{code}:31: there is no permission 'polls.slot'",
        f"{code}:31: there is no template 'polls/filling.jinja2'",
        f"{code}:32: there is no template 'polls/replaced.jinja2'",
        "flasky_polls/static/polls.css:3: there is no static file 'polls/sub/nope.css'",
        "flasky_polls/static/polls.css:4: there is no static file 'polls/no pe.png'",
        "flasky_polls/static/polls.css:6: there is no static file 'flasky/favicon.svgg'",
        "flasky_polls/static/polls.css:7: there is no static file 'polls/gone 1.png'",
        "flasky_polls/static/polls.css:7: there is no static file 'polls/gone.png'",
        "flasky_polls/static/polls.css:10: there is no static file 'polls/�.png'",
        "flasky_polls/static/sub/sub.css:1: there is no static file 'polls/sub/dot.png'",
        f"{page}:1: there is no route 'polls.keyword'",
        f"{page}:2: there is no permission 'polls.permission'",
        f"{page}:3: there is no static file 'polls/keyword.svg'",
        f"{page}:4: there is no route 'polls.one'",
        f"{page}:5: there is no template 'polls/one.jinja2', nor any other of the list",
        f"{page}:7: there is no template 'polls/if.jinja2'",
        f"{page}:8: there is no static file 'polls/literal.png'",
        f"{page}:10: there is no static file 'flasky_polls:static/dot.jpeg'",
        "34 problems.",
    ]
    # What is meant is a constant, and no name to write.
    assert "'__no_permission_required__'" not in result.output


def test_files_that_cannot_be_read_are_problems_with_their_lines(
    flasky: Flasky, ini_file: Callable[..., Path], polls: Path
) -> None:
    """A Python file may say its own coding, and an editor's lock is a link to nothing."""
    (polls / "views.py").write_text("", encoding="utf-8")
    pages = polls / "templates" / "polls"
    (pages / "index.jinja2").write_text("", encoding="utf-8")
    (pages / "latin.txt").write_bytes(b"\ncaf\xe9")
    (polls / "chinese.py").write_bytes("# -*- coding: gbk -*-\n# 胡同\nrequest.route_path('no.胡同')\n".encode("gbk"))
    (polls / "broken.py").write_text("\nconfig.add_route('x', )\ndef f(:\n", encoding="utf-8")
    (polls / "latin.py").write_bytes(b"# caf\xe9\n")
    (polls / "zero.py").write_bytes(b"\0")
    for lock in (polls / ".#x.py", pages / ".#x.jinja2"):
        lock.symlink_to("nobody@nowhere.1")
    result = flasky("--ini", ini_file(flasky__plugins="main polls"), "check")
    said = result.output.splitlines()
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in said[:-1]] == [
        "flasky_polls/broken.py",
        "flasky_polls/chinese.py",
        "flasky_polls/latin.py",
        "flasky_polls/templates/polls/latin.txt",
        "flasky_polls/zero.py",
    ]
    assert said[0].startswith("flasky_polls/broken.py:3: this does not compile: ")
    assert said[1] == "flasky_polls/chinese.py:3: there is no route 'no.胡同'"
    assert said[3] == "flasky_polls/templates/polls/latin.txt:2: this is not UTF-8"
    assert said[-1] == "5 problems."
