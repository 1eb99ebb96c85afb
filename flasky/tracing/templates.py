"""Templates in the trace: each one that is rendered, extended or included is told of as a run of its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from time import perf_counter
from types import CodeType
from typing import Any

from jinja2 import Environment, Template
from jinja2.runtime import Context
from pyramid.registry import Registry

from flasky.overriding import split_name
from flasky.ownership import owner_of_template
from flasky.site import get_site
from flasky.statistics.meter import Meter, get_meter

TEMPLATE = "template"


def trace_templates(environment: Environment, registry: Registry) -> None:
    """Let every template of `environment` tell when it is rendered."""
    meter, site = get_meter(registry), get_site(registry)

    class Traced(environment.template_class):  # type: ignore[name-defined,misc] # made for this one environment
        @classmethod
        def from_code(
            cls,
            environment: Environment,
            code: CodeType,
            globals: MutableMapping[str, Any],  # noqa: A002 - Jinja's name
            uptodate: Callable[[], bool] | None = None,
        ) -> Template:
            made: Template = super().from_code(environment, code, globals, uptodate)
            owner = owner_of_template(site, made.filename or "").name
            shown = split_name(made.name)[0]
            made.root_render_func = _traced(meter, owner, shown, made.root_render_func)
            return made

    environment.template_class = Traced


def _traced(meter: Meter, owner: str, name: str, render: Any) -> Any:
    def traced(context: Context) -> Iterator[str]:
        listener, before = meter.listener(), meter.sent()
        if listener is None:
            yield from render(context)
            return
        listener.begin()
        started = perf_counter()
        try:
            yield from render(context)
        finally:
            sent = meter.sent() - before
            listener.end((owner, TEMPLATE), name, started, perf_counter() - started, sent)

    return traced
