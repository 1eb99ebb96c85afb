"""Starting to watch: in development, an application keeps a trace of each request and shows them."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.events import NewResponse

from flasky.templating import get_environment
from flasky.tracing.overlay import add_panel, show_slot_with_label
from flasky.tracing.templates import trace_templates
from flasky.tracing.traces import set_traces

#: After the environment of the templates is furnished, before a template is compiled.
_LAST = 1002


def includeme(config: Configurator) -> None:
    """Keep a trace of each request, and offer the pages and the switch that show them."""
    set_traces(config.registry)
    config.add_route("flasky.traces", "/_trace")
    config.add_route("flasky.trace", "/_trace/{id:[0-9a-f]{16}}")
    config.add_subscriber(add_panel, NewResponse)

    def watch_templates() -> None:
        environment = get_environment(config.registry)
        environment.globals["slot"] = show_slot_with_label
        trace_templates(environment, config.registry)

    config.action("flasky.tracing", watch_templates, order=_LAST)
    config.scan("flasky.tracing.views")
