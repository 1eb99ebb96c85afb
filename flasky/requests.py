"""One class for all requests of an application, and a short way for its events.

Pyramid gives a request what `config.add_request_method` added by making a class for this one request, each time:
of a small page that is a fifth of the time. What was added does not change once the application is complete.
"""

from __future__ import annotations

from typing import Any

from pyramid.registry import Registry
from pyramid.threadlocal import RequestContext
from zope.interface import providedBy


def use_one_class(router: Any) -> None:
    """Let Pyramid's `router` make its requests of one class that has all attributes and methods that were added.

    A request that somebody else makes (a subrequest, a script's) still gets them from Pyramid, one by one.
    """
    added = router.request_extensions
    if added is None:
        return
    factory: Any = router.request_factory
    if not isinstance(factory, type):
        # A plug-in's function (`config.set_request_factory`) may make requests of several classes.
        return
    # An attribute and a method of one name cannot be: Pyramid calls that a conflict.
    members = {**added.methods, **added.descriptors, "__module__": factory.__module__}
    whole = type(factory.__name__, (factory,), members)

    def request_context(environ: dict[str, Any]) -> RequestContext:
        request = whole(environ)
        request.registry = router.registry
        request.invoke_subrequest = router.invoke_subrequest
        return RequestContext(request)

    router.request_context = request_context


def notify_directly(registry: Registry) -> None:
    """Let `registry.notify` call the subscribers itself: Pyramid asks zope for them, through two functions and a list.

    That comes with five events of each request. Who subscribes later is heard, too: zope itself remembers who they are.
    """

    def notify(*events: Any) -> None:
        for subscriber in registry.adapters.subscriptions([providedBy(event) for event in events], None):
            subscriber(*events)

    registry.notify = notify
