"""What is measured in an application: views, statements, and the tweens of plug-ins.

Slots and subscribers are measured where they are run (`flasky.slots`, `flasky.hooks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.interfaces import ITweens
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Engine, event
from zope.interface import implementer

from flasky.database import get_database
from flasky.ownership import KERNEL, owner_of_module
from flasky.site import get_site
from flasky.statistics.meter import BELOW, TWEEN, VIEW, Meter, NoMeter, get_meter, set_meter

View = Callable[[Any, Request], Any]
Handler = Callable[[Request], Response]

#: What begins or ends a transaction is not what somebody asked for.
_TRANSACTION_WORDS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")
#: After every tween is added.
_LAST = 1000


def includeme(config: Configurator) -> None:
    """Measure every view and statement, if the site wants it; and let tweens pass errors on, whether or not."""
    if get_site(config.registry).settings["flasky.measure"]:
        meter = Meter()
        set_meter(config.registry, meter)
        config.add_view_deriver(measure_view, "measured")
        for engine in (get_database(config.registry).engine, get_database(config.registry).read_engine):
            count_statements(engine, meter)
    else:
        set_meter(config.registry, NoMeter())
    config.action("flasky.tweens", measure_tweens, args=(config.registry,), order=_LAST)


def measure_view(view: View, info: Any) -> View:
    """A view deriver: each run of the view is noted for the plug-in whose view it is."""
    registry, original = info.registry, info.original_view
    module = getattr(original, "__module__", None) or ""
    # A view that a library made, such as Pyramid's own for files, belongs to who registered it.
    owner = owner_of_module(registry, module if knows(registry, module) else info.package.__name__).name
    key, name = (owner, VIEW), f"{module}.{getattr(original, '__qualname__', type(original).__qualname__)}"
    return get_meter(registry).measured(key, name, view)


def knows(registry: Registry, module: str) -> bool:
    """Whether `module` is Flasky's or an enabled plug-in's."""
    return bool(owner_of_module(registry, module).version)


def count_statements(engine: Engine, meter: Meter) -> None:
    """Tell `meter` of each statement that is sent."""

    def note(_cursor: Any, statement: str, *_more: object) -> None:
        if not statement.startswith(_TRANSACTION_WORDS):
            meter.note_statement()

    # Events of the dialect: one that listens to the engine's makes SQLAlchemy prepare all of those anew for each
    # connection, which takes as long as a small statement.
    for name in ("do_execute", "do_execute_no_params", "do_executemany"):
        event.listen(engine, name, note)


@implementer(ITweens)
class MeasuredTweens:
    """Pyramid's chain of tweens; those of plug-ins are measured, without what they pass a request on to."""

    def __init__(self, tweens: Any) -> None:
        self._tweens = tweens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tweens, name)

    def __call__(self, handler: Handler, registry: Registry) -> Handler:
        """Put the tweens around `handler`."""
        for name, factory in reversed(self._tweens.explicit or self._tweens.implicit()):
            handler = _measured(registry, name, factory, handler)
        return handler


def measure_tweens(registry: Registry) -> None:
    """Let the tweens of plug-ins be measured; after the last one was added."""
    registry.registerUtility(MeasuredTweens(registry.getUtility(ITweens)), ITweens)


def _measured(registry: Registry, name: str, factory: Any, handler: Handler) -> Handler:
    owner = owner_of_module(registry, name).name
    if owner == KERNEL or not knows(registry, name):
        tween: Handler = factory(handler, registry)
        return tween
    meter = get_meter(registry)
    below = meter.measured((KERNEL, BELOW), name, handler)

    # An error from below is not the tween's because it comes through it: `owner_of_error` knows this function's name.
    def flasky_passes_on(request: Request) -> Response:
        return below(request)

    return meter.measured((owner, TWEEN), name, factory(flasky_passes_on, registry))
