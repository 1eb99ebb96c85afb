"""Requests of one class: they have what `add_request_method` added, and nothing is left of one request in the next."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.events import NewRequest, NewResponse
from pyramid.request import Request
from pyramid.response import Response
from webtest import TestApp

from flasky.requests import notify_directly, use_one_class


class _Greeting:
    """A callable that is no function: Pyramid takes it for a property."""

    def __call__(self, request: Request) -> str:
        return f"hello from {request.path}"


def _router(view: Any, **options: Any) -> Any:
    with Configurator(**options) as config:
        config.add_route("index", "/")
        config.add_view(view, route_name="index")
        config.add_request_method(lambda request, word: f"{word} {request.path}", "say")
        config.add_request_method(lambda request: f"{request.method} here", "here", property=True)
        config.add_request_method(lambda _request: [], "seen", reify=True)
        config.add_request_method(_Greeting(), "greeting", property=True)
        router = config.make_wsgi_app()
    use_one_class(router)
    return router


def test_a_request_has_the_methods_and_attributes_that_were_added() -> None:
    def view(request: Request) -> Response:
        assert request.seen is request.seen
        request.here = "changed"
        return Response(f"{request.say('at')}, {request.here}, {request.greeting}")

    assert TestApp(_router(view)).get("/").text == "at /, changed, hello from /"


def test_requests_share_the_class_and_nothing_else() -> None:
    known: list[Request] = []

    def view(request: Request) -> Response:
        known.append(request)
        request.seen.append("something")
        return Response(f"{len(request.seen)} {request.here}")

    client = TestApp(_router(view))
    assert [client.get("/").text, client.get("/").text] == ["1 GET here", "1 GET here"]
    assert type(known[0]) is type(known[1]) is not Request
    assert isinstance(known[0], Request)


def test_a_subrequest_has_them_as_well() -> None:
    def view(request: Request) -> Response:
        if request.params.get("inner"):
            return Response(request.say("inner"))
        return request.invoke_subrequest(Request.blank("/?inner=1"))

    assert TestApp(_router(view)).get("/").text == "inner /"


def test_the_class_of_requests_that_a_plugin_chose_stays() -> None:
    class Own(Request):
        own = "mine"

    answer = TestApp(_router(lambda request: Response(request.own + request.say(" at")), request_factory=Own)).get("/")
    assert answer.text == "mine at /"


def test_a_function_that_makes_requests_is_left_alone() -> None:
    def factory(environ: dict[str, Any]) -> Request:
        return Request(environ)

    assert (
        TestApp(_router(lambda request: Response(request.say("at")), request_factory=factory)).get("/").text == "at /"
    )


@pytest.mark.parametrize("path", ["/", "/no-such-page"])
def test_the_site_makes_its_requests_of_one_class(bare_app: Any, bare_testapp: TestApp, path: str) -> None:
    classes = {type(bare_testapp.get(path, status="*").request).__name__}
    contexts = [bare_app._router.request_context({"PATH_INFO": path, "REQUEST_METHOD": "GET"}) for _ in range(2)]
    assert len({type(context.request) for context in contexts}) == 1
    assert classes


def test_whoever_subscribed_hears_of_events_also_who_did_so_later() -> None:
    heard: list[Any] = []
    router = _router(lambda _request: Response("ok"))
    router.registry.registerHandler(lambda event: heard.append(("first", type(event))), (NewRequest,))
    notify_directly(router.registry)
    TestApp(router).get("/")
    assert heard == [("first", NewRequest)]

    def later(event: Any) -> None:
        heard.append(("later", type(event)))

    router.registry.registerHandler(later, (NewResponse,))
    TestApp(router).get("/")
    assert heard[1:] == [("first", NewRequest), ("later", NewResponse)]
    router.registry.unregisterHandler(later, (NewResponse,))
    TestApp(router).get("/")
    assert heard[3:] == [("first", NewRequest)]
