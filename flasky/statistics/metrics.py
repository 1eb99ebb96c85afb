"""Metrics: numbers for a monitoring system, in the text format of Prometheus, at `/metrics`.

There is no such page unless the site has a token (`flasky.metrics_token`), and only who sends it may read the page:
behind a proxy every visitor seems to come from the own machine, so an address proves nothing. Beside what plug-ins
cost it holds what they add with `config.add_metric`.
"""

from __future__ import annotations

import hmac
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from flasky.errors.failures import report_hook
from flasky.extension_points import ExtensionPoint
from flasky.site import get_site
from flasky.statistics.numbers import ProcessNumbers
from flasky.statistics.sharing import all_processes

logger = logging.getLogger(__name__)

#: The text format's own type (prometheus.io/docs/instrumenting/exposition_formats).
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GAUGE, COUNTER = "gauge", "counter"
ROUTE = "flasky.metrics"

POINT = ExtensionPoint("flasky.metrics", "metric")

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")

#: Labels and a value.
Sample = tuple[Mapping[str, str], float]
#: Given the registry, a metric's function returns its value, or a value for each set of labels.
Function = Callable[[Registry], float | Iterable[Sample]]


class Metric(NamedTuple):
    """A number that can be asked for: its name, what it says, how it behaves, and who knows it."""

    name: str
    help: str
    function: Function
    kind: str
    package: str


def add_metric(config: Configurator, name: str, help: str, function: Function | str, *, kind: str = GAUGE) -> None:  # noqa: A002 - the format's word
    """Directive `config.add_metric("polls_open", "Polls that can be voted in.", count)`: a number at `/metrics`.

    `name` begins with the plug-in's and an underscore. `function`, or what this dotted name stands for, is given the
    registry whenever somebody asks; it returns a number, or pairs of labels and number. `kind` is `gauge` for what
    goes up and down, `counter` for what only grows; the name of such a one ends with `_total`. Raises
    ConfigurationError for another name or kind.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{config.package_name}: the metric {name!r} must be named <plug-in>_<what>, in lower-case letters, digits "
            "and single underscores"
        )
    if kind not in {GAUGE, COUNTER} or (kind == COUNTER) != name.endswith("_total"):
        raise ConfigurationError(
            f"{config.package_name}: the metric {name!r} is a {kind!r}; there are gauge and counter, and the name of a "
            "counter, and of nothing else, ends with _total"
        )
    POINT.contribute(config, name, Metric(name, help, config.maybe_dotted(function), kind, config.package_name))


def metrics(registry: Registry) -> list[Metric]:
    """Every metric of the plug-ins, by name."""
    known = POINT.contributions(registry)
    return [known[name] for name in sorted(known)]


def includeme(config: Configurator) -> None:
    """Add the directive; and the page, if the site has a token for it."""
    config.add_extension_point(POINT, add_metric)
    if get_site(config.registry).settings["flasky.metrics_token"]:
        config.add_route(ROUTE, "/metrics")
        config.scan(__name__)


@view_config(route_name=ROUTE, request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1000)
def show(request: Request) -> Response:
    """All metrics, for who sends the token."""
    token: str = get_site(request.registry).settings["flasky.metrics_token"]
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        headers = [("WWW-Authenticate", 'Bearer realm="metrics"'), ("Cache-Control", "no-store")]
        return Response(status=HTTPStatus.UNAUTHORIZED.value, headerlist=headers, app_iter=[])
    body = "".join(_lines(request.registry)).encode()
    return Response(headerlist=[("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")], app_iter=[body])


def _lines(registry: Registry) -> Iterable[str]:
    for name, what, kind, samples in _of_plugins(all_processes(registry)):
        yield from _family(name, what, kind, samples)
    for metric in metrics(registry):
        try:
            value = metric.function(registry)
            samples = [({}, value)] if isinstance(value, int | float) else list(value)
            yield "".join(_family(metric.name, metric.help, metric.kind, samples))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's function raises, the others are told
            hook, then = f"the metric {metric.name}", "the others are told without it"
            report_hook(logger, registry, error, kind="metric", hook=hook, package=metric.package, then=then)


def _of_plugins(processes: list[ProcessNumbers]) -> Iterable[tuple[str, str, str, list[Sample]]]:
    """What plug-ins cost, for each process by itself: a sum would fall when a process ends."""
    every = [({"process": str(one.pid), "plugin": name}, own) for one in processes for name, own in one.plugins.items()]
    runs = [({**labels, "kind": kind}, total) for labels, own in every for kind, total in own.runs.items()]
    versions: list[Sample] = [({**labels, "version": own.version}, 1.0) for labels, own in every]
    starts: list[Sample] = [(labels, own.start_ms / 1000) for labels, own in every]
    counts: list[Sample] = [(labels, float(total.runs)) for labels, total in runs]
    seconds: list[Sample] = [(labels, total.seconds) for labels, total in runs]
    statements: list[Sample] = [(labels, float(total.statements)) for labels, total in runs]
    errors: list[Sample] = [
        ({**labels, "kind": kind}, float(count)) for labels, own in every for kind, count in own.errors.items()
    ]
    yield "flasky_plugin_info", "Enabled plug-ins and their versions.", GAUGE, versions
    yield "flasky_plugin_start_seconds", "What the start took for a plug-in.", GAUGE, starts
    yield "flasky_plugin_runs_total", "Runs of views, slots, subscribers, tweens, jobs.", COUNTER, counts
    yield "flasky_plugin_run_seconds_total", "What these runs took.", COUNTER, seconds
    yield "flasky_plugin_statements_total", "SQL statements that these runs sent.", COUNTER, statements
    yield "flasky_plugin_errors_total", "Errors, by what failed.", COUNTER, errors


def _family(name: str, what: str, kind: str, samples: Iterable[Sample]) -> Iterable[str]:
    escaped = what.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {escaped}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        yield f"{name}{_shown_labels(labels)} {_shown(value)}\n"


def _shown_labels(labels: Mapping[str, str]) -> str:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ValueError(f"a label must be lower-case letters, digits and underscores, not {label!r}")
    pairs = [f'{label}="{_escaped(str(value))}"' for label, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _shown(value: float) -> str:
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return repr(int(number)) if number.is_integer() else repr(number)
