"""Templates as Flasky compiles them escape what Jinja's own compiler escapes."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment, pass_context, pass_environment, pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from markupsafe import Markup, escape

from flasky.compiling import Compiler, QuickContext


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


class _Callable:
    @pass_context
    def __call__(self, context: Context, *args: Any) -> str:
        return f"{sorted(context.get_exported())} {args}"


@pass_context
def _names(context: Context, *args: Any, **kwargs: Any) -> str:
    return f"{context.get('value')} {context.get('mine')} {context.get('item')} {args} {kwargs}"


@pass_environment
def _name_of_environment(environment: Environment, *args: Any) -> str:
    return f"{environment.autoescape} {args}"


@pass_eval_context
def _is_escaped(evaluation: EvalContext) -> bool:
    return evaluation.autoescape


@pass_context
def _stops(_context: Context) -> str:
    raise StopIteration


CALLS = (
    "{{ names(1, two=2) }}",
    "{% set mine = 3 %}{{ names() }}",
    "{% block inside %}{{ names(value) }}{% set mine = 4 %}{{ names() }}{% endblock %}",
    "{% for item in [1, 2] %}{% set mine = item %}{{ names() }}{% endfor %}",
    "{% block inside scoped %}{% for item in [1, 2] %}{{ names(item) }}{% endfor %}{% endblock %}",
    "{% macro shown(mine) %}{{ names(mine) }}{% endmacro %}{{ shown(5) }}",
    "{{ plain(1) }} {{ bound(2) }} {{ one(3) }} {{ environment(4) }} {{ is_escaped() }} {{ value.upper() }}",
    "[{{ stops() }}]",
)


@pytest.mark.parametrize("source", CALLS)
def test_what_a_template_calls_is_given_what_jinja_itself_gives_it(source: str) -> None:
    pages = []
    for context_class in (Context, QuickContext):
        environment = Environment(autoescape=True)
        environment.context_class = context_class
        environment.globals.update(
            names=_names, plain=lambda *args: args, bound=[7].count, one=_Callable(), environment=_name_of_environment,
            is_escaped=_is_escaped, stops=_stops,
        )  # fmt: skip
        pages.append(environment.from_string(source).render(value="text"))
    assert pages[0] == pages[1]


def test_a_function_that_wants_the_context_is_called_without_further_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(Context, "call", lambda _context, function, *_args, **_kwargs: asked.append(function))
    environment = Environment(autoescape=True)
    environment.context_class = QuickContext
    environment.globals.update(names=_names, plain=len)
    environment.from_string("{% block inside %}{{ names() }}{{ plain('') }}{% endblock %}").render()
    assert asked == [len]


def test_markup_is_not_escaped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    environment = Environment(autoescape=True)
    environment.code_generator_class = Compiler
    template = environment.from_string("{{ value }}")
    monkeypatch.setitem(template.root_render_func.__globals__, "escape", lambda value: asked.append(value) or "?")
    assert template.render(value=Markup("<b>")) == "<b>"
    assert template.render(value="<b>") == "?"
    assert asked == ["<b>"]
