"""Templates as Flasky compiles them escape what Jinja's own compiler escapes."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment
from markupsafe import Markup, escape

from flasky.compiling import Compiler


class _Proxy:
    """Says that it is Markup and is not."""

    __class__ = Markup  # type: ignore[assignment]

    def __str__(self) -> str:
        return "<proxy>"


class _OwnMarkup(Markup):
    def __html__(self) -> str:
        return "<own>"


class _HTML:
    def __html__(self) -> str:
        return "<b>html</b>"


VALUES: dict[str, Any] = {
    "text": "<script>'\"&",
    "markup": Markup("<b>safe</b>"),
    "number": 7,
    "nothing": None,
    "html": _HTML(),
    "own": _OwnMarkup("<own>"),
}
TEMPLATES = (
    "{{ value }}",
    "{{ value ~ value }}",
    "{{ value if value else '<i>' }}",
    "{{ value|safe }}",
    "{% macro shown(item) %}[{{ item }}]{% endmacro %}{{ shown(value) }}",
    "{% call(item) caller2() %}{{ item }}{% endcall %}",
    "{% for item in [value, value] %}{{ item }}{% endfor %}",
    "{% set kept %}<p>{{ value }}</p>{% endset %}{{ kept }}",
    "{% filter upper %}{{ value }}{% endfilter %}",
    "{% autoescape false %}{{ value }}{% endautoescape %}",
    "{% autoescape value %}{{ value }}{% endautoescape %}",
    "{{ [value]|join('<>') }}",
    "{{ (value, value)[0] }}, {{ {'a': value}.a }}",
)


def _rendered(compiler: Any, source: str, value: Any) -> str:
    environment = Environment(autoescape=True)
    if compiler is not None:
        environment.code_generator_class = compiler
    environment.globals["caller2"] = lambda caller: caller(value)
    return environment.from_string(source).render(value=value)


@pytest.mark.parametrize("source", TEMPLATES)
@pytest.mark.parametrize("name", VALUES)
def test_xss_02_what_is_shown_is_escaped_as_by_jinja_itself(source: str, name: str) -> None:
    assert _rendered(Compiler, source, VALUES[name]) == _rendered(None, source, VALUES[name])


def test_xss_02_only_markup_itself_is_taken_as_it_is() -> None:
    assert _rendered(Compiler, "{{ value }}", "<i>") == "&lt;i&gt;"
    assert _rendered(Compiler, "{{ value }}", _Proxy()) == str(escape(_Proxy()))


def test_markup_is_not_escaped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    environment = Environment(autoescape=True)
    environment.code_generator_class = Compiler
    template = environment.from_string("{{ value }}")
    monkeypatch.setitem(template.root_render_func.__globals__, "escape", lambda value: asked.append(value) or "?")
    assert template.render(value=Markup("<b>")) == "<b>"
    assert template.render(value="<b>") == "?"
    assert asked == ["<b>"]
