"""flasky.templating: what templates can use, and that a broken one stops the start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from pyramid.config import Configurator
from pyramid.request import Request, apply_request_extensions
from webtest import TestApp

import flasky
import flasky.plugins.main as plugin
from flasky.directives import ANONYMOUS, SIGNED_IN, Badge
from flasky.languages import _
from flasky.settings import ConfigurationFaults
from flasky.templating import Renderers, get_environment, shown_slots


def request(app: Any, language: str = "en", **environ: str) -> Request:
    made = Request.blank("/", headers={"Accept-Language": language}, environ=environ)
    made.registry = app.registry
    apply_request_extensions(made)
    return made


def render(app: Any, source: str, language: str = "en", **values: Any) -> str:
    return get_environment(app.registry).from_string(source).render(request=request(app, language), **values)


HOSTILE = "<script>alert(1)</script> 100% ${x} %(x)s"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt; 100% ${x} %(x)s"


@pytest.mark.parametrize(
    "source",
    [
        "{{ name }}",
        "{% trans name=name %}{{ name }}{% endtrans %}",
        '{{ _("%(name)s", name=name) }}',
        "{{ _(message) }}",
        "{{ message|translate }}",
        "{{ name|translate }}",
    ],
)
def test_what_people_typed_is_escaped_however_it_is_translated(bare_app: Any, source: str) -> None:
    """XSS-02. Jinja's own gettext would pass `_(message)` as safe HTML and stumble over the per cent signs."""
    message = _("${name}", mapping={"name": HOSTILE})
    assert render(bare_app, source, name=HOSTILE, message=message) == ESCAPED


def test_texts_are_translated(bare_app: Any) -> None:
    source = '{% trans %}Home{% endtrans %} {{ _("Home") }} {{ home|translate }}'
    assert render(bare_app, source, "zh", home=_("Home")) == "首页 首页 首页"


def test_plural_forms(bare_app: Any) -> None:
    source = "{% trans count=n %}{{ count }} mail{% pluralize %}{{ count }} mails{% endtrans %}"
    assert [render(bare_app, source, n=number) for number in (1, 2)] == ["1 mail", "2 mails"]


def test_a_per_cent_sign_in_a_text_is_one(bare_app: Any) -> None:
    assert render(bare_app, "{% trans %}100% of it{% endtrans %}") == "100% of it"


def test_blanks_around_a_text_are_not_part_of_it(bare_app: Any) -> None:
    assert render(bare_app, "{% trans %}\n  Home\n{% endtrans %}", "zh") == "首页"


def test_a_name_that_nobody_gave_raises(bare_app: Any) -> None:
    """P30"""
    with pytest.raises(UndefinedError):
        render(bare_app, "{{ nobody }}")


def test_a_macro_without_context_finds_the_request(bare_app: Any, dummy_request: Any) -> None:
    environment = get_environment(bare_app.registry)
    template = environment.from_string('{{ asset_url("flasky", "head.js") }}')
    assert template.render().startswith("/static/flasky/v")


class FakeMember:
    userid = "7"
    language = None
    timezone = None
    permissions = frozenset({"polls.vote"})


def entry(config: Configurator) -> None:
    config.add_route("a", "/a b")
    config.add_navigation("a", _("Home"), name="everybody", order=1)
    config.add_navigation("a", "Vote", name="vote", permission="polls.vote")
    config.add_navigation("a", "Count", name="count", permission="polls.count")
    config.add_navigation("a", "Sign in", name="in", permission=ANONYMOUS, area="account")
    config.add_navigation("a", "Sign out", name="out", permission=SIGNED_IN, area="account")
    config.add_navigation("a", "Votes", name="votes", permission="polls.votes", badge=votes, area="account")


def votes(request: Request) -> Badge | None:
    """What stands beside the link for the member whom the test lets ask; one has so many votes that it fails."""
    number = request.identity.votes
    if number is None:
        return None
    return Badge("9+" if number > 9 else str(number), _("${number} <votes>", mapping={"number": 1000 // number}))


@pytest.fixture
def navigated(make_app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    original = plugin.includeme

    def includeme(config: Configurator) -> None:
        original(config)
        entry(config)

    monkeypatch.setattr(plugin, "includeme", includeme)
    return make_app(flasky__plugins="main")


NAVIGATION = '{% for link in navigation("main") + navigation("account") %}{{ link.title|translate }} {% endfor %}'


def test_visitors_see_what_everybody_may(navigated: Any) -> None:
    assert render(navigated, NAVIGATION) == "Home Home Sign in "


def test_members_see_what_they_may(navigated: Any) -> None:
    made = request(navigated)
    made.__dict__["flasky_identity"] = FakeMember()
    template = get_environment(navigated.registry).from_string(NAVIGATION)
    assert template.render(request=made) == "Home Home Vote Sign out "


class Voter(FakeMember):
    permissions = frozenset({"polls.votes"})

    def __init__(self, votes: int | None) -> None:
        self.votes = votes


def shown_to(app: Any, member: Any, locale: str = "en") -> str:
    """The navbar of a member."""
    made = request(app, locale)
    made.__dict__["flasky_identity"] = member
    made.__dict__["identity"] = member
    source = '{{ fragment("parts/navbar.jinja2", main=(), account=navigation("account")) }}'
    return get_environment(app.registry).from_string(source).render(request=made)


def test_a_badge_is_each_members_own(navigated: Any) -> None:
    """Two whose badges look alike hear different words, though the part of the page is remembered."""
    seen = [shown_to(navigated, Voter(votes)) for votes in (10, 20, 10, None)]
    assert [">9+<" in page for page in seen] == [True, True, True, False]
    assert ["100 &lt;votes&gt;" in page for page in seen] == [True, False, True, False]
    assert "50 &lt;votes&gt;" in seen[1]
    assert "badge" not in seen[3]


def test_the_button_of_a_folded_menu_shows_and_says_that_something_waits_in_it(navigated: Any) -> None:
    """On a phone the badges themselves are within the menu."""
    buttons = [shown_to(navigated, Voter(votes)).partition("</button>")[0] for votes in (10, 20, None)]
    for button, said in zip(buttons, ("Menu 100 &lt;votes&gt;", "Menu 50 &lt;votes&gt;", "Menu"), strict=True):
        assert f'aria-label="{said}"' in button
    assert ["navbar-waiting" in button for button in buttons] == [True, True, False]


def test_a_badge_that_fails_is_logged_and_the_link_stands_without_it(
    navigated: Any, caplog: pytest.LogCaptureFixture
) -> None:
    page = shown_to(navigated, Voter(0))
    assert "Votes" in page
    assert "badge" not in page
    assert "the badge of the link 'votes' failed: ZeroDivisionError" in caplog.text


def test_an_error_page_guesses_nothing(navigated: Any) -> None:
    """P8"""
    made = request(navigated)
    made.exception = RuntimeError()
    template = get_environment(navigated.registry).from_string(NAVIGATION)
    assert template.render(request=made) == "Home Home "


def test_links_begin_where_the_site_is_mounted(navigated: Any) -> None:
    template = get_environment(navigated.registry).from_string('{{ navigation("main")[1].path }}')
    for mount in ("", "/club", ""):
        assert template.render(request=request(navigated, SCRIPT_NAME=mount)) == f"{mount}/a%20b"


def test_a_fragment_is_rendered_once_for_each_language(bare_app: Any) -> None:
    source = '{{ fragment("parts/navbar.jinja2", main=navigation("main"), account=()) }}'
    english, chinese = render(bare_app, source), render(bare_app, source, "zh")
    assert "Home" in english
    assert "首页" in chinese
    assert render(bare_app, source) == english


def broken(tmp_path: Path, make_app: Any, monkeypatch: pytest.MonkeyPatch, name: str, text: bytes) -> str:
    """Start a site whose plug-in main has a further folder of templates; what the start says."""
    original = plugin.includeme
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / name).write_bytes(text)

    def includeme(config: Configurator) -> None:
        original(config)
        config.add_jinja2_search_path(str(tmp_path / "templates"), name=".jinja2")

    monkeypatch.setattr(plugin, "includeme", includeme)
    with pytest.raises(ConfigurationFaults) as caught:
        make_app(flasky__plugins="main")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (b"\n\n{% if %}", 3, "does not compile"),
        (b"\n{{ x|shout }}", 2, "no filter 'shout'"),
        (b"{% if x is loud %}{% endif %}", 1, "no test 'loud'"),
        (b"{% extends 'bse.jinja2' %}", 1, "the template 'bse.jinja2'"),
        (b"\n{% include 'nowhere.jinja2' %}", 2, "the template 'nowhere.jinja2'"),
        (b"{% trans %}{{ x.y }}{% endtrans %}", 1, "does not compile"),
    ],
)
def test_a_broken_template_stops_the_start(
    tmp_path: Path, make_app: Any, monkeypatch: pytest.MonkeyPatch, text: bytes, line: int, problem: str
) -> None:
    """P12: plug-in or owner, file, line and problem are named."""
    said = broken(tmp_path, make_app, monkeypatch, "x.jinja2", text)
    assert f"x.jinja2, line {line}" in said
    assert problem in said


def test_a_template_that_is_not_utf_8_stops_the_start(
    tmp_path: Path, make_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not UTF-8" in broken(tmp_path, make_app, monkeypatch, "x.jinja2", b"\xff")


def test_an_optional_template_may_be_missing(bare_app: Any) -> None:
    assert render(bare_app, "{% include 'nowhere.jinja2' ignore missing %}") == ""


def test_a_view_with_a_template_that_does_not_exist_stops_the_start(
    make_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P12"""

    def includeme(config: Configurator) -> None:
        config.add_route("x", "/x")
        config.add_view(lambda _request: {}, route_name="x", renderer="main/indx.jinja2", permission="x")

    monkeypatch.setattr(plugin, "includeme", includeme)
    with pytest.raises(ConfigurationFaults, match=r"test_templating.py, line \d+: no enabled plug-in has .*indx"):
        make_app(flasky__plugins="main")


def test_a_view_must_return_a_dictionary(bare_app: Any) -> None:
    renderer = Renderers(get_environment(bare_app.registry))(SimpleNamespace(name="base.jinja2", package=None))
    with pytest.raises(TypeError, match=r"base\.jinja2 must return a dictionary"):
        renderer(7, {})


def test_a_template_beside_its_view_comes_first(bare_app: Any) -> None:
    """As pyramid_jinja2 has it."""
    environment = get_environment(bare_app.registry)
    renderers = Renderers(environment)
    made = renderers(SimpleNamespace(name="templates/parts/head.jinja2", package=flasky))
    assert "stylesheet" in made({}, {"request": request(bare_app)})
    with pytest.raises(TemplateNotFound):
        renderers(SimpleNamespace(name="templates/nowhere.jinja2", package=flasky))({}, {})


def test_the_blocks_of_the_notes_are_there(bare_app: Any) -> None:
    """PARITY 11"""
    assert set(get_environment(bare_app.registry).get_template("base.jinja2").blocks) >= {
        "title", "head", "navbar", "content", "page_content", "scripts",
    }  # fmt: skip


def test_no_template_has_inline_script_or_style(bare_testapp: TestApp) -> None:
    """HDR-02"""
    page = bare_testapp.get("/").html
    assert not page.select("style, [style], script:not([src])")
    assert not [tag for tag in page.find_all() if any(name.startswith("on") for name in tag.attrs)]


def test_the_slots_of_a_template_are_those_that_it_shows(make_app: Any, tmp_path: Path) -> None:
    """However they are written; what stands in a comment is not shown."""
    source = """{# {{ slot("left_out") }} #}{{ slot( 'one' ) }}{% set two = slot(
        "two", member=1) %}{{ timeslot("three") }}"""
    (tmp_path / "page.jinja2").write_text(source, encoding="utf-8")
    app = make_app(**{"flasky.templates": str(tmp_path)})
    assert [slot for slot, places in shown_slots(app.registry).items() if "site: page.jinja2" in places] == [
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("<html>{{ slot('navbar') }}{% block content %}{% endblock %}</html>", False),
        ('<html>{{ slot("navbar") }}{# {% extends "base.jinja2" %} #}</html>', False),
        ('<html>{{ slot("navbar") }}{% include "mine/base.jinja2" ignore missing %}</html>', False),
        ('{% extends "base.jinja2" %}', True),
        ("{% extends 'flasky:templates/base.jinja2' %}", True),
        ('{% extends ["missing.jinja2", "base.jinja2"] %}', True),
    ],
)
def test_a_slot_of_a_template_that_another_stands_before_is_not_shown(
    make_app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, is_shown: bool
) -> None:
    """Unless that one names its own name, by which it means the one behind it. Who fills a slot that is shown nowhere
    is told so; the site starts, as it may have left the slot out on purpose."""
    (tmp_path / "base.jinja2").write_text(text, encoding="utf-8")
    app = make_app(**{"flasky.templates": str(tmp_path)})
    shown = shown_slots(app.registry)
    assert ("footer" in shown) is is_shown
    assert "navbar" in shown
    told = [record.getMessage() for record in caplog.records if record.name == "flasky.slots"]
    assert len(told) == (not is_shown)
    for line in told:
        assert "pages.py, line " in line
        assert line.endswith(
            "no page of this site shows the slot 'footer', which accounts fills: "
            "another template stands before Flasky: base.jinja2"
        )


def test_a_slot_that_was_left_out_is_not_taken_for_a_misspelt_one(make_app: Any, tmp_path: Path) -> None:
    (tmp_path / "base.jinja2").write_text('{{ slot("navbar") }}{{ slot("footers") }}', encoding="utf-8")
    make_app(**{"flasky.templates": str(tmp_path)})
